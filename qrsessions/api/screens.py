"""What only the hall's screen asks for."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from qrsessions.api.base import TeacherView
from qrsessions.api.groups import GroupView
from qrsessions.latest import latest_students
from qrsessions.models import GroupSession, QRSession
from qrsessions.serializers import LatestSerializer


class SessionLatest(TeacherView):
    @extend_schema(responses=LatestSerializer)
    def get(self, request: Request, public_id: str) -> Response:
        """Who came last, by name, where the teacher turned names on; nobody where not."""
        return _answer(self.session(request, public_id))


class GroupLatest(GroupView):
    @extend_schema(responses=LatestSerializer)
    def get(self, request: Request, public_id: str) -> Response:
        """Who came last in the whole group, by name, where the teacher turned names on; nobody where not."""
        return _answer(self.group(request, public_id))


def _answer(source: QRSession | GroupSession) -> Response:
    shown = latest_students(source) if source.names_on_screen else []
    answer = LatestSerializer({"names_on_screen": source.names_on_screen, "latest": shown}).data
    return Response(answer, headers={"Cache-Control": "no-store"})
