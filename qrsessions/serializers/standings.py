"""The JSON of where students stand, and why."""

from typing import Any

from rest_framework import serializers

from attendance.models import ExcusedCounts, MeetingState, RecordChange, Status
from attendance.registers.explanation import ExplainedMeeting, Explanation
from attendance.registers.simulation import ChangedStudent, Simulation
from attendance.registers.student_courses import CoursePart
from attendance.rules.rule import Rule
from attendance.rules.standing import Counted, Result, Standing, Together
from attendance.rules.words import in_words


class RuleFieldsSerializer(serializers.Serializer[Any]):
    minimum_percentage = serializers.IntegerField(help_text="0 for no minimum.")
    warn_below = serializers.IntegerField(help_text="0 for no warning.")
    late_counts = serializers.IntegerField(help_text="In per cent of a class.")
    lates_per_absence = serializers.IntegerField(help_text="0 for never.")
    excused = serializers.ChoiceField(ExcusedCounts.choices)
    drop_lowest = serializers.IntegerField()
    forecast_counts_planned = serializers.BooleanField()


class RuleSerializer(RuleFieldsSerializer):
    """A rule with nothing left open."""

    label_counts = serializers.SerializerMethodField()

    def get_label_counts(self, rule: Rule) -> dict[str, int]:
        """What labels count, in per cent of a class, by their names; other labels count as their status does."""
        return {rule.label_names[label]: counts for label, counts in rule.label_counts.items()}


class StandingSerializer(serializers.Serializer[Result]):
    """Where a student stands in a section."""

    attended = serializers.FloatField(help_text="What the classes that count add up to.")
    held = serializers.IntegerField(help_text="Classes that count.")
    percentage = serializers.FloatField(
        allow_null=True,
        help_text="`attended` of `held`, never rounded across a limit; null if no class counts.",
    )
    standing = serializers.ChoiceField([one.value for one in Standing])
    may_miss = serializers.IntegerField(
        allow_null=True,
        help_text="How many more classes the student may miss: of those that remain if the rule counts planned classes, else of the next in a row. Null without a minimum.",
    )
    must_attend = serializers.IntegerField(
        allow_null=True,
        help_text="How many of the next classes the student must attend to reach the minimum; null if it cannot be reached or there is none.",
    )


class ChangedStudentSerializer(serializers.Serializer[ChangedStudent]):
    student_id = serializers.CharField(source="student.student_id")
    roll_number = serializers.CharField()
    name = serializers.CharField(source="student.name")
    before = StandingSerializer()
    after = StandingSerializer()


