"""The JSON of sections, stats and records; see docs/api.md."""

import datetime
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from attendance.lib.moments import moment_json
from attendance.lib.texts import max_length
from attendance.models import (
    ExcuseReason,
    Method,
    RecordChange,
    Role,
    RosterEntry,
    Section,
    Status,
    StatusLabel,
)
from attendance.queries.scan_traces import NOTHING_UNUSUAL, Flag, ScanTraces, TracesByRecord
from attendance.queries.section_rules import rules_by_section
from attendance.queries.shared_devices import SharedDevices
from attendance.rules.standing import Counted, Standing
from attendance.stats import Source, Stats


class SignInSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)


class SectionSerializer(serializers.ModelSerializer[Section]):
    """``open_session`` is the id of the section's open session, if it has one."""

    course = serializers.CharField(source="course.code")
    course_title = serializers.CharField(source="course.title")
    total_students = serializers.IntegerField()
    term = serializers.CharField(source="term_name")
    open_session = serializers.CharField(allow_null=True)
    minimum_percentage = serializers.SerializerMethodField()

    class Meta:
        model = Section
        fields = [
            "id",
            "course",
            "course_title",
            "name",
            "term",
            "term_id",
            "total_students",
            "open_session",
            "minimum_percentage",
            "late_after_minutes",
        ]

    @classmethod
    def many_as_json(cls, sections: Iterable[Section], *, on: datetime.date) -> list[Any]:
        """Sections with the rules in force on the day."""
        sections = list(sections)
        rules = {section: rules.on(on) for section, rules in rules_by_section(sections).items()}
        return cls(sections, many=True, context={"rules": rules}).data  # type: ignore[return-value]

    def get_minimum_percentage(self, section: Section) -> int | None:
        return self.context["rules"][section.pk].minimum_percentage or None


class CountsSerializer(serializers.Serializer[Stats]):
    """The live counts. ``present_percentage`` is of ``total_students``, rounded half up to one decimal."""

    total_students = serializers.IntegerField()
    total_joined = serializers.IntegerField()
    total_present = serializers.IntegerField(help_text="Present or late.")
    present_percentage = serializers.FloatField()
    source = serializers.ChoiceField(  # type: ignore[assignment]
        [source.value for source in Source], help_text="`database` while Redis is away."
    )
    as_of = serializers.DateTimeField()


def counts_json(stats: Stats) -> dict[str, Any]:
    """What ``CountsSerializer`` describes. Built by hand, because every mark and poll answers with it."""
    return {
        "total_students": stats.total_students,
        "total_joined": stats.total_joined,
        "total_present": stats.total_present,
        "present_percentage": stats.present_percentage,
        "source": stats.source,
        "as_of": moment_json(stats.as_of),
    }


class RecordSerializer(serializers.Serializer[Any]):
    """One student of the roster; ``status`` is null until the student is marked.

    ``context["shared_devices"]`` and ``context["traces"]`` are what ``shared_devices`` and ``scan_traces`` found for the
    meeting.
    """

    student_id = serializers.CharField(source="student.student_id")
    roll_number = serializers.CharField()
    name = serializers.CharField(source="student.name")
    joined_at = serializers.DateTimeField(source="record.joined_at", default=None, allow_null=True)
    marked_at = serializers.DateTimeField(source="record.marked_at", default=None, allow_null=True)
    status = serializers.ChoiceField(Status.choices, source="record.status", default=None, allow_null=True)
    label = serializers.CharField(  # type: ignore[assignment]
        source="record.label.name",
        default=None,
        allow_null=True,
        help_text="The institution's own label of the status, as `labels/` names it.",
    )
    reason = serializers.CharField(
        source="record.excused_reason.code",
        default=None,
        allow_null=True,
        help_text="The code of the reason for an excuse, as in `reasons/`.",
    )
    method = serializers.ChoiceField(Method.choices, source="record.method", default=None, allow_null=True)
    note = serializers.CharField(help_text="Of an excuse or a late mark by hand; else empty.")
    shares_device_with = serializers.SerializerMethodField(
        help_text="The ids of other students who were marked present from the same phone."
    )

    shares_device_on_other_days_with = serializers.SerializerMethodField(
        help_text="The ids of students on the roster who were marked present from the same phone within 30 days."
    )
    flags = serializers.SerializerMethodField(
        help_text=(
            "What is unusual about the scan: `by_program` (sent with an API token), `no_device` (a browser without "
            "a device cookie), `new_device` (the student's first scan on this phone, though not the first of all), "
            "`device_of_others` (the phone marked a student of another class within 30 days)."
        )
    )

    def get_shares_device_on_other_days_with(self, entry: RosterEntry) -> list[str]:
        return [sharer.student_id for sharer in self._traces(entry).other_days]

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(Flag.choices)))
    def get_flags(self, entry: RosterEntry) -> list[str]:
        return [flag.value for flag in self._traces(entry).flags]

    def _traces(self, entry: RosterEntry) -> ScanTraces:
        traces: TracesByRecord = self.context["traces"]
        return traces.get(entry.record_id or 0, NOTHING_UNUSUAL)

    def get_shares_device_with(self, entry: RosterEntry) -> list[str]:
        shared: SharedDevices = self.context["shared_devices"]
        return [sharer.student_id for sharer in shared.get(entry.student_id, ())]


