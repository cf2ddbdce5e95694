"""The API of what happened to a session and its records: who, when, and from what to what."""

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.api.serializers import RecordChangeSerializer
from qrsessions.api.base import TeacherView
from qrsessions.queries import audit_log
from qrsessions.queries.access import find_meeting
from qrsessions.serializers.sessions import SessionEventSerializer


class SessionEvents(TeacherView):
    @extend_schema(responses=SessionEventSerializer(many=True))
    def get(self, request: Request, public_id: str) -> Response:
        """What was done to the session, newest first. A session that was discarded still has its events."""
        meeting = find_meeting(signed_in(request), public_id, on=timezone.localdate())
        events = audit_log.events_of(meeting)
        return Response(SessionEventSerializer(events, many=True).data)


class RecordChanges(TeacherView):
    @extend_schema(responses=RecordChangeSerializer(many=True))
    def get(self, request: Request, public_id: str, student_id: str) -> Response:
        """The changes to a student's record in the session, newest first."""
        meeting = find_meeting(signed_in(request), public_id, on=timezone.localdate())
        entry = get_object_or_404(meeting.roster.select_related("student"), student__student_id=student_id)
        changes = audit_log.changes_of(meeting, entry.student)
        return Response(RecordChangeSerializer(changes, many=True).data)
