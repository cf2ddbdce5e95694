"""The rules in force for sections."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attendance.models import AttendanceRule, ExcusedCounts, Section, StatusLabel
from attendance.models.rules import FIELDS, RuleValues, versions_after
from attendance.rules.rule import Rule, Rules, Version


def rules_by_section(sections: Iterable[Section]) -> dict[int, Rules]:
    """The rules of each section by its id, in two queries."""
    found = AttendanceRule.objects.by_section(sections)
    return {
        section: Rules(
            [[_version(rule) for rule in versions] for versions in scopes],
            label_names=_label_names(rule for versions in scopes for rule in versions),
        )
        for section, scopes in found.items()
    }


def rule_of(section: Section, *, on: datetime.date) -> Rule:
    return rules_by_section([section])[section.pk].on(on)


@dataclass(frozen=True)
class SectionVersions:
    """Every version that concerns a section: those of the institution, of its course and its own."""

    institution: Sequence[AttendanceRule]
    course: Sequence[AttendanceRule]
    own: Sequence[AttendanceRule]

    @property
    def all(self) -> list[AttendanceRule]:
        return [*self.institution, *self.course, *self.own]

    @property
    def rules(self) -> Rules:
        return Rules(
            [[_version(rule) for rule in scope] for scope in (self.institution, self.course, self.own)],
            label_names=_label_names(self.all),
        )

    def after(self, to: Mapping[str, Any], *, valid_from: datetime.date) -> Rules:
        """The rules as they would be after ``set_for_section``. Nothing is written."""
        before = {version.valid_from: version.values_with_labels for version in self.own}
        after = versions_after(before, to, valid_from=valid_from)
        wider = [[_version(rule) for rule in scope] for scope in (self.institution, self.course)]
        names = dict(StatusLabel.objects.values_list("pk", "name"))
        return Rules(
            [*wider, [_version_with(day, values) for day, values in after.items()]], label_names=names
        )

    def wider_on(self, date: datetime.date) -> Rule:
        """What holds on the day where the section says nothing."""
        return Rules([[_version(rule) for rule in scope] for scope in (self.institution, self.course)]).on(
            date
        )

    def own_on(self, date: datetime.date) -> RuleValues:
        """What the section itself says on the day."""
        return _in_force(self.own, date)

    def course_on(self, date: datetime.date) -> RuleValues:
        """What the course says on the day."""
        return _in_force(self.course, date)


def versions_of(section: Section) -> SectionVersions:
    """With who set each of them, in two queries."""
    versions = AttendanceRule.objects.select_related("set_by")
    ((institution, course, own),) = versions.by_section([section]).values()
    return SectionVersions(institution, course, own)


def _in_force(versions: Sequence[AttendanceRule], date: datetime.date) -> RuleValues:
    begun = [rule for rule in versions if rule.valid_from is None or rule.valid_from <= date]
    latest = max(begun, key=lambda rule: rule.valid_from or datetime.date.min, default=None)
    return latest.values_with_labels if latest else {}


def _label_names(rules: Iterable[AttendanceRule]) -> dict[int, str]:
    return {label: name for rule in rules for label, name in rule.label_names.items()}


def _version(rule: AttendanceRule) -> Version:
    return _version_with(rule.valid_from, rule.values_with_labels)


def _version_with(valid_from: datetime.date | None, values: RuleValues) -> Version:
    fields = {str(name): values[name] for name in FIELDS if name in values}
    if "excused" in fields:
        fields["excused"] = ExcusedCounts(fields["excused"])
    return Version(
        valid_from, fields, {key: counts for key, counts in values.items() if isinstance(key, int)}
    )