class StandingCountsSerializer(serializers.Serializer[Any]):
    """How many students have each standing."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {standing.value: serializers.IntegerField() for standing in Standing}


class SimulationSerializer(serializers.Serializer[Simulation]):
    on = serializers.DateField(
        help_text="The day it is about: today, or the first day of the rule if that is later."
    )
    rule = RuleSerializer(help_text="The rule that would be in force on that day.")
    rule_in_words = serializers.SerializerMethodField()
    total_students = serializers.IntegerField()
    before = StandingCountsSerializer()
    after = StandingCountsSerializer()
    changed = ChangedStudentSerializer(
        many=True, help_text="The students whose percentage or standing would change, by roll number."
    )

    def get_rule_in_words(self, simulation: Simulation) -> list[str]:
        return in_words(simulation.rule)


class ExplainedMeetingSerializer(serializers.Serializer[ExplainedMeeting]):
    """One meeting, and what it counts."""

    meeting = serializers.CharField(source="meeting.public_id")
    date = serializers.DateField(source="meeting.date")
    starts_at = serializers.DateTimeField(source="meeting.starts_at")
    state = serializers.ChoiceField(MeetingState.choices, source="meeting.state")
    not_enrolled_then = serializers.SerializerMethodField(help_text="The student was not on its roster.")
    status = serializers.ChoiceField(Status.choices, source="cell.status", default=None, allow_null=True)
    label = serializers.CharField(  # type: ignore[assignment]
        source="cell.label.name", default=None, allow_null=True, help_text="Its name."
    )
    excused_reason = serializers.CharField(
        source="cell.excused_reason.code", default=None, allow_null=True, help_text="The code of the reason."
    )
    note = serializers.CharField()
    counts = serializers.IntegerField(
        source="row.counts",
        default=None,
        allow_null=True,
        help_text="In per cent of a class attended; null if the meeting does not count.",
    )
    counted = serializers.ChoiceField(
        [one.value for one in Counted],
        source="row.counted",
        default=None,
        allow_null=True,
        help_text="Why it counts so; null if it was not held with the student on its roster.",
    )
    rule_in_words = serializers.ListField(
        child=serializers.CharField(),
        help_text="What marks counted by the rule of its day, if that is not what they count by `rule`.",
    )

    def get_not_enrolled_then(self, explained: ExplainedMeeting) -> bool:
        return explained.cell is None


class ExplainedChangeSerializer(serializers.ModelSerializer[RecordChange]):
    """``changed_by`` is null if no teacher made the change."""

    meeting = serializers.CharField(source="record.meeting.public_id")
    date = serializers.DateField(source="record.meeting.date")
    changed_by = serializers.CharField(source="changed_by.display_name", default=None, allow_null=True)
    from_label = serializers.CharField(source="from_label.name", default=None, allow_null=True)
    from_reason = serializers.CharField(source="from_reason.code", default=None, allow_null=True)
    to_label = serializers.CharField(source="to_label.name", default=None, allow_null=True)
    to_reason = serializers.CharField(source="to_reason.code", default=None, allow_null=True)

    class Meta:
        model = RecordChange
        fields = [
            "meeting",
            "date",
            "changed_at",
            "changed_by",
            "from_status",
            "from_label",
            "from_reason",
            "to_status",
            "to_label",
            "to_reason",
            "note",
        ]


class ExplanationSerializer(serializers.Serializer[Explanation]):
    """How the numbers of one student in one section come about."""

    section = serializers.IntegerField(source="register.section.pk")
    student_id = serializers.CharField(source="student.student_id")
    roll_number = serializers.CharField()
    name = serializers.CharField(source="student.name")
    is_enrolled = serializers.BooleanField(help_text="On the last day that is looked at.")
    result = StandingSerializer()
    remain = serializers.IntegerField(
        source="result.remain",
        allow_null=True,
        help_text="How many planned classes remain; null if the rule does not count them.",
    )
    rule = RuleSerializer(
        source="result.rule",
        help_text="In force at the end of the days: it decides on minimum, warning, late marks that make an absence, and classes left out.",
    )
    rule_in_words = serializers.ListField(child=serializers.CharField(), source="words")
    arithmetic = serializers.CharField(help_text="Such as `12 + 2 × 50% = 13 of 15 classes = 86.7%`.")
    forecast = serializers.CharField(help_text="Empty without a minimum.")
    rows = ExplainedMeetingSerializer(
        many=True,
        source="meetings",
        help_text="All meetings but planned and discarded ones, the earliest first.",
    )
    changes = ExplainedChangeSerializer(
        many=True, help_text="Of the student's records in these meetings, the newest first, at most 200."
    )


class CoursePartSerializer(serializers.Serializer[CoursePart]):
    """One section of the student."""

    section = serializers.IntegerField(source="section.pk")
    name = serializers.CharField(source="section.name")
    is_enrolled = serializers.BooleanField(help_text="On the last day that is looked at.")
    result = StandingSerializer(allow_null=True, help_text="Null if no class was held.")
    by_status = serializers.SerializerMethodField(help_text="How often the student had each status.")
    rule_in_words = serializers.ListField(child=serializers.CharField(), source="words")
    arithmetic = serializers.CharField()
    forecast = serializers.CharField()

    def get_by_status(self, part: CoursePart) -> dict[str, int]:
        return {status.value: number for status, number in part.by_status}


class TogetherSerializer(serializers.Serializer[Together]):
    """The sum of the sections."""

    attended = serializers.FloatField()
    held = serializers.IntegerField()
    percentage = serializers.FloatField(allow_null=True)


class StudentCourseSerializer(serializers.Serializer[Any]):
    course = serializers.CharField(source="course.code")
    course_title = serializers.CharField(source="course.title")
    term = serializers.CharField(source="term.name", default="")
    sections = CoursePartSerializer(many=True, source="parts")
    together = TogetherSerializer(
        allow_null=True, help_text="If the student was in several sections of the course; else null."
    )
