"""The API of group sessions. The registers are in ``records``."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.permissions import signed_in
from qrsessions import admitting, groups, lifecycle, switches
from qrsessions.api.base import CONFLICT, TeacherView
from qrsessions.api.live_numbers import group_numbers, group_stats
from qrsessions.models import GroupSession, JoinPolicy, QRSession, SessionStatus
from qrsessions.serializers import (
    AddSectionSerializer,
    AdmitSerializer,
    GroupAdmittedSerializer,
    GroupSessionSerializer,
    GroupStatsSerializer,
    OpenGroupSerializer,
    RefusedScanSerializer,
    SessionSerializer,
    ShownTokenSerializer,
    SwitchesSerializer,
    group_session_json,
    sessions_json,
    shown_token,
)
from qrsessions.taught_sections import sections_named


class GroupView(TeacherView):
    def group(self, request: Request, public_id: str) -> GroupSession:
        """The group session, if the user may see it."""
        visible = GroupSession.objects.visible_to(signed_in(request)).with_names()
        return get_object_or_404(visible, group__public_id=public_id)

    def answer(self, group_session: GroupSession, *, status: int = 200) -> Response:
        members = groups.members_of(group_session)
        return Response(group_session_json(group_session, members, at=timezone.now()), status=status)


class GroupSessionList(GroupView):
    @extend_schema(
        parameters=[OpenApiParameter("status", enum=SessionStatus.values)],
        responses=GroupSessionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The group sessions of whose sections you teach every one, the newest first."""
        found = GroupSession.objects.visible_to(signed_in(request)).with_names()
        if status := request.query_params.get("status"):
            if status not in SessionStatus.values:
                raise ValidationError(
                    {"status": [_("One of %(values)s.") % {"values": ", ".join(SessionStatus.values)}]}
                )
            found = found.filter(group__meetings__session__status=status).distinct()
        at = timezone.now()
        members = groups.members_by_group(found)
        return Response([group_session_json(one, members[one.pk], at=at) for one in found if members[one.pk]])

    @extend_schema(request=OpenGroupSerializer, responses={201: GroupSessionSerializer, 409: CONFLICT})
    def post(self, request: Request) -> Response:
        """Open sessions for all of the sections, to be run as one; for all, or for none."""
        wanted = OpenGroupSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        user = signed_in(request)
        group_session = groups.open_group(
            sections=sections_named(user, wanted.validated_data["sections"]),
            by=user,
            at=timezone.now(),
            join_policy=JoinPolicy(wanted.validated_data["join_policy"]),
            title=wanted.validated_data["title"],
        )
        return self.answer(group_session, status=201)


class GroupSessionDetail(GroupView):
    @extend_schema(responses=GroupSessionSerializer)
    def get(self, request: Request, public_id: str) -> Response:
        """One group session with its sessions and live stats."""
        return self.answer(self.group(request, public_id))

    @extend_schema(request=SwitchesSerializer, responses=GroupSessionSerializer)
    def patch(self, request: Request, public_id: str) -> Response:
        """Turn the typed code, or the names on the screen, on or off for the whole group."""
        group_session = self.group(request, public_id)
        wanted = SwitchesSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        by, at = signed_in(request), timezone.now()
        switches.turn(source=group_session, to=wanted.validated_data, by=by, at=at)
        return self.answer(self.group(request, public_id))


class GroupSessionStep(GroupView):
    """One step of the life of all sessions of a group; ``step`` is given by the address."""

    step = ""

    @extend_schema(request=None, responses={200: GroupSessionSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Take the step for all of the sessions, or for none."""
        group_session = self.group(request, public_id)
        by, at = signed_in(request), timezone.now()
        groups.take_group_step(group_session=group_session, step=self.step, by=by, at=at)
        return self.answer(group_session)


class GroupSessionToken(GroupView):
    @extend_schema(responses={200: ShownTokenSerializer, 409: CONFLICT})
    def get(self, request: Request, public_id: str) -> Response:
        """What the hall's screen shows now, while attendance is taken."""
        group_session = self.group(request, public_id)
        members = groups.members_of(group_session)
        status = members[0].status
        if status != SessionStatus.ACTIVE:
            raise lifecycle.WrongState(group=public_id, status=status)
        late_from = groups.late_from(members)
        shown = shown_token(group_session, request=request, at=timezone.now(), late_from=late_from)
        return Response(ShownTokenSerializer(shown).data, headers={"Cache-Control": "no-store"})


class GroupSessionStats(GroupView):
    is_quick = True

    @extend_schema(responses=GroupStatsSerializer)
    def get(self, request: Request, public_id: str) -> HttpResponse:
        """The live numbers of the group and of each of its sections."""
        return group_numbers(public_id, user=signed_in(request))


class GroupSections(GroupView):
    @extend_schema(request=AddSectionSerializer, responses={201: SessionSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Add a section that has no open session; its session begins in the state in which the group is."""
        group_session = self.group(request, public_id)
        wanted = AddSectionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        user, at = signed_in(request), timezone.now()
        (section,) = sections_named(user, [wanted.validated_data["section"]])
        added = groups.add_section(group_session=group_session, section=section, by=user, at=at)
        added = QRSession.objects.with_names().get(pk=added.pk)
        return Response(sessions_json([added], at=at)[0], status=201)


class GroupWaitingScans(GroupView):
    @extend_schema(responses=RefusedScanSerializer(many=True))
    def get(self, request: Request, public_id: str) -> Response:
        """The scans of the whole group that were refused because their students had not joined."""
        members = groups.members_of(self.group(request, public_id))
        return Response(RefusedScanSerializer(admitting.waiting_scans(members), many=True).data)

    @extend_schema(request=AdmitSerializer, responses=GroupAdmittedSerializer)
    def post(self, request: Request, public_id: str) -> Response:
        """Admit one, some or all of them: each is marked with the moment of the scan."""
        group_session = self.group(request, public_id)
        wanted = AdmitSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        admitted = admitting.admit(
            sessions=groups.members_of(group_session),
            student_ids=wanted.validated_data["student_ids"],
            by=signed_in(request),
            at=timezone.now(),
        )
        return Response({"admitted": admitted, "stats": group_stats(public_id)})
