"""The API of students: joining, and being marked. (What is open for them: ``own_sessions``.)"""

from functools import lru_cache
from typing import Any

from django.http import Http404
from django.utils import timezone
from django.utils.timezone import get_default_timezone
from drf_spectacular.utils import extend_schema
from rest_framework.fields import DateTimeField
from rest_framework.request import Request

from attendance.permissions import signed_in
from qrsessions import joining, scanning, sources
from qrsessions.api.base import CONFLICT
from qrsessions.api.student_view import Answer, StudentView, body_of, read_json
from qrsessions.deciding import Scanned
from qrsessions.devices import device_of
from qrsessions.models import GroupSession, QRSession
from qrsessions.serializers import (
    JoinedSerializer,
    JoinGroupSerializer,
    MarkedSerializer,
    MarkSerializer,
    stats_json,
)

# Made once: their fields are copied for each instance, which takes longer than what they do.
_MARK, _MOMENT = MarkSerializer(), DateTimeField(default_timezone=get_default_timezone())
# Longer bodies are not kept.
SHORT_BYTES = 1000


class Join(StudentView):
    gives_device = True

    @extend_schema(request=None, responses={200: JoinedSerializer, 201: JoinedSerializer, 409: CONFLICT})
    async def post(self, request: Request, public_id: str) -> Answer:
        """Join a session: 201 now, 200 if you had joined before."""
        student, at = self.student(request), timezone.now()
        session = await sources.find(public_id)
        if not isinstance(session, QRSession):
            raise Http404
        return _joined_answer(await joining.join(source=session, student=student, at=at))


class JoinGroup(StudentView):
    gives_device = True

    @extend_schema(
        request=JoinGroupSerializer, responses={200: JoinedSerializer, 201: JoinedSerializer, 409: CONFLICT}
    )
    async def post(self, request: Request, public_id: str) -> Answer:
        """Join the own session of a group; who is in several of its sections names one (409 `choose_section` lists them)."""
        student = self.student(request)
        wanted = JoinGroupSerializer(data=read_json(body_of(request)))
        wanted.is_valid(raise_exception=True)
        group_session = await sources.find(public_id)
        if not isinstance(group_session, GroupSession):
            raise Http404
        joined = await joining.join(
            source=group_session, student=student, at=timezone.now(), section=wanted.validated_data["section"]
        )
        return _joined_answer(joined)


class Mark(StudentView):
    gives_device = True

    @extend_schema(
        request=MarkSerializer,
        responses={200: MarkedSerializer, 201: MarkedSerializer, 400: CONFLICT, 403: CONFLICT, 409: CONFLICT},
    )
    async def post(self, request: Request) -> Answer:
        """Be marked by a scanned token or a typed code: 201 now, 200 if you had been marked before."""
        student, at = self.student(request), timezone.now()
        given, device = _asked(body_of(request)), device_of(request)
        if "token" in given:
            scanned = await scanning.mark_by_token(
                token=given["token"], student=student, at=at, device=device
            )
        elif "claim" in given:
            scanned = await scanning.mark_by_claim(
                claim=given["claim"], user=signed_in(request), student=student, at=at, device=device
            )
        else:
            scanned = await scanning.mark_by_code(
                public_id=given["session"], code=given["code"], student=student, at=at, device=device
            )
        return Answer(_marked_json(scanned), status=201 if scanned.marked.created else 200)


def _asked(body: bytes) -> dict[str, str]:
    """What a mark is asked for by.

    :raises APIException: if it can't be read, or is none of the three
    """
    return _read_asked(body) if len(body) < SHORT_BYTES else _read_asked.__wrapped__(body)


# A hall sends the same code of the screen.
@lru_cache(maxsize=256)
def _read_asked(body: bytes) -> dict[str, str]:
    asked: dict[str, str] = _MARK.run_validation(read_json(body))
    return asked


def _joined_answer(joined: joining.JoinedSession) -> Answer:
    body = {
        "session": joined.session.public_id,
        "joined_at": _MOMENT.to_representation(joined.joined.joined_at),
        "stats": stats_json(joined.session, joined.stats),
    }
    return Answer(body, status=201 if joined.joined.created else 200)


def _marked_json(scanned: Scanned) -> dict[str, Any]:
    marked = scanned.marked
    return {
        "code": "marked" if marked.created else "already_marked",
        "session": scanned.session.public_id,
        "status": marked.status,
        "marked_at": _MOMENT.to_representation(marked.marked_at),
        "stats": stats_json(scanned.session, scanned.stats),
    }
