"""The API of what happened to a session and its records: who, when, and from what to what."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.serializers import RecordChangeSerializer
from qrsessions import audit_trail
from qrsessions.api.base import TeacherView
from qrsessions.serializers import SessionEventSerializer


class SessionEvents(TeacherView):
    @extend_schema(responses=SessionEventSerializer(many=True))
    def get(self, request: Request, public_id: str) -> Response:
        """What was done to the session, the newest first."""
        events = audit_trail.events_of(self.session(request, public_id))
        return Response(SessionEventSerializer(events, many=True).data)


class RecordChanges(TeacherView):
    @extend_schema(responses=RecordChangeSerializer(many=True))
    def get(self, request: Request, public_id: str, student_id: str) -> Response:
        """The changes of a student's record at the session, the newest first."""
        session = self.session(request, public_id)
        entry = get_object_or_404(
            session.meeting.roster.select_related("student"), student__student_id=student_id
        )
        changes = audit_trail.changes_of(session, entry.student)
        return Response(RecordChangeSerializer(changes, many=True).data)