class CorrectionSerializer(serializers.Serializer[Any]):
    """The whole mark: a label or reason that is left out is removed."""

    status = serializers.ChoiceField(
        Status.choices,
        required=False,
        allow_null=True,
        help_text="null removes the mark. It may be left out if there is a label.",
    )
    label = serializers.CharField(  # type: ignore[assignment]
        max_length=max_length(StatusLabel, "name"),
        default=None,
        allow_null=True,
        help_text="The name of a label in `labels/`. It must mean the status.",
    )
    reason = serializers.CharField(
        max_length=max_length(ExcuseReason, "code"),
        default=None,
        allow_null=True,
        help_text="The code of a reason in `reasons/`, for an excuse.",
    )
    note = serializers.CharField(max_length=max_length(RecordChange, "note"), allow_blank=True, default="")

    def validate_label(self, name: str | None) -> StatusLabel | None:
        if name is None:
            return None
        label = StatusLabel.objects.filter(name=name).first()
        if label is None:
            raise serializers.ValidationError(_("There is no label “%(name)s”.") % {"name": name})
        if not label.is_active:
            raise serializers.ValidationError(_("“%(name)s” can no longer be chosen.") % {"name": name})
        return label

    def validate_reason(self, code: str | None) -> ExcuseReason | None:
        if code is None:
            return None
        reason = ExcuseReason.objects.filter(code=code).first()
        if reason is None:
            raise serializers.ValidationError(_("There is no reason “%(code)s”.") % {"code": code})
        if not reason.is_active:
            raise serializers.ValidationError(_("“%(name)s” can no longer be chosen.") % {"name": code})
        return reason

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        label: StatusLabel | None = attrs["label"]
        if "status" not in attrs:
            if label is None:
                raise serializers.ValidationError(
                    {"status": self.fields["status"].error_messages["required"]}
                )
            attrs["status"] = label.meaning
        if label and label.meaning != attrs["status"]:
            words = _("“%(name)s” means “%(meaning)s”, not the status that was sent.")
            raise serializers.ValidationError(
                {"label": words % {"name": label.name, "meaning": label.get_meaning_display()}}
            )
        if attrs["reason"] and attrs["status"] != Status.EXCUSED:
            raise serializers.ValidationError({"reason": _("Only an excuse has a reason.")})
        return attrs


class RecordChangeSerializer(serializers.ModelSerializer[RecordChange]):
    """``changed_by`` is null if no teacher made the change: a scan replaced an absence recorded at the end."""

    changed_by = serializers.CharField(source="changed_by.display_name", default=None, allow_null=True)
    from_label = serializers.CharField(source="from_label.name", default=None, allow_null=True)
    from_reason = serializers.CharField(source="from_reason.code", default=None, allow_null=True)
    to_label = serializers.CharField(source="to_label.name", default=None, allow_null=True)
    to_reason = serializers.CharField(source="to_reason.code", default=None, allow_null=True)

    class Meta:
        model = RecordChange
        fields = [
            "changed_at",
            "changed_by",
            "from_status",
            "from_label",
            "from_reason",
            "from_method",
            "from_marked_at",
            "to_status",
            "to_label",
            "to_reason",
            "to_method",
            "note",
        ]


class OwnMeetingSerializer(serializers.Serializer[Any]):
    session = serializers.CharField()
    date = serializers.DateField()
    not_enrolled_then = serializers.BooleanField(
        help_text="The student was enrolled for this date only after the class. It counts neither as held nor as missed."
    )
    status = serializers.ChoiceField(Status.choices, allow_null=True)
    label = serializers.CharField(  # type: ignore[assignment]
        source="label.name", default=None, allow_null=True
    )
    reason = serializers.CharField(source="reason.code", default=None, allow_null=True)
    marked_at = serializers.DateTimeField(allow_null=True)
    method = serializers.ChoiceField(Method.choices, allow_null=True)
    counts = serializers.IntegerField(
        allow_null=True, help_text="In per cent of a class attended; null if the class does not count."
    )
    counted = serializers.ChoiceField(list(Counted), help_text="Why it counts so.")


class OwnSectionSerializer(serializers.Serializer[Any]):
    """A student's own history in one section: the meetings that have ended, newest first."""

    section = serializers.IntegerField()
    course = serializers.CharField()
    course_title = serializers.CharField()
    name = serializers.CharField()
    term = serializers.CharField()
    is_past = serializers.BooleanField(help_text="The term is past.")
    total_meetings = serializers.IntegerField(
        help_text="Classes for which the student has a status. The percentage is not of these: see `held`."
    )
    total_present = serializers.IntegerField(help_text="In how many of them the student was present or late.")
    attended = serializers.FloatField(help_text="What the classes that count add up to.")
    held = serializers.IntegerField(
        source="result.held", help_text="Classes that count by the rule, which may leave out excused ones."
    )
    present_percentage = serializers.FloatField(
        source="result.percentage",
        allow_null=True,
        help_text="`attended` of `held`, never rounded across the minimum; null if no class counts.",
    )
    standing = serializers.ChoiceField(
        source="result.standing",
        choices=list(Standing),
        help_text="`below` the minimum, or `lost` if no number of classes attended leads back to it.",
    )
    minimum_percentage = serializers.IntegerField(
        allow_null=True, help_text="The section's minimum; null if it has none."
    )
    may_miss = serializers.IntegerField(
        source="result.may_miss",
        allow_null=True,
        help_text="How many more classes the student can miss without falling below the minimum: of those that remain if the rule counts planned classes, else of the next in a row.",
    )
    must_attend = serializers.IntegerField(
        source="result.must_attend",
        allow_null=True,
        help_text="How many of the next classes in a row the student must attend to reach the minimum: 0 if not below it; null if it cannot be reached or there is no minimum.",
    )
    rule_in_words = serializers.ListField(child=serializers.CharField(), source="words")
    arithmetic = serializers.CharField(help_text="Such as `12 + 2 × 50% = 13 of 15 classes = 86.7%`.")
    meetings = OwnMeetingSerializer(many=True)
