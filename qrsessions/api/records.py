"""The API of registers: reading them, correcting one mark or many, and the curve of arrivals."""

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.api.serializers import CorrectionSerializer, RecordSerializer
from attendance.lib.refusals import NotEnrolled
from attendance.models import Meeting, RecordChange, RosterEntry, Student
from attendance.queries.scan_traces import scan_traces
from attendance.queries.shared_devices import shared_devices
from attendance.stats import meeting_stats
from qrsessions.api.base import CONFLICT, SessionOrGroupView, TeacherView, answers
from qrsessions.models import QRSession
from qrsessions.queries.arrivals import arrivals_of
from qrsessions.queries.audit_log import change_made
from qrsessions.queries.groups import in_order, sessions_in
from qrsessions.queries.register import changes_since, register_rows
from qrsessions.serializers.registers import (
    ArrivalCurveSerializer,
    BulkMarkedSerializer,
    BulkMarkSerializer,
    GroupBulkMarkedSerializer,
    GroupRecordSerializer,
    GroupRegisterChangesSerializer,
    RegisterChangesSerializer,
    UndoSerializer,
)
from qrsessions.serializers.sessions import CorrectedSerializer, counts_of_session_json, live_stats_json
from qrsessions.services import corrections, meetings

SINCE = OpenApiParameter(
    "since",
    description=(
        "The cursor of an earlier answer: only what changed since then is returned, with a new cursor. "
        "Leave it empty the first time."
    ),
)


class Records(SessionOrGroupView):
    @answers(
        parameters=[SINCE],
        session={
            200: PolymorphicProxySerializer(
                "Register", [RecordSerializer(many=True), RegisterChangesSerializer], None, many=False
            )
        },
        group={
            200: PolymorphicProxySerializer(
                "GroupRegister",
                [GroupRecordSerializer(many=True), GroupRegisterChangesSerializer],
                None,
                many=False,
            )
        },
    )
    def get(self, request: Request, public_id: str) -> Response:
        """The whole roster with each student's record, in natural order of roll number; with `since`, only what changed.

        In a group, each student once, in the session where they count. Correct a record under its session.
        """
        if self.is_group:
            sessions = in_order(sessions_in(self.session_or_group(request, public_id)))
            meetings = [session.meeting for session in sessions]
        else:
            # A register that is typed after the class has no session.
            meetings = [self.meeting(request, public_id)]
        cursor = request.query_params.get("since")
        if cursor is None:
            return Response(register_rows(meetings, counted=self.is_group))
        changes = changes_since(cursor, meetings=meetings, counted=self.is_group)
        return Response({"cursor": changes.cursor, "whole": changes.whole, "records": changes.rows})


class SessionRecord(TeacherView):
    corrects = True

    @extend_schema(request=CorrectionSerializer, responses=CorrectedSerializer)
    def put(self, request: Request, public_id: str, student_id: str) -> Response:
        """Set a student's status by hand, in any state of the session, or of a meeting without one. null removes the mark."""
        meeting = self.meeting(request, public_id)
        wanted = CorrectionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        student = get_object_or_404(Student, student_id=student_id)
        by, at = signed_in(request), timezone.now()
        session = QRSession.objects.with_names().filter(pk=meeting.pk).first()
        try:
            if session:
                entry = corrections.correct(
                    session=session,
                    student=student,
                    by=by,
                    at=at,
                    may_add=meeting.may_manage,
                    **wanted.validated_data,
                )
            else:
                entry = meetings.enter(
                    meeting=meeting, student=student, by=by, at=at, **wanted.validated_data
                )
        except NotEnrolled as error:
            raise _not_on_roster() from error
        change = change_made(entry, by=by, at=at)
        return _corrected(meeting, entry, change.pk if change else None)


class Undo(TeacherView):
    corrects = True

    @extend_schema(request=UndoSerializer, responses={200: CorrectedSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Undo a change by hand, also of a meeting without a session: restore the earlier status, method and time. Refused if the mark has changed since."""
        meeting = self.meeting(request, public_id)
        wanted = UndoSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        changes = RecordChange.objects.filter(record__meeting=meeting)
        change = get_object_or_404(
            changes.select_related("record__student"), pk=wanted.validated_data["change"]
        )
        by, at = signed_in(request), timezone.now()
        session = QRSession.objects.with_names().filter(pk=meeting.pk).first()
        try:
            if session:
                entry = corrections.undo(session=session, change=change, by=by, at=at)
            else:
                entry = meetings.undo(meeting=meeting, change=change, by=by, at=at)
        except NotEnrolled as error:
            raise _not_on_roster() from error
        return _corrected(meeting, entry, None)


class BulkRecords(SessionOrGroupView):
    corrects = True

    @answers(
        request=BulkMarkSerializer,
        session={200: BulkMarkedSerializer},
        group={200: GroupBulkMarkedSerializer},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Mark students who have no status yet: everyone who joined, or everyone. Either all are marked or none."""
        found = self.session_or_group(request, public_id)
        wanted = BulkMarkSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        by, at = signed_in(request), timezone.now()
        changed = corrections.mark_many(session_or_group=found, by=by, at=at, **wanted.chosen)
        return Response({"changed": changed, "stats": live_stats_json(found, at=timezone.now())})


class ArrivalCurve(SessionOrGroupView):
    @extend_schema(responses=ArrivalCurveSerializer)
    def get(self, request: Request, public_id: str) -> Response:
        """How many students had joined and were present over time: cumulative counts at evenly spaced times."""
        found = self.session_or_group(request, public_id)
        curve = arrivals_of(found, sessions_in(found))
        return Response(ArrivalCurveSerializer(curve).data if curve else ArrivalCurveSerializer.nobody)


def _corrected(meeting: Meeting, entry: RosterEntry, change: int | None) -> Response:
    context = {"shared_devices": shared_devices(meeting), "traces": scan_traces(meeting)}
    record = RecordSerializer(entry, context=context).data
    status = meeting.session.status if hasattr(meeting, "session") else None
    stats = counts_of_session_json(
        meeting.public_id, status, meeting_stats([meeting], at=timezone.now())[meeting.pk]
    )
    return Response({"record": record, "change": change, "stats": stats})


def _not_on_roster() -> NotFound:
    return NotFound(_("This student is not on the session's roster."))
