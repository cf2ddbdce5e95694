"""What is open for a student, which the phones of a whole hall ask again and again while they wait."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from attendance.permissions import signed_in
from qrsessions.api.base import PAGE_OF
from qrsessions.api.own_answers import headers_of, own_answer
from qrsessions.api.student_view import Answer, StudentView
from qrsessions.api.waiting_room import waiting_room
from qrsessions.devices import device_of
from qrsessions.pacing import Busy, few_readers, waiting_phones
from qrsessions.serializers import OwnSessionsSerializer


class OwnSessions(StudentView):
    """A phone that waits is answered from what this process knows, before anything else is done for it.

    Of the others it lets a few in at a time: whoever joins or marks goes before them.
    """

    @extend_schema(
        responses={
            200: OwnSessionsSerializer,
            304: OpenApiResponse(description="As the `ETag` that was sent."),
        }
    )
    def get(self, request: Request) -> Answer:
        """What is open for you now. Ask again with `If-None-Match` after `poll_after_ms`."""
        student = self.student(request)
        kept, stats = own_answer(student=student, at=timezone.now())
        pause = waiting_phones.next_ms()
        if request.auth is None:
            # Signed in by a session: it is the phone's page that asks.
            cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
            user_id = signed_in(request).pk
            waiting_room.remember(cookie, user_id=user_id, student=student, kept=kept, stats=stats)
            # Found out now, it is known when the phone marks.
            device_of(request)
        etag = kept.etag(stats, poll_after_ms=pause)
        if request.headers.get("If-None-Match") == etag:
            return Answer(None, status=304, headers=headers_of(etag))
        return Answer({"sessions": kept.told(stats), "poll_after_ms": pause}, headers=headers_of(etag))

    async def _answer(self, asked: Request, *args: Any, **kwargs: Any) -> Answer:
        if asked.method != "GET":
            return await super()._answer(asked, *args, **kwargs)
        if known := _known(asked):
            return known
        try:
            with few_readers.place():
                return await super()._answer(asked, *args, **kwargs)
        except Busy as busy:
            return self._refusal(busy)


def _known(request: HttpRequest) -> Answer | None:
    etag = request.META.get("HTTP_IF_NONE_MATCH")
    if not etag or "HTTP_AUTHORIZATION" in request.META:
        return None
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not cookie:
        return None
    known = waiting_room.answer(cookie, etag=etag, user_id=request.META.get(PAGE_OF))
    if known is None:
        return None
    headers = headers_of(known.etag)
    if known.sessions is None:
        return Answer(None, status=304, headers=headers)
    return Answer({"sessions": known.sessions, "poll_after_ms": known.poll_after_ms}, headers=headers)
