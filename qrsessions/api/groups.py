"""The API of what only group sessions have. (What they share with single sessions is in ``sessions``.)"""

from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.api.terms import TermFilterSerializer, in_wanted_terms
from attendance.models import Meeting
from qrsessions.api.base import CONFLICT, TeacherView
from qrsessions.api.sessions import STATUS_FILTER, wanted_status
from qrsessions.models import GroupSession, JoinPolicy, QRSession
from qrsessions.polling.live_stats import group_numbers
from qrsessions.queries.dashboard import sections_named
from qrsessions.queries.groups import members_by_group
from qrsessions.serializers.sessions import (
    AddSectionSerializer,
    GroupSessionSerializer,
    GroupStatsSerializer,
    OpenGroupSerializer,
    SessionSerializer,
    group_sessions_json,
    session_or_group_json,
    sessions_json,
)
from qrsessions.services import groups


class GroupSessionList(TeacherView):
    @extend_schema(
        parameters=[STATUS_FILTER, TermFilterSerializer], responses=GroupSessionSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """The group sessions in which you teach every section, newest first.

        Ended ones whose sections are all of past terms are left out.
        """
        user, at = signed_in(request), timezone.now()
        today = timezone.localdate(at)
        visible = GroupSession.objects.visible_to(user, on=today).with_names()
        running = Q(Exists(Meeting.objects.open().filter(group=OuterRef("pk"))))
        found = in_wanted_terms(visible, request, on=today, always=running)
        if status := wanted_status(request):
            found = found.with_member(session__status=status)
        members = members_by_group(found)
        return Response(
            group_sessions_json({one: members[one.pk] for one in found if members[one.pk]}, at=at)
        )

    @extend_schema(request=OpenGroupSerializer, responses={201: GroupSessionSerializer, 409: CONFLICT})
    def post(self, request: Request) -> Response:
        """Open a session for each of the sections and run them as one. Either all are opened or none."""
        wanted = OpenGroupSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        user, at = signed_in(request), timezone.now()
        group_session = groups.open_group(
            sections=sections_named(user, wanted.validated_data["sections"], on=timezone.localdate(at)),
            by=user,
            at=at,
            join_policy=JoinPolicy(wanted.validated_data["join_policy"]),
            title=wanted.validated_data["title"],
        )
        return Response(session_or_group_json(group_session, at=timezone.now()), status=201)


class GroupSessionStats(TeacherView):
    is_quick = True

    @extend_schema(responses=GroupStatsSerializer)
    def get(self, request: Request, public_id: str) -> HttpResponse:
        """The live counts of the group and of each of its sections."""
        return group_numbers(public_id, user=signed_in(request))


class GroupSections(TeacherView):
    @extend_schema(request=AddSectionSerializer, responses={201: SessionSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Add a section that has no open session. Its session starts in the group's current state."""
        user, at = signed_in(request), timezone.now()
        group_session = self.group(request, public_id)
        wanted = AddSectionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        (section,) = sections_named(user, [wanted.validated_data["section"]], on=timezone.localdate(at))
        added = groups.add_section(group_session=group_session, section=section, by=user, at=at)
        added = QRSession.objects.with_names().get(pk=added.pk)
        return Response(sessions_json([added], at=at)[0], status=201)


class LeaveGroup(TeacherView):
    @extend_schema(request=None, responses={200: SessionSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Remove a session from its group. It continues on its own and keeps its joins and marks."""
        session, by, at = self.session(request, public_id), signed_in(request), timezone.now()
        session = groups.leave_group(session=session, by=by, at=at)
        return Response(sessions_json([session], at=at)[0])
