"""The JSON of meetings, whether planned, open, held or cancelled."""

import datetime
from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from attendance.lib.texts import max_length
from attendance.models import Meeting, MeetingState
from attendance.stats import meeting_stats


class MeetingSerializer(serializers.Serializer[Any]):
    """``starts_at`` is planned; of a meeting that nobody planned it is the moment of opening, and ``ends_at`` is null."""

    id = serializers.CharField(source="public_id")
    section = serializers.IntegerField(source="section_id")
    state = serializers.ChoiceField(MeetingState.choices)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)
    room = serializers.CharField()
    title = serializers.CharField()
    cancel_reason = serializers.CharField()
    makes_up = serializers.CharField(
        source="makes_up.public_id",
        default=None,
        allow_null=True,
        help_text="The meeting that this one replaces.",
    )
    total_students = serializers.SerializerMethodField()
    total_present = serializers.SerializerMethodField()
    present_percentage = serializers.SerializerMethodField()

    def get_total_students(self, meeting: Meeting) -> int:
        return self.context["stats"][meeting.pk].total_students  # type: ignore[no-any-return]

    def get_total_present(self, meeting: Meeting) -> int:
        return self.context["stats"][meeting.pk].total_present  # type: ignore[no-any-return]

    def get_present_percentage(self, meeting: Meeting) -> float:
        return self.context["stats"][meeting.pk].present_percentage  # type: ignore[no-any-return]


class NewMeetingSerializer(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    room = serializers.CharField(max_length=max_length(Meeting, "room"), allow_blank=True, default="")
    title = serializers.CharField(max_length=max_length(Meeting, "title"), allow_blank=True, default="")


class MoveSerializer(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class CancelSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=max_length(Meeting, "cancel_reason"))


class FinishSerializer(serializers.Serializer[Any]):
    """``rest: absent`` records an absence for every student without a status."""

    rest = serializers.ChoiceField(["absent"], required=False)


class PeriodSerializer(serializers.Serializer[Any]):
    """Days, both included."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # "from" is a word of Python's.
        return super().get_fields() | {
            "from": serializers.DateField(required=False),
            "to": serializers.DateField(required=False),
        }


class MeetingFilterSerializer(PeriodSerializer):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return super().get_fields() | {"state": serializers.ChoiceField(MeetingState.choices, required=False)}


def meetings_json(meetings: Sequence[Meeting], *, at: datetime.datetime) -> Any:
    stats = meeting_stats(meetings, at=at)
    return MeetingSerializer(meetings, many=True, context={"stats": stats}).data


def meeting_json(meeting: Meeting, *, at: datetime.datetime) -> Any:
    return meetings_json([meeting], at=at)[0]
