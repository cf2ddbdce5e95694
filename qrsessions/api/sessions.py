"""The API of single sessions; their registers are in ``records``."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.models import Section
from attendance.permissions import signed_in
from qrsessions import admitting, groups, lifecycle, switches
from qrsessions.api.base import CONFLICT, TeacherView
from qrsessions.api.live_numbers import session_numbers
from qrsessions.models import JoinPolicy, QRSession, SessionStatus
from qrsessions.serializers import (
    AdmitSerializer,
    AdmittedSerializer,
    OpenSessionSerializer,
    RefusedScanSerializer,
    SessionSerializer,
    ShownTokenSerializer,
    StatsSerializer,
    SwitchesSerializer,
    session_stats_json,
    sessions_json,
    shown_token,
)


class SessionList(TeacherView):
    @extend_schema(
        parameters=[OpenApiParameter("status", enum=SessionStatus.values)],
        responses=SessionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The sessions of the sections that you teach, the newest first."""
        sessions = QRSession.objects.visible_to(signed_in(request)).with_names()
        if status := request.query_params.get("status"):
            if status not in SessionStatus.values:
                raise ValidationError(
                    {"status": [_("One of %(values)s.") % {"values": ", ".join(SessionStatus.values)}]}
                )
            sessions = sessions.filter(status=status)
        return Response(sessions_json(list(sessions), at=timezone.now()))

    @extend_schema(request=OpenSessionSerializer, responses={201: SessionSerializer, 409: CONFLICT})
    def post(self, request: Request) -> Response:
        """Open a session for a section: students can join."""
        wanted = OpenSessionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        user, at = signed_in(request), timezone.now()
        section = get_object_or_404(Section.objects.visible_to(user), pk=wanted.validated_data["section"])
        policy = JoinPolicy(wanted.validated_data["join_policy"])
        session = lifecycle.open_session(section=section, by=user, at=at, join_policy=policy)
        session = self.session(request, session.public_id)
        return Response(sessions_json([session], at=at)[0], status=201)


class SessionDetail(TeacherView):
    @extend_schema(responses=SessionSerializer)
    def get(self, request: Request, public_id: str) -> Response:
        """One session with its live stats."""
        return Response(sessions_json([self.session(request, public_id)], at=timezone.now())[0])

    @extend_schema(request=SwitchesSerializer, responses={200: SessionSerializer, 409: CONFLICT})
    def patch(self, request: Request, public_id: str) -> Response:
        """Turn the typed code, or the names on the screen, on or off. A session of a group follows its group."""
        session, by, at = self.session(request, public_id), signed_in(request), timezone.now()
        wanted = SwitchesSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        switches.turn(source=session, to=wanted.validated_data, by=by, at=at)
        return Response(sessions_json([self.session(request, public_id)], at=at)[0])


class SessionStep(TeacherView):
    """One step of a session's life; ``step`` is given by the address."""

    step = ""

    @extend_schema(request=None, responses={200: SessionSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Take the step. A wrong one is refused with 409 `wrong_state` and changes nothing."""
        session, by, at = self.session(request, public_id), signed_in(request), timezone.now()
        session = lifecycle.take_step(session=session, step=self.step, by=by, at=at)
        return Response(sessions_json([session], at=at)[0])


class SessionToken(TeacherView):
    @extend_schema(responses={200: ShownTokenSerializer, 409: CONFLICT})
    def get(self, request: Request, public_id: str) -> Response:
        """What the screen shows now, while attendance is taken."""
        session = self.session(request, public_id)
        if session.meeting.group:
            raise lifecycle.InGroup(group=session.meeting.group.public_id)
        if session.status != SessionStatus.ACTIVE:
            raise lifecycle.WrongState(session=public_id, status=session.status)
        shown = shown_token(session, request=request, at=timezone.now(), late_from=session.late_from)
        return Response(ShownTokenSerializer(shown).data, headers={"Cache-Control": "no-store"})


class SessionStats(TeacherView):
    is_quick = True

    @extend_schema(responses=StatsSerializer)
    def get(self, request: Request, public_id: str) -> HttpResponse:
        """The live numbers."""
        return session_numbers(public_id, user=signed_in(request))


class LeaveGroup(TeacherView):
    @extend_schema(request=None, responses={200: SessionSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Take a session out of its group: it goes on by itself, with its joins and marks."""
        session, by, at = self.session(request, public_id), signed_in(request), timezone.now()
        session = groups.leave_group(session=session, by=by, at=at)
        return Response(sessions_json([session], at=at)[0])


class WaitingScans(TeacherView):
    @extend_schema(responses=RefusedScanSerializer(many=True))
    def get(self, request: Request, public_id: str) -> Response:
        """The scans that were refused because their students had not joined, and may be admitted."""
        waiting = admitting.waiting_scans([self.session_alone(request, public_id)])
        return Response(RefusedScanSerializer(waiting, many=True).data)

    @extend_schema(request=AdmitSerializer, responses=AdmittedSerializer)
    def post(self, request: Request, public_id: str) -> Response:
        """Admit one, some or all of them: each is marked with the moment of the scan."""
        session = self.session(request, public_id)
        wanted = AdmitSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        at = timezone.now()
        admitted = admitting.admit(
            sessions=[session], student_ids=wanted.validated_data["student_ids"], by=signed_in(request), at=at
        )
        return Response({"admitted": admitted, "stats": session_stats_json(session, at=at)})
