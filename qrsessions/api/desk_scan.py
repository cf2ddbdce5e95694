"""The API of marks at the teacher's device, by personal QR code or by number."""

import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.models import Status
from qrsessions.api.base import CONFLICT, SessionOrGroupView, answers
from qrsessions.serializers.sessions import GroupStatsSerializer, StatsSerializer, live_stats_json
from qrsessions.services import desk_marks

# How long a device may keep a scanned code while it has no connection.
MAX_WAIT = datetime.timedelta(hours=12)


class PersonalCodeSerializer(serializers.Serializer[Any]):
    """Send either ``code`` or ``number``."""

    code = serializers.CharField(
        required=False, max_length=100, help_text="The text of a student's personal QR code."
    )
    waited_seconds = serializers.IntegerField(
        default=0,
        min_value=0,
        max_value=int(MAX_WAIT.total_seconds()),
        help_text="How long ago the code was scanned, if it was kept while there was no connection.",
    )
    number = serializers.CharField(required=False, max_length=100, help_text="A roll number or student id.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len({"code", "number"} & set(attrs)) != 1:
            raise serializers.ValidationError(_("Send either code or number."))
        return attrs


class DeskMarkedFields(serializers.Serializer[Any]):
    """The student's mark. ``created`` is false if it was already there; ``session`` is where the student counts."""

    session = serializers.CharField()
    student_id = serializers.CharField()
    name = serializers.CharField()
    roll_number = serializers.CharField()
    status = serializers.ChoiceField(Status.choices)
    marked_at = serializers.DateTimeField()
    created = serializers.BooleanField()


class DeskMarkedSerializer(DeskMarkedFields):
    stats = StatsSerializer()


class GroupDeskMarkedSerializer(DeskMarkedFields):
    stats = GroupStatsSerializer()


class PersonalCodes(SessionOrGroupView):
    @answers(
        request=PersonalCodeSerializer,
        session={
            200: DeskMarkedSerializer,
            201: DeskMarkedSerializer,
            400: CONFLICT,
            403: CONFLICT,
            409: CONFLICT,
        },
        group={
            200: GroupDeskMarkedSerializer,
            201: GroupDeskMarkedSerializer,
            400: CONFLICT,
            403: CONFLICT,
            409: CONFLICT,
        },
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Mark a student present by hand: 201 if marked now, 200 if already present or late."""
        found = self.session_or_group(request, public_id)
        wanted = PersonalCodeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        by, at = signed_in(request), timezone.now()
        if code := wanted.validated_data.get("code"):
            waited = datetime.timedelta(seconds=wanted.validated_data["waited_seconds"])
            marked = desk_marks.mark_by_personal_code(
                session_or_group=found, code=code, by=by, at=at, waited=waited
            )
        else:
            number = wanted.validated_data["number"]
            marked = desk_marks.mark_by_number(session_or_group=found, number=number, by=by, at=at)
        body = {**_mark_json(marked), "stats": live_stats_json(found, at=timezone.now())}
        return Response(body, status=201 if marked.created else 200)


def _mark_json(marked: desk_marks.DeskMark) -> dict[str, Any]:
    student, record = marked.entry.student, marked.entry.record
    body = {
        "session": marked.session.public_id,
        "student_id": student.student_id,
        "name": student.name,
        "roll_number": marked.entry.roll_number,
        "status": record.status if record else None,
        "marked_at": record.marked_at if record else None,
        "created": marked.created,
    }
    return dict(DeskMarkedFields(body).data)
