"""The API that verifies the code on an exported register."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.models import Status
from attendance.registers.verification.chain import Alteration
from attendance.registers.verification.codes import VERIFICATIONS, VerifiedCode, verify_code
from attendance.registers.verification.export_codes import shown_code
from attendance.registers.verification.verify import Difference, Outcome, ShownMark
from qrsessions.api.base import TeacherView
from qrsessions.queries.access import whole_sections

# Later changes of one register, without an end.
MAX_CHANGES = 1000


class SealedMarkSerializer(serializers.Serializer[ShownMark]):
    status = serializers.ChoiceField(Status.choices, allow_null=True)
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]  # Field has a label, too
    excused_reason = serializers.CharField(allow_null=True, help_text="The reason's code.")
    marked_at = serializers.DateTimeField(allow_null=True)


class DifferenceSerializer(serializers.Serializer[Difference]):
    """The first row that was altered outside the application."""

    what = serializers.ChoiceField(Alteration.choices)
    seal = serializers.IntegerField(
        allow_null=True, help_text="The number of the seal that shows it, if the seals alone do."
    )
    meeting = serializers.CharField(source="meeting.public_id", default=None, allow_null=True)
    student_id = serializers.CharField(source="student.student_id", default=None, allow_null=True)
    sealed = SealedMarkSerializer(allow_null=True, help_text="The mark as it was sealed.")
    now = SealedMarkSerializer(allow_null=True, help_text="The mark as it is.")


class LaterChangeSerializer(serializers.Serializer[Any]):
    """What the application changed after the export."""

    at = serializers.DateTimeField()
    by = serializers.CharField(
        source="by.display_name", default=None, allow_null=True, help_text="null for scans, and for classes."
    )
    meeting = serializers.CharField(source="meeting.public_id")
    student_id = serializers.CharField(
        source="student.student_id",
        default=None,
        allow_null=True,
        help_text="null if the class was cancelled, restored or reopened.",
    )
    before = serializers.CharField(allow_blank=True, help_text="In words.")
    after = serializers.CharField(allow_blank=True, help_text="In words.")


class VerifiedSerializer(serializers.Serializer[VerifiedCode]):
    """Who may not see the whole register hears only whether it is true: the rest is null or empty."""

    code = serializers.SerializerMethodField()
    outcome = serializers.ChoiceField(Outcome.choices)
    exported_at = serializers.DateTimeField(source="export.made_at")
    section = serializers.IntegerField(source="found.section.pk", default=None, allow_null=True)
    first_difference = DifferenceSerializer(source="found.first_difference", default=None, allow_null=True)
    changes = serializers.SerializerMethodField()
    unsealed = serializers.SerializerMethodField()
    held_since = serializers.SerializerMethodField()

    def get_code(self, verified: VerifiedCode) -> str:
        return shown_code(verified.export.code)

    @extend_schema_field(LaterChangeSerializer(many=True))
    def get_changes(self, verified: VerifiedCode) -> Any:
        """The first 1,000 after the export."""
        changes = verified.found.changes if verified.found else ()
        return LaterChangeSerializer(list(changes[:MAX_CHANGES]), many=True).data

    def get_unsealed(self, verified: VerifiedCode) -> list[str]:
        """The ids of meetings that were held before there were seals."""
        return [meeting.public_id for meeting in verified.found.unsealed] if verified.found else []

    def get_held_since(self, verified: VerifiedCode) -> list[str]:
        """The ids of meetings that were held after the export, and so are not in it."""
        return [meeting.public_id for meeting in verified.found.missing_meetings] if verified.found else []


class VerifyRegister(TeacherView):
    @extend_schema(
        parameters=[
            OpenApiParameter("code", str, required=True, description="In any case, with or without hyphen.")
        ],
        responses={200: VerifiedSerializer, 404: OpenApiResponse(description="`unknown_code`")},
    )
    def get(self, request: Request) -> Response:
        """Whether an exported register is still as it was sealed: else what changed since, or the first row that was altered
        outside the application.
        """
        user = signed_in(request)
        VERIFICATIONS.allow(str(user.pk))
        sections = whole_sections(user, on=timezone.localdate())
        return Response(
            VerifiedSerializer(verify_code(request.query_params.get("code", ""), sections=sections)).data
        )
