"""The API of sessions and group sessions: what both have. (Registers are in ``records``.)"""

from django.db.models import Q
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.api.terms import TermFilterSerializer, in_wanted_terms
from qrsessions.api.base import CONFLICT, SessionOrGroupView, TeacherView, answers
from qrsessions.models import GroupSession, JoinPolicy, QRSession, SessionStatus
from qrsessions.polling.live_stats import session_numbers
from qrsessions.queries.access import check_may_run, find_section
from qrsessions.queries.arrivals import latest_students
from qrsessions.queries.groups import late_from, sessions_in
from qrsessions.queries.waiting_scans import waiting_scans
from qrsessions.refusals import InGroup
from qrsessions.serializers.sessions import (
    AdmitSerializer,
    AdmittedSerializer,
    GroupAdmittedSerializer,
    GroupSessionSerializer,
    LatestSerializer,
    OpenSessionSerializer,
    RefusedScanSerializer,
    SessionSerializer,
    ShownTokenSerializer,
    StatsSerializer,
    SwitchesSerializer,
    live_stats_json,
    session_or_group_json,
    sessions_json,
    shown_token,
)
from qrsessions.services import admitting, discarding, groups, lifecycle
from qrsessions.services.settings import change_settings

STATUS_FILTER = OpenApiParameter("status", enum=SessionStatus.values)


def wanted_status(request: Request) -> str | None:
    """The status that the list is filtered by."""
    status: str | None = request.query_params.get("status")
    if status and status not in SessionStatus.values:
        raise ValidationError(
            {"status": [_("Must be one of: %(values)s.") % {"values": ", ".join(SessionStatus.values)}]}
        )
    return status


