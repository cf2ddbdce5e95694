"""The JSON of sections, stats and records; see docs/api.md."""

import functools
from typing import Any

from rest_framework import serializers

from attendance.models import Method, RecordChange, Role, RosterEntry, Section, Status
from attendance.shared_devices import SharedDevices
from attendance.stats import Source, Stats


class SignInSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)


class SectionSerializer(serializers.ModelSerializer[Section]):
    """``open_session`` is the id of the section's session that has not ended, if there is one."""

    course = serializers.CharField(source="course.code")
    course_title = serializers.CharField(source="course.title")
    total_students = serializers.IntegerField()
    open_session = serializers.CharField(allow_null=True)

    class Meta:
        model = Section
        fields = [
            "id",
            "course",
            "course_title",
            "name",
            "term",
            "total_students",
            "open_session",
            "minimum_percentage",
            "late_after_minutes",
        ]


class CountsSerializer(serializers.Serializer[Stats]):
    """The live numbers. ``present_percentage`` is of ``total_students``, rounded half up to one decimal."""

    total_students = serializers.IntegerField()
    total_joined = serializers.IntegerField()
    total_present = serializers.IntegerField(help_text="Present or late.")
    present_percentage = serializers.FloatField()
    source = serializers.ChoiceField(  # type: ignore[assignment]
        [source.value for source in Source], help_text="`database` while Redis is away."
    )
    as_of = serializers.DateTimeField()


# Each serializer copies its fields, and those who were marked in the same moment are told the same.
_COUNTS = CountsSerializer()


@functools.lru_cache(maxsize=256)
def _counts(stats: Stats) -> dict[str, Any]:
    return dict(_COUNTS.to_representation(stats))


def counts_json(stats: Stats) -> dict[str, Any]:
    """What ``CountsSerializer`` tells of them."""
    return dict(_counts(stats))


class RecordSerializer(serializers.Serializer[Any]):
    """One student of the roster; ``status`` is null until the student is marked.

    ``context["shared_devices"]`` is what ``shared_devices`` found for the meeting.
    """

    student_id = serializers.CharField(source="student.student_id")
    roll_number = serializers.CharField()
    name = serializers.CharField(source="student.name")
    joined_at = serializers.DateTimeField(source="record.joined_at", default=None, allow_null=True)
    marked_at = serializers.DateTimeField(source="record.marked_at", default=None, allow_null=True)
    status = serializers.ChoiceField(Status.choices, source="record.status", default=None, allow_null=True)
    method = serializers.ChoiceField(Method.choices, source="record.method", default=None, allow_null=True)
    shares_device_with = serializers.SerializerMethodField(
        help_text="The ids of the students who were marked as present from the same phone."
    )

    def get_shares_device_with(self, entry: RosterEntry) -> list[str]:
        shared: SharedDevices = self.context["shared_devices"]
        return [sharer.student_id for sharer in shared.get(entry.student_id, ())]


class CorrectionSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(Status.choices, allow_null=True, help_text="null takes the mark back.")
    note = serializers.CharField(max_length=500, allow_blank=True, default="")


class RecordChangeSerializer(serializers.ModelSerializer[RecordChange]):
    """``changed_by`` is null where no teacher did it: a scan that replaced the absence of the end."""

    changed_by = serializers.CharField(source="changed_by.display_name", default=None, allow_null=True)

    class Meta:
        model = RecordChange
        fields = [
            "changed_at",
            "changed_by",
            "from_status",
            "from_method",
            "from_marked_at",
            "to_status",
            "to_method",
            "note",
        ]


class OwnMeetingSerializer(serializers.Serializer[Any]):
    session = serializers.CharField()
    date = serializers.DateField()
    status = serializers.ChoiceField(Status.choices, allow_null=True)
    marked_at = serializers.DateTimeField(allow_null=True)
    method = serializers.ChoiceField(Method.choices, allow_null=True)


class OwnSectionSerializer(serializers.Serializer[Any]):
    """A student's own history in one section: its ended meetings, the newest first."""

    section = serializers.IntegerField()
    course = serializers.CharField()
    course_title = serializers.CharField()
    name = serializers.CharField()
    term = serializers.CharField()
    total_meetings = serializers.IntegerField()
    total_present = serializers.IntegerField(help_text="Present or late.")
    present_percentage = serializers.FloatField()
    minimum_percentage = serializers.IntegerField(
        allow_null=True, help_text="What the section asks for; null where it asks for nothing."
    )
    may_miss = serializers.IntegerField(
        allow_null=True,
        help_text="How many of the next classes may be missed in a row without falling below the minimum. Excused classes are left out.",
    )
    must_attend = serializers.IntegerField(
        allow_null=True,
        help_text="How many of the next classes in a row reach the minimum: 0 for who is not below it; null where none can, and without a minimum.",
    )
    meetings = OwnMeetingSerializer(many=True)
