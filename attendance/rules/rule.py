"""What counts as attendance: the rule of an institution, a course or a section, and its versions."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from attendance.models import ExcusedCounts


@dataclass(frozen=True)
class Rule:
    """One rule, with nothing left open.

    :ivar minimum_percentage: which share of the classes held a student must attend, in per cent; 0 for no minimum
    :ivar warn_below: a student below this percentage, and not below the minimum, is warned; 0 for no warning
    :ivar late_counts: what a late mark is worth, in per cent of a class attended
    :ivar lates_per_absence: how many late marks make one absence; 0 if they never do
    :ivar excused: whether an excused class is left out or counts as attended
    :ivar drop_lowest: how many classes are left out, those that count least first
    :ivar forecast_counts_planned: whether planned classes are the ones that remain; otherwise nobody knows how many remain
    :ivar label_counts: what a mark with one of the institution's own labels is worth, in per cent of a class attended, by
        the label's key; a label that is not here counts as its status does
    :ivar label_names: what these labels are called
    """

    minimum_percentage: int = 0
    warn_below: int = 0
    late_counts: int = 100
    lates_per_absence: int = 0
    excused: ExcusedCounts = ExcusedCounts.NEUTRAL
    drop_lowest: int = 0
    forecast_counts_planned: bool = False
    label_counts: Mapping[int, int] = field(default_factory=dict, hash=False)
    label_names: Mapping[int, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Version:
    """What one scope says from a day on: the fields that it does not leave to the wider scope.

    :ivar valid_from: the first day; None for the beginning
    :ivar label_counts: what it says of labels, as in ``Rule``
    """

    valid_from: datetime.date | None
    values: Mapping[str, Any]
    label_counts: Mapping[int, int] = field(default_factory=dict)


class Rules:
    """The rule in force on each day.

    :param scopes: the versions of each scope, the widest first: institution, course, section
    :param label_names: what the institution's own labels are called, by their keys
    """

    def __init__(
        self, scopes: Iterable[Sequence[Version]], *, label_names: Mapping[int, str] | None = None
    ) -> None:
        self._label_names = label_names or {}
        self._scopes = [sorted(versions, key=_first_day) for versions in scopes]
        self._found: dict[datetime.date, Rule] = {}

    def on(self, date: datetime.date) -> Rule:
        """What the narrowest scope says on the day counts. What it leaves open, the next wider one decides."""
        if date not in self._found:
            rule = Rule(label_names=self._label_names)
            for versions in self._scopes:
                in_force = [version for version in versions if _first_day(version) <= date]
                if in_force:
                    latest = in_force[-1]
                    label_counts = {**rule.label_counts, **latest.label_counts}
                    rule = replace(rule, **latest.values, label_counts=label_counts)
            self._found[date] = rule
        return self._found[date]


def _first_day(version: Version) -> datetime.date:
    return version.valid_from or datetime.date.min
