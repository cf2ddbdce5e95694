"""The API of locked registers."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from qrsessions.api.base import CONFLICT, TeacherView
from qrsessions.serializers.meetings import MeetingSerializer, meeting_json
from qrsessions.services import meetings


class UnlockRegister(TeacherView):
    @extend_schema(request=None, responses={200: MeetingSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Let a locked register be changed for `REGISTER_LOCK_DAYS` more days. Only administrators may; it is logged."""
        meeting, at = self.meeting(request, public_id), timezone.now()
        meeting = meetings.unlock_register(meeting=meeting, by=signed_in(request), at=at)
        return Response(meeting_json(meeting, at=at))
