"""The API of registers: read whole or as changes, corrected singly or many at once, and how the class arrived."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.models import RecordChange, Student
from attendance.permissions import signed_in
from attendance.refusals import NotEnrolled
from attendance.serializers import CorrectionSerializer, RecordSerializer
from attendance.shared_devices import shared_devices
from qrsessions import bulk_marks, correcting, groups
from qrsessions.api.base import CONFLICT, TeacherView
from qrsessions.api.groups import GroupView
from qrsessions.api.live_numbers import group_stats
from qrsessions.arrivals import Arrivals, arrivals
from qrsessions.group_overview import in_order
from qrsessions.models import GroupSession, QRSession
from qrsessions.register import Changes, changes_since, register_rows
from qrsessions.register_serializers import (
    ArrivalCurveSerializer,
    BulkMarkedSerializer,
    BulkMarkSerializer,
    GroupBulkMarkedSerializer,
    GroupRecordSerializer,
    GroupRegisterChangesSerializer,
    RegisterChangesSerializer,
    UndoSerializer,
)
from qrsessions.serializers import CorrectedSerializer, session_stats_json

SINCE = OpenApiParameter(
    "since",
    description=(
        "The cursor of an earlier answer: only what changed since is told, with a new cursor. "
        "Empty for the first time."
    ),
)


class SessionRecords(TeacherView):
    @extend_schema(
        parameters=[SINCE],
        responses=PolymorphicProxySerializer(
            "Register", [RecordSerializer(many=True), RegisterChangesSerializer], None, many=False
        ),
    )
    def get(self, request: Request, public_id: str) -> Response:
        """The whole roster with what is known of each student, in natural order of the roll numbers; or what changed."""
        session = self.session_alone(request, public_id)
        cursor = request.query_params.get("since")
        if cursor is None:
            return Response(register_rows([session]))
        return _changes(changes_since(cursor, source=session, sessions=[session]))


class GroupRecords(GroupView):
    @extend_schema(
        parameters=[SINCE],
        responses=PolymorphicProxySerializer(
            "GroupRegister",
            [GroupRecordSerializer(many=True), GroupRegisterChangesSerializer],
            None,
            many=False,
        ),
    )
    def get(self, request: Request, public_id: str) -> Response:
        """All students of the group, each once, where the student counts; or what changed. Correct them under their sessions."""
        group_session = self.group(request, public_id)
        sessions = in_order(groups.members_of(group_session))
        cursor = request.query_params.get("since")
        if cursor is None:
            return Response(register_rows(sessions, counted=True))
        return _changes(changes_since(cursor, source=group_session, sessions=sessions))


class SessionRecord(TeacherView):
    @extend_schema(request=CorrectionSerializer, responses=CorrectedSerializer)
    def put(self, request: Request, public_id: str, student_id: str) -> Response:
        """Enter a student's status by hand, in every state of the session; null takes a mark back."""
        session = self.session(request, public_id)
        wanted = CorrectionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        student = get_object_or_404(Student, student_id=student_id)
        by, at = signed_in(request), timezone.now()
        try:
            entry = correcting.correct(
                session=session, student=student, by=by, at=at, **wanted.validated_data
            )
        except NotEnrolled as error:
            raise _not_on_roster() from error
        change = correcting.change_of(entry, by=by, at=at)
        return _corrected(session, entry, change.pk if change else None)


class Undo(TeacherView):
    @extend_schema(request=UndoSerializer, responses={200: CorrectedSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Put back what a correction changed, with its former method and moment. Refused if the mark has changed since."""
        session = self.session(request, public_id)
        wanted = UndoSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        changes = RecordChange.objects.filter(record__meeting=session.meeting_id)
        change = get_object_or_404(
            changes.select_related("record__student"), pk=wanted.validated_data["change"]
        )
        try:
            entry = correcting.undo(session=session, change=change, by=signed_in(request), at=timezone.now())
        except NotEnrolled as error:
            raise _not_on_roster() from error
        return _corrected(session, entry, None)


class BulkRecords(TeacherView):
    @extend_schema(request=BulkMarkSerializer, responses=BulkMarkedSerializer)
    def post(self, request: Request, public_id: str) -> Response:
        """Mark all who joined, or all the rest, of those who have no mark; for all of them, or for none."""
        session = self.session(request, public_id)
        changed = _mark_many(request, session)
        return Response({"changed": changed, "stats": session_stats_json(session, at=timezone.now())})


class GroupBulkRecords(GroupView):
    @extend_schema(request=BulkMarkSerializer, responses=GroupBulkMarkedSerializer)
    def post(self, request: Request, public_id: str) -> Response:
        """The same for all sections of the group."""
        group_session = self.group(request, public_id)
        changed = _mark_many(request, group_session)
        return Response({"changed": changed, "stats": group_stats(public_id)})


class SessionArrivalCurve(TeacherView):
    @extend_schema(responses=ArrivalCurveSerializer)
    def get(self, request: Request, public_id: str) -> Response:
        """How many had joined and were present over time, cumulative, at evenly spaced moments."""
        session = self.session(request, public_id)
        return _curve(arrivals([session.meeting], opened_at=session.created_at, ended_at=session.ended_at))


class GroupArrivalCurve(GroupView):
    @extend_schema(responses=ArrivalCurveSerializer)
    def get(self, request: Request, public_id: str) -> Response:
        """The same for all sections of the group, every student once."""
        group_session = self.group(request, public_id)
        members = groups.members_of(group_session)
        meetings = [member.meeting for member in members]
        ended_at = members[0].ended_at
        return _curve(arrivals(meetings, opened_at=group_session.created_at, ended_at=ended_at))


def _changes(changes: Changes) -> Response:
    body: dict[str, Any] = {
        "cursor": changes.cursor,
        "whole": changes.whole,
        "records": changes.rows,
    }
    return Response(body)


def _corrected(session: QRSession, entry: Any, change: int | None) -> Response:
    record = RecordSerializer(entry, context={"shared_devices": shared_devices(session.meeting)}).data
    stats = session_stats_json(session, at=timezone.now())
    return Response({"record": record, "change": change, "stats": stats})


def _mark_many(request: Request, source: QRSession | GroupSession) -> int:
    wanted = BulkMarkSerializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    by, at = signed_in(request), timezone.now()
    return bulk_marks.mark_many(source=source, by=by, at=at, **wanted.chosen)


def _curve(found: Arrivals | None) -> Response:
    return Response(ArrivalCurveSerializer(found).data if found else ArrivalCurveSerializer.nobody)


def _not_on_roster() -> NotFound:
    return NotFound(_("The student is not on the roster of this session."))
