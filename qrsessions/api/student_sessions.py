"""The API of what is open for a student, which the phones of a whole hall ask for every few seconds."""

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from qrsessions.api.base import StudentView
from qrsessions.polling.student_sessions import answer
from qrsessions.serializers.sessions import OwnSessionsSerializer


class OwnSessions(StudentView):
    @extend_schema(
        responses={
            200: OwnSessionsSerializer,
            304: OpenApiResponse(description="Unchanged since the `ETag` that was sent."),
        }
    )
    def get(self, request: Request) -> Response:
        """The sessions that are open for you now. Ask again with `If-None-Match` after `poll_after_ms`."""
        found = answer(self.student(request))
        headers = {"ETag": found.etag, "Cache-Control": "no-store"}
        # A proxy that compresses makes the tag a weak one.
        if request.headers.get("If-None-Match", "").removeprefix("W/") == found.etag:
            return Response(status=304, headers=headers)
        return Response(found.body, headers=headers)
