"""The API of the weekly classes of a section."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import (
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_field,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.lib.texts import max_length
from attendance.models import Meeting, MeetingPattern, Section, Weekday
from attendance.models.timetable import MAX_EVERY_WEEKS
from attendance.timetable.kept import Reason, with_reasons
from attendance.timetable.occurrences import WeeklyClass
from attendance.timetable.planning import Plan
from attendance.timetable.weekly_classes import MAX_ROWS, set_weekly_classes
from qrsessions.api.base import TeacherView
from qrsessions.queries.access import find_section, find_section_to_manage

_TIME_FORMATS = ["%H:%M", "%H:%M:%S"]


class WeeklyClassSerializer(serializers.Serializer[Any]):
    """A weekly class. 0 is Monday. Without days of its own it has those of the term."""

    weekday = serializers.ChoiceField([int(day) for day in Weekday])
    start = serializers.TimeField(format="%H:%M", input_formats=_TIME_FORMATS)
    end = serializers.TimeField(format="%H:%M", input_formats=_TIME_FORMATS)
    room = serializers.CharField(max_length=max_length(MeetingPattern, "room"), allow_blank=True, default="")
    first_day = serializers.DateField(allow_null=True, default=None)
    last_day = serializers.DateField(allow_null=True, default=None)
    every_weeks = serializers.IntegerField(min_value=1, max_value=MAX_EVERY_WEEKS, default=1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if fault := WeeklyClass(**attrs).fault():
            raise serializers.ValidationError({fault[0]: fault[1]})
        return attrs


class PlannedMeetingSerializer(serializers.ModelSerializer[Meeting]):
    """A meeting as it is or would be planned."""

    id = serializers.CharField(source="public_id")

    class Meta:
        model = Meeting
        fields = ["id", "starts_at", "ends_at", "room", "title"]


class KeptMeetingSerializer(serializers.Serializer[Any]):
    """A meeting that stays as it is, and why."""

    id = serializers.CharField(source="meeting.public_id")
    starts_at = serializers.DateTimeField(source="meeting.starts_at")
    ends_at = serializers.DateTimeField(source="meeting.ends_at")
    room = serializers.CharField(source="meeting.room")
    title = serializers.CharField(source="meeting.title")
    reason = serializers.ChoiceField(Reason.choices)


class PlanSerializer(serializers.Serializer[Plan]):
    """What a change of the weekly classes does. ``moved`` shows the meetings as they will be.

    ``kept`` are the meetings to come of changed and removed classes that stay as they are.
    """

    added = PlannedMeetingSerializer(many=True)
    moved = PlannedMeetingSerializer(many=True)
    removed = PlannedMeetingSerializer(many=True)
    kept = serializers.SerializerMethodField()

    @extend_schema_field(KeptMeetingSerializer(many=True))
    def get_kept(self, plan: Plan) -> Any:
        return KeptMeetingSerializer(with_reasons(plan.kept), many=True).data


class DryRunSerializer(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField(default=False)


class SectionPatterns(TeacherView):
    @extend_schema(responses=WeeklyClassSerializer(many=True))
    def get(self, request: Request, section_id: int) -> Response:
        """The weekly classes of a section. Imported calendars are not among them."""
        return Response(_json(find_section(signed_in(request), section_id, on=timezone.localdate())))

    @extend_schema(
        request=WeeklyClassSerializer(many=True),
        parameters=[
            OpenApiParameter("dry_run", bool, description="Answer with the change and write nothing.")
        ],
        responses=PolymorphicProxySerializer(
            component_name="PatternsOrPlan",
            serializers=[WeeklyClassSerializer(many=True), PlanSerializer],
            resource_type_field_name=None,
            many=False,
        ),
    )
    def put(self, request: Request, section_id: int) -> Response:
        """Replace the weekly classes and plan the meetings to come again.

        Meetings that were moved, cancelled or changed by hand, or have records, stay. With `dry_run=1` nothing is written,
        and the answer is the change: `{added, moved, removed, kept}`. `kept` says which meetings to come of the changed and
        removed classes stay as they are, and why.
        """
        section = find_section_to_manage(signed_in(request), section_id, on=timezone.localdate())
        rows = WeeklyClassSerializer(data=request.data, many=True, max_length=MAX_ROWS)  # type: ignore[call-arg]
        rows.is_valid(raise_exception=True)
        how = DryRunSerializer(data=request.query_params.dict())
        how.is_valid(raise_exception=True)
        dry_run = how.validated_data["dry_run"]
        wanted = [WeeklyClass(**row) for row in rows.validated_data]
        change = set_weekly_classes(section=section, to=wanted, at=timezone.now(), dry_run=dry_run)
        if dry_run:
            return Response(PlanSerializer(change.meetings).data)
        return Response(_json(section))


def _json(section: Section) -> Any:
    return WeeklyClassSerializer(section.patterns.weekly(), many=True).data
