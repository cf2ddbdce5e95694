"""The API of meetings that are not now: planned, cancelled, moved, and registers typed after the class."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.api.terms import TermFilterSerializer, in_wanted_terms
from attendance.models import Meeting
from qrsessions.api.base import CONFLICT, TeacherView
from qrsessions.queries.access import find_section, find_section_to_manage
from qrsessions.serializers.meetings import (
    CancelSerializer,
    FinishSerializer,
    MeetingFilterSerializer,
    MeetingSerializer,
    MoveSerializer,
    NewMeetingSerializer,
    PeriodSerializer,
    meeting_json,
    meetings_json,
)
from qrsessions.services import meetings


class SectionMeetings(TeacherView):
    @extend_schema(parameters=[MeetingFilterSerializer], responses=MeetingSerializer(many=True))
    def get(self, request: Request, section_id: int) -> Response:
        """The meetings of a section in order, also those planned and cancelled."""
        wanted = MeetingFilterSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        user, today = signed_in(request), timezone.localdate()
        section = find_section(user, section_id, on=today)
        found = section.meetings.visible_to(user, on=today).not_discarded()
        if state := wanted.validated_data.get("state"):
            found = found.filter(state=state)
        return _list(_within(found, wanted.validated_data))

    @extend_schema(request=NewMeetingSerializer, responses={201: MeetingSerializer})
    def post(self, request: Request, section_id: int) -> Response:
        """Add a meeting, in the past or in the future."""
        section = find_section_to_manage(signed_in(request), section_id, on=timezone.localdate())
        wanted = NewMeetingSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        at = timezone.now()
        meeting = meetings.add_meeting(section=section, by=signed_in(request), at=at, **wanted.validated_data)
        return Response(meeting_json(meeting, at=at), status=201)


class CancelMeeting(TeacherView):
    manages = True

    @extend_schema(request=CancelSerializer, responses={200: MeetingSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Cancel a planned or held meeting: it counts nowhere. Its records stay, and return when it is restored."""
        meeting, wanted = self.meeting(request, public_id), _sent(request, CancelSerializer)
        at = timezone.now()
        meeting = meetings.cancel(meeting=meeting, by=signed_in(request), at=at, **wanted)
        return Response(meeting_json(meeting, at=at))


class RestoreMeeting(TeacherView):
    manages = True

    @extend_schema(request=None, responses={200: MeetingSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Take back a cancellation: the meeting is held again if it had been, otherwise planned."""
        meeting, at = self.meeting(request, public_id), timezone.now()
        meeting = meetings.restore(meeting=meeting, by=signed_in(request), at=at)
        return Response(meeting_json(meeting, at=at))


class MoveMeeting(TeacherView):
    manages = True

    @extend_schema(request=MoveSerializer, responses={200: MeetingSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Move a planned meeting to another time. Refused if its register has entries."""
        meeting, wanted = self.meeting(request, public_id), _sent(request, MoveSerializer)
        at = timezone.now()
        meeting = meetings.move(meeting=meeting, by=signed_in(request), at=at, **wanted)
        return Response(meeting_json(meeting, at=at))


class FinishMeeting(TeacherView):
    # As on the page: whoever may enter the register may save it.
    corrects = True

    @extend_schema(request=FinishSerializer, responses={200: MeetingSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Save the register of a planned meeting, which is held from then on.

        409 `incomplete` while students have no status, unless `rest` says that they were absent.
        """
        meeting, wanted = self.meeting(request, public_id), _sent(request, FinishSerializer)
        at = timezone.now()
        meeting = meetings.finish(
            meeting=meeting, by=signed_in(request), at=at, rest_absent=wanted.get("rest") == "absent"
        )
        return Response(meeting_json(meeting, at=at))


class MissingRegisters(TeacherView):
    @extend_schema(
        parameters=[PeriodSerializer, TermFilterSerializer], responses=MeetingSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """Planned meetings that are over and whose attendance nobody took. Those of past terms are left out."""
        wanted, at = PeriodSerializer(data=request.query_params), timezone.now()
        wanted.is_valid(raise_exception=True)
        today = timezone.localdate(at)
        missing = Meeting.objects.run_by(signed_in(request), on=today).not_taken(at)
        found = in_wanted_terms(missing, request, on=today)
        return _list(_within(found, wanted.validated_data))


def _sent(request: Request, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    wanted = serializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    return dict(wanted.validated_data)


def _within(found: QuerySet[Meeting], period: dict[str, Any]) -> QuerySet[Meeting]:
    if first := period.get("from"):
        found = found.filter(date__gte=first)
    if last := period.get("to"):
        found = found.filter(date__lte=last)
    return found


def _list(found: QuerySet[Meeting]) -> Response:
    # Not select_related: PostgreSQL would join all meetings with all meetings.
    ordered = found.prefetch_related("makes_up").order_by("starts_at", "pk")
    return Response(meetings_json(list(ordered), at=timezone.now()))