class SessionList(TeacherView):
    @extend_schema(parameters=[STATUS_FILTER, TermFilterSerializer], responses=SessionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The sessions of the sections that you teach, newest first. Of sections that you once taught, those from that time.

        Ended sessions of past terms are left out.
        """
        user, at = signed_in(request), timezone.now()
        today = timezone.localdate(at)
        visible = QRSession.objects.visible_to(user, on=today).with_names()
        sessions = in_wanted_terms(visible, request, on=today, always=~Q(status=SessionStatus.ENDED))
        if status := wanted_status(request):
            sessions = sessions.filter(status=status)
        return Response(sessions_json(list(sessions), at=at))

    @extend_schema(request=OpenSessionSerializer, responses={201: SessionSerializer, 409: CONFLICT})
    def post(self, request: Request) -> Response:
        """Open a session for a section, so that its students can join."""
        wanted = OpenSessionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        user, at = signed_in(request), timezone.now()
        section = find_section(user, wanted.validated_data["section"], on=timezone.localdate(at))
        check_may_run(section)
        policy = JoinPolicy(wanted.validated_data["join_policy"])
        session = lifecycle.open_session(section=section, by=user, at=at, join_policy=policy)
        session = self.session(request, session.public_id)
        return Response(sessions_json([session], at=at)[0], status=201)


class SessionDetail(SessionOrGroupView):
    @answers(session={200: SessionSerializer}, group={200: GroupSessionSerializer})
    def get(self, request: Request, public_id: str) -> Response:
        """One session, or one group session with its sessions, and live stats."""
        found = self.session_or_group(request, public_id)
        return Response(session_or_group_json(found, at=timezone.now()))

    @answers(
        request=SwitchesSerializer,
        session={200: SessionSerializer, 409: CONFLICT},
        group={200: GroupSessionSerializer},
    )
    def patch(self, request: Request, public_id: str) -> Response:
        """Turn the typed code or the names on the screen on or off. For a session in a group, change the group instead."""
        found, by, at = self.session_or_group(request, public_id), signed_in(request), timezone.now()
        wanted = SwitchesSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        change_settings(session_or_group=found, to=wanted.validated_data, by=by, at=at)
        return Response(session_or_group_json(self.session_or_group(request, public_id), at=at))


class SessionStep(SessionOrGroupView):
    """One step of the life of a session or group session; the address says which in ``step``."""

    step = ""

    @answers(
        request=None,
        session={200: SessionSerializer, 409: CONFLICT},
        group={200: GroupSessionSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Take the step; in a group, for all of its sessions or for none.

        If the session's state does not allow it, the answer is 409 `wrong_state` and nothing changes.
        """
        found, by, at = self.session_or_group(request, public_id), signed_in(request), timezone.now()
        if isinstance(found, GroupSession):
            groups.take_group_step(group_session=found, step=self.step, by=by, at=at)
        else:
            found = lifecycle.take_step(session=found, step=self.step, by=by, at=at)
        return Response(session_or_group_json(found, at=timezone.now()))


class SessionDiscard(SessionOrGroupView):
    @extend_schema(request=None, responses={204: None, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Discard a session that was opened by mistake, also after its end; in a group, all of its sessions.

        Its joins are deleted, nobody is absent, and only the audit log still shows it. The answer is 409 `has_marks` if
        somebody has been marked, and 409 `scans_waiting` if a scan is waiting; then nothing changes.
        """
        found, by, at = self.session_or_group(request, public_id), signed_in(request), timezone.now()
        if isinstance(found, GroupSession):
            discarding.discard_group(group_session=found, by=by, at=at)
        else:
            discarding.discard(session=found, by=by, at=at)
        return Response(status=204)


class SessionToken(SessionOrGroupView):
    @extend_schema(responses={200: ShownTokenSerializer, 409: CONFLICT})
    def get(self, request: Request, public_id: str) -> Response:
        """The code that the screen shows now, while attendance is being taken."""
        found = self.session_or_group(request, public_id)
        check_may_run(found)
        if isinstance(found, QRSession) and found.meeting.group:
            raise InGroup(group=found.meeting.group.public_id)
        sessions = sessions_in(found)
        status = sessions[0].status
        if status != SessionStatus.ACTIVE:
            raise lifecycle.WrongState(**{"group" if self.is_group else "session": public_id}, status=status)
        shown = shown_token(found, request=request, at=timezone.now(), late_from=late_from(sessions))
        return Response(ShownTokenSerializer(shown).data)


class SessionStats(TeacherView):
    @extend_schema(responses=StatsSerializer)
    def get(self, request: Request, public_id: str) -> HttpResponse:
        """The session's live counts."""
        return session_numbers(public_id, user=signed_in(request))


class LatestArrivals(SessionOrGroupView):
    @extend_schema(responses=LatestSerializer)
    def get(self, request: Request, public_id: str) -> Response:
        """The latest arrivals, by name. Empty unless the teacher turned names on."""
        found = self.session_or_group(request, public_id)
        body = {"names_on_screen": found.names_on_screen, "latest": latest_students(found)}
        return Response(LatestSerializer(body).data)


class WaitingScans(SessionOrGroupView):
    @extend_schema(responses=RefusedScanSerializer(many=True))
    def get(self, request: Request, public_id: str) -> Response:
        """The scans that were refused because the students had not joined or were not enrolled then. They can be admitted."""
        waiting = waiting_scans(sessions_in(self.session_or_group(request, public_id)))
        return Response(RefusedScanSerializer(waiting, many=True).data)

    @answers(request=AdmitSerializer, session={200: AdmittedSerializer}, group={200: GroupAdmittedSerializer})
    def post(self, request: Request, public_id: str) -> Response:
        """Admit one, some or all of these students. Each is marked at the time of their scan."""
        found = self.session_or_group(request, public_id)
        wanted = AdmitSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        admitted = admitting.admit(
            sessions=sessions_in(found),
            student_ids=wanted.validated_data["student_ids"],
            by=signed_in(request),
            at=timezone.now(),
            may_add=found.may_manage,
        )
        return Response({"admitted": admitted, "stats": live_stats_json(found, at=timezone.now())})
