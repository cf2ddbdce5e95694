"""The rules in force for sections."""

import datetime
from collections.abc import Iterable

from attendance.models import AttendanceRule, Section
from attendance.rules.rule import Excused, Rule, Rules, Version


def rules_by_section(sections: Iterable[Section]) -> dict[int, Rules]:
    """The rules of each section by its id, in two queries."""
    found = AttendanceRule.objects.by_section(sections)
    return {
        section: Rules([[_version(rule) for rule in versions] for versions in scopes])
        for section, scopes in found.items()
    }


def rule_of(section: Section, *, on: datetime.date) -> Rule:
    return rules_by_section([section])[section.pk].on(on)


def _version(rule: AttendanceRule) -> Version:
    says = rule.says
    if "excused" in says:
        says["excused"] = Excused(says["excused"])
    return Version(rule.valid_from, says, rule.label_counts)
