"""The API of students: joining, and being marked."""

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.lib.batching import StillWaiting
from attendance.lib.moments import moment_json
from attendance.lib.refusals import Refused
from qrsessions.api.base import CONFLICT, StudentView
from qrsessions.codes.devices import device_of, is_program
from qrsessions.models import GroupSession, QRSession
from qrsessions.queries import lookup
from qrsessions.refusals import ScanKept
from qrsessions.serializers.sessions import (
    JoinedSerializer,
    JoinGroupSerializer,
    MarkedSerializer,
    MarkSerializer,
    stats_json,
)
from qrsessions.services import joining, scanning
from qrsessions.services.joining import JoinedSession
from qrsessions.services.scanning import Scanned

# Making a serializer copies its fields, which takes longer than what they do here.
_MARK = MarkSerializer()


class Join(StudentView):
    gives_device = True

    @extend_schema(request=None, responses={200: JoinedSerializer, 201: JoinedSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Join a session: 201 if you joined now, 200 if you had already joined."""
        session = lookup.find(public_id)
        if not isinstance(session, QRSession):
            raise Http404
        return _joined(
            joining.join(session_or_group=session, student=self.student(request), at=timezone.now())
        )


class JoinGroup(StudentView):
    gives_device = True

    @extend_schema(
        request=JoinGroupSerializer, responses={200: JoinedSerializer, 201: JoinedSerializer, 409: CONFLICT}
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Join your session in a group. If you are in several of its sections, name one (409 `choose_section` lists them)."""
        student = self.student(request)
        wanted = JoinGroupSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        group_session = lookup.find(public_id)
        if not isinstance(group_session, GroupSession):
            raise Http404
        section = wanted.validated_data["section"]
        return _joined(
            joining.join(session_or_group=group_session, student=student, at=timezone.now(), section=section)
        )


class Mark(StudentView):
    gives_device = True

    @extend_schema(
        request=MarkSerializer,
        responses={200: MarkedSerializer, 201: MarkedSerializer, 400: CONFLICT, 403: CONFLICT, 409: CONFLICT},
    )
    def post(self, request: Request) -> Response:
        """Get marked by a scanned token or a typed code: 201 if marked now, 200 if already marked."""
        student, at = self.student(request), timezone.now()
        device, by_program = device_of(request), is_program(request)
        given = _MARK.run_validation(request.data)
        if "token" in given:
            scanned = scanning.mark_by_token(
                token=given["token"], student=student, at=at, device=device, by_program=by_program
            )
        elif "claim" in given:
            scanned = scanning.mark_by_claim(
                claim=given["claim"],
                user=signed_in(request),
                student=student,
                at=at,
                device=device,
                credential=_credential(request),
                by_program=by_program,
            )
        else:
            scanned = scanning.mark_by_code(
                public_id=given["session"],
                code=given["code"],
                student=student,
                at=at,
                device=device,
                by_program=by_program,
            )
        return _marked(scanned)

    def handle_exception(self, error: Exception) -> Response:
        """If the database is away, a scan is kept with the moment of its arrival."""
        if isinstance(error, OperationalError | InterfaceError | StillWaiting):
            try:
                error = self._keep_scan() or error
            except Refused as refusal:
                error = refusal
            except APIException:
                # Its body cannot be read. Whether the sign-in is good is unknown, so that is not said.
                pass
        return super().handle_exception(error)

    def _keep_scan(self) -> ScanKept | None:
        sent, credential = self.request.data, _credential(self.request)
        token = sent.get("token") if isinstance(sent, dict) else None
        if not (isinstance(token, str) and credential):
            return None
        return ScanKept(claim=scanning.keep(token=token, credential=credential, at=timezone.now()))


def _credential(request: Request) -> str:
    """What the request signs in with."""
    sent: str = request.META.get("HTTP_AUTHORIZATION") or request.COOKIES.get(
        settings.SESSION_COOKIE_NAME, ""
    )
    return sent


def _joined(joined: JoinedSession) -> Response:
    body = {
        "session": joined.session.public_id,
        "joined_at": moment_json(joined.joined.joined_at),
        "stats": stats_json(joined.session, joined.stats),
    }
    return Response(body, status=201 if joined.joined.created else 200)


def _marked(scanned: Scanned) -> Response:
    marked = scanned.marked
    body = {
        "code": "marked" if marked.created else "already_marked",
        "session": scanned.session.public_id,
        "status": marked.status,
        "marked_at": moment_json(marked.marked_at),
        "stats": stats_json(scanned.session, scanned.stats),
    }
    return Response(body, status=201 if marked.created else 200)
