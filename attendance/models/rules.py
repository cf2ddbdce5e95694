"""What counts as attendance: the institution's rule, and what a course or section says instead."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.validators import MaxValueValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from attendance.models.labels import StatusLabel
from attendance.models.people import User
from attendance.models.teaching import Course, Section

FIELDS = (
    "minimum_percentage",
    "warn_below",
    "late_counts",
    "lates_per_absence",
    "excused",
    "drop_lowest",
    "forecast_counts_planned",
)

# What one version says and does not leave to the wider scope: by the name of the field, and for labels by their keys.
RuleValues = dict[str | int, Any]


class ExcusedCounts(models.TextChoices):
    """What an excused class counts as."""

    NEUTRAL = "neutral", _("not at all")
    ATTENDED = "attended", _("as attended")


class AttendanceRuleQuerySet(models.QuerySet["AttendanceRule"]):
    def by_section(self, sections: Iterable[Section]) -> dict[int, list[list[AttendanceRule]]]:
        """For each section the versions of the institution, of its course and of itself, in two queries."""
        sections = list(sections)
        found = self.filter(
            Q(section__in=sections)
            | Q(course__in={section.course_id for section in sections})
            | Q(course=None, section=None)
        ).prefetch_related(models.Prefetch("label_weights", LabelWeight.objects.select_related("label")))
        by_scope: defaultdict[tuple[int | None, int | None], list[AttendanceRule]] = defaultdict(list)
        for rule in found:
            by_scope[rule.course_id, rule.section_id].append(rule)
        return {
            section.pk: [
                by_scope[None, None],
                by_scope[section.course_id, None],
                by_scope[None, section.pk],
            ]
            for section in sections
        }

    @transaction.atomic
    def set_for_section(
        self,
        section: Section,
        to: Mapping[str, Any],
        *,
        valid_from: datetime.date,
        by: User,
        at: datetime.datetime,
    ) -> AttendanceRule:
        """Let the section say this from a day on. What is left out stays as it was on that day.

        A later version of the section that only repeats what was changed follows the change: see ``versions_after``.

        :param to: new values by the name of the field; None leaves it to the course or the institution. ``label_counts``
            has what labels count, in per cent by the label's key, and None for a label that counts as its status
        """
        # One change of a section at a time.
        Section.objects.select_for_update(of=["self"]).get(pk=section.pk)
        versions = self.filter(section=section).prefetch_related("label_weights")
        before = {version.valid_from: version.values_with_labels for version in versions}
        for day, values in versions_after(before, to, valid_from=valid_from).items():
            if day == valid_from or values != before[day]:
                self._write(section, day, values, by=by, at=at)
        return self.get(section=section, valid_from=valid_from)

    def _write(
        self,
        section: Section,
        valid_from: datetime.date | None,
        values: RuleValues,
        *,
        by: User,
        at: datetime.datetime,
    ) -> None:
        fields = {name: values.get(name) for name in FIELDS}
        fields["excused"] = fields["excused"] or ""
        rule, _is_new = self.update_or_create(
            section=section, valid_from=valid_from, defaults={**fields, "set_by": by, "set_at": at}
        )
        rule.label_weights.all().delete()
        rule.label_weights.bulk_create(
            LabelWeight(rule=rule, label_id=key, counts=counts)
            for key, counts in values.items()
            if isinstance(key, int)
        )


def versions_after(
    versions: Mapping[datetime.date | None, RuleValues], to: Mapping[str, Any], *, valid_from: datetime.date
) -> dict[datetime.date | None, RuleValues]:
    """What the versions of one scope say after a change: the day's new version and the others, by their first day.

    Versions are written whole. So a later one that has the same value as before the change gets the new value, too, up to
    the first one that says something else.

    :param versions: what each version says by its first day
    :param to: as for ``set_for_section``
    """
    labels = to.get("label_counts", {})
    change: RuleValues = {**{name: value for name, value in to.items() if name != "label_counts"}, **labels}
    earlier = [day for day in versions if day is None or day <= valid_from]
    later = sorted(day for day in versions if day is not None and day > valid_from)
    before = versions[max(earlier, key=_first_day)] if earlier else {}
    after = {day: dict(values) for day, values in versions.items()} | {valid_from: dict(before)}
    for key, value in change.items():
        for day in [valid_from, *later]:
            if after[day].get(key) != before.get(key):
                break
            # None and the empty choice leave it to the wider scope.
            after[day][key] = None if value == "" else value
    return {
        day: {key: value for key, value in values.items() if value is not None}
        for day, values in after.items()
    }


def _first_day(day: datetime.date | None) -> datetime.date:
    return day or datetime.date.min


class AttendanceRule(models.Model):
    """One version of a rule, of the institution, a course or a section. It holds until the scope's next version begins.

    An empty field is left to the course, or else to the institution. What the fields mean, and what holds if nobody says
    anything, is in ``attendance.rules.rule``.
    """

    course = models.ForeignKey(
        Course,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="attendance_rules",
        verbose_name=_("course"),
    )
    section = models.ForeignKey(
        Section,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="attendance_rules",
        verbose_name=_("section"),
    )
    valid_from = models.DateField(
        _("from"), null=True, blank=True, help_text=_("The first day. Leave empty for the beginning.")
    )
    minimum_percentage = models.PositiveSmallIntegerField(
        _("minimum attendance (%)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text=_("Students see how many more classes they can miss. 0 for no minimum."),
    )
    warn_below = models.PositiveSmallIntegerField(
        _("warn below (%)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text=_("Students below this percentage are warned. 0 for no warning."),
    )
    late_counts = models.PositiveSmallIntegerField(
        _("late counts (%)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "How much a class counts when the student was late. 100 is as much as present, 0 is an absence."
        ),
    )
    lates_per_absence = models.PositiveSmallIntegerField(
        _("late marks that make an absence"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text=_("With 3, every third late mark is an absence. 0 for never."),
    )
    excused = models.CharField(_("excused counts"), max_length=20, choices=ExcusedCounts, blank=True)
    drop_lowest = models.PositiveSmallIntegerField(
        _("classes left out"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text=_("How many of each student's missed or late classes are left out."),
    )
    forecast_counts_planned = models.BooleanField(
        _("forecast counts planned classes"),
        null=True,
        blank=True,
        help_text=_("Whether the forecast takes the classes in the timetable as all that remain."),
    )
    set_by = models.ForeignKey(
        User,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("set by"),
    )
    set_at = models.DateTimeField(_("set at"), null=True, blank=True, editable=False)

    objects = AttendanceRuleQuerySet.as_manager()

    class Meta:
        verbose_name = _("attendance rule")
        verbose_name_plural = _("attendance rules")
        # The institution's first.
        ordering = [F(name).asc(nulls_first=True) for name in ("course", "section", "valid_from")]
        constraints = [
            models.CheckConstraint(
                condition=Q(course=None) | Q(section=None),
                name="attendance_rule_one_scope",
                violation_error_message=_("Choose a course or a section, not both."),
            ),
            models.UniqueConstraint(
                fields=["course", "section", "valid_from"],
                nulls_distinct=False,
                name="attendance_rule_once_a_day",
                violation_error_message=_("There is already a rule from this day."),
            ),
            models.CheckConstraint(
                condition=Q(minimum_percentage__lte=100)
                & Q(warn_below__lte=100)
                & Q(late_counts__lte=100)
                & Q(excused__in=["", *ExcusedCounts.values]),
                name="attendance_rule_values",
            ),
        ]

    def __str__(self) -> str:
        scope = self.section or self.course or _("the institution")
        return f"{scope}, {self.valid_from}" if self.valid_from else str(scope)

    @property
    def values(self) -> dict[str, Any]:
        """What is not left to the wider scope, by the name of the field."""
        fields = {name: getattr(self, name) for name in FIELDS}
        return {name: value for name, value in fields.items() if value not in {None, ""}}

    @property
    def values_with_labels(self) -> RuleValues:
        """``values`` and ``label_counts`` in one."""
        values: RuleValues = dict(self.values.items())
        for label, counts in self.label_counts.items():
            values[label] = counts
        return values

    @property
    def label_counts(self) -> dict[int, int]:
        """What labels count by this version, in per cent, by the label's key."""
        return {weight.label_id: weight.counts for weight in self.label_weights.all()}

    @property
    def label_names(self) -> dict[int, str]:
        """What these labels are called, by the label's key."""
        return {weight.label_id: weight.label.name for weight in self.label_weights.all()}


class LabelWeight(models.Model):
    """What a label counts by one version of a rule. A label without a weight counts as its status does."""

    rule = models.ForeignKey(
        AttendanceRule, models.CASCADE, related_name="label_weights", verbose_name=_("attendance rule")
    )
    label = models.ForeignKey(
        StatusLabel, models.PROTECT, related_name="+", db_index=False, verbose_name=_("label")
    )
    counts = models.PositiveSmallIntegerField(
        _("counts (%)"),
        validators=[MaxValueValidator(100)],
        help_text=_("100 is as much as present, 0 is an absence."),
    )

    class Meta:
        verbose_name = _("weight of a label")
        verbose_name_plural = _("weights of labels")
        constraints = [
            models.UniqueConstraint(fields=["rule", "label"], name="label_weight_once_per_rule"),
            models.CheckConstraint(condition=Q(counts__lte=100), name="label_weight_counts"),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.counts} %"
