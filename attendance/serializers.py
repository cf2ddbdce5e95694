"""The JSON of sections, stats and records; see docs/api.md."""

from typing import Any

from rest_framework import serializers

from attendance.models import Method, Role, Section, Status
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
        fields = ["id", "course", "course_title", "name", "term", "total_students", "open_session"]


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


class RecordSerializer(serializers.Serializer[Any]):
    """One student of the roster; ``status`` is null until the student is marked."""

    student_id = serializers.CharField(source="student.student_id")
    roll_number = serializers.CharField()
    name = serializers.CharField(source="student.name")
    joined_at = serializers.DateTimeField(source="record.joined_at", default=None, allow_null=True)
    marked_at = serializers.DateTimeField(source="record.marked_at", default=None, allow_null=True)
    status = serializers.ChoiceField(Status.choices, source="record.status", default=None, allow_null=True)
    method = serializers.ChoiceField(Method.choices, source="record.method", default=None, allow_null=True)


class CorrectionSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(Status.choices, allow_null=True, help_text="null takes the mark back.")
    note = serializers.CharField(max_length=500, allow_blank=True, default="")


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
    meetings = OwnMeetingSerializer(many=True)
