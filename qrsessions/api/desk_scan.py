"""The API of marking at the teacher's device, by the students' personal QR codes or numbers."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.models import Status
from attendance.permissions import signed_in
from qrsessions import desk_scan
from qrsessions.api.base import CONFLICT, TeacherView
from qrsessions.api.groups import GroupView
from qrsessions.api.live_numbers import group_stats
from qrsessions.models import GroupSession, QRSession
from qrsessions.serializers import (
    GroupStatsSerializer,
    StatsSerializer,
    session_stats_json,
)


class PersonalCodeSerializer(serializers.Serializer[Any]):
    """Either ``code``, or ``number``."""

    code = serializers.CharField(
        required=False, max_length=100, help_text="The text of a student's personal QR code."
    )
    number = serializers.CharField(required=False, max_length=100, help_text="A roll number or student id.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len({"code", "number"} & set(attrs)) != 1:
            raise serializers.ValidationError(_("Send either code or number."))
        return attrs


class DeskMarkedFields(serializers.Serializer[Any]):
    """The mark that stands; ``created`` is false where it stood before. ``session`` is where the student counts."""

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


class PersonalCodes(TeacherView):
    @extend_schema(
        request=PersonalCodeSerializer,
        responses={
            200: DeskMarkedSerializer,
            201: DeskMarkedSerializer,
            400: CONFLICT,
            403: CONFLICT,
            409: CONFLICT,
        },
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Mark a student as present by hand: 201 now, 200 if present or late before."""
        session = self.session(request, public_id)
        marked = _mark(request, session)
        return _answer(marked, session_stats_json(session, at=timezone.now()))


class GroupPersonalCodes(GroupView):
    @extend_schema(
        request=PersonalCodeSerializer,
        responses={
            200: GroupDeskMarkedSerializer,
            201: GroupDeskMarkedSerializer,
            400: CONFLICT,
            403: CONFLICT,
            409: CONFLICT,
        },
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Mark a student of any of the sections as present by hand: 201 now, 200 if present or late before."""
        group_session = self.group(request, public_id)
        marked = _mark(request, group_session)
        return _answer(marked, group_stats(public_id))


def _mark(request: Request, source: QRSession | GroupSession) -> desk_scan.DeskMark:
    wanted = PersonalCodeSerializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    by, at = signed_in(request), timezone.now()
    if "code" in wanted.validated_data:
        return desk_scan.mark_by_personal_code(
            source=source, code=wanted.validated_data["code"], by=by, at=at
        )
    return desk_scan.mark_by_number(source=source, number=wanted.validated_data["number"], by=by, at=at)


def _answer(marked: desk_scan.DeskMark, stats: dict[str, Any]) -> Response:
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
    return Response({**DeskMarkedFields(body).data, "stats": stats}, status=201 if marked.created else 200)
