"""Where one student stands in one section: everything that is computed from records and rules.

Pages, reports, exports, the API and calendars all call ``stand``. All arithmetic is exact, in whole per cents of a class;
numbers are rounded when they are shown.
"""

import datetime
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from attendance.models import ExcusedCounts, Status
from attendance.rules.percentage import percentage_beside
from attendance.rules.rule import Rule, Rules

NOTHING, WHOLE = 0, 100


class Standing(StrEnum):
    OK = "ok"
    # Below the percentage from which the rule warns, and not below the minimum.
    WARNED = "warned"
    # Below the minimum.
    BELOW = "below"
    # Below the minimum, and no number of classes attended leads back to it.
    LOST = "lost"


class Held(NamedTuple):
    """A meeting that was held while the student was on its roster.

    :ivar status: None if no status stands: it counts nowhere
    :ivar label: the key of the institution's own label for the status, if the mark has one
    """

    date: datetime.date
    status: Status | None
    label: int | None = None


class Counted(StrEnum):
    """Why a meeting counts as it does."""

    AS_MARKED = "as_marked"
    NO_STATUS = "no_status"
    EXCUSED = "excused"
    LATE_IS_ABSENCE = "late_is_absence"
    DROPPED = "dropped"
    # By the weight that the rule gives the label.
    AS_LABELLED = "as_labelled"


class Row(NamedTuple):
    """What one meeting counts.

    :ivar counts: in per cent of a class attended, from 0 to 100; None if the meeting is left out
    """

    meeting: Held
    counts: int | None
    counted: Counted


@dataclass(frozen=True)
class Result:
    """Where a student stands.

    :ivar rule: the version that decides on minimum, warning, lates per absence and dropped classes
    :ivar rows: one for each meeting, in the order given
    :ivar remain: how many planned classes remain; None if the rule does not count them
    """

    rule: Rule
    rows: Sequence[Row]
    remain: int | None
    # What each class counts before any is dropped, in ascending order.
    _counts: Sequence[int] = field(repr=False)

    @cached_property
    def attended(self) -> Fraction:
        return Fraction(sum(row.counts for row in self.rows if row.counts is not None), WHOLE)

    @cached_property
    def held(self) -> int:
        return sum(row.counts is not None for row in self.rows)

    @cached_property
    def share(self) -> Fraction | None:
        """From 0 to 1; None with nothing held."""
        return self.attended / self.held if self.held else None

    @cached_property
    def percentage(self) -> float | None:
        """To one decimal. It is never rounded across the minimum or the warning."""
        if self.share is None:
            return None
        return percentage_beside(self.share, limits=(self.rule.minimum_percentage, self.rule.warn_below))

    @cached_property
    def standing(self) -> Standing:
        if self.share is None:
            return Standing.OK
        if self.share < self._minimum:
            return Standing.LOST if self.must_attend is None else Standing.BELOW
        return Standing.WARNED if self.share < Fraction(self.rule.warn_below, 100) else Standing.OK

    @cached_property
    def may_miss(self) -> int | None:
        """How many more classes the student may miss; None without a minimum.

        With planned classes: how many of those that remain, if all others are attended. Otherwise: how many of the next
        ones in a row.
        """
        if not self._minimum:
            return None
        most = self.remain if self.remain is not None else self._most_missed()
        # One less than the first number of missed classes that leads below the minimum.
        too_many = _first(most + 1, lambda missed: not self._reaches(missed=missed))
        return max(0, too_many - 1)

    @cached_property
    def must_attend(self) -> int | None:
        """How many of the next classes in a row must be attended to reach the minimum; 0 if the student is not below it.

        None without a minimum, or if no number that remains is enough.
        """
        if not self._minimum:
            return None
        most = self.remain if self.remain is not None else self._most_attended()
        number = _first(most + 1, lambda attended: self._is_reached(attended=attended))
        return number if number <= most else None

    @property
    def _minimum(self) -> Fraction:
        return Fraction(self.rule.minimum_percentage, 100)

    def _reaches(self, *, missed: int) -> bool:
        attended = self.remain - missed if self.remain is not None else 0
        return self._is_reached(attended=attended, missed=missed)

    def _is_reached(self, *, attended: int = 0, missed: int = 0) -> bool:
        """Whether the minimum is reached after this many more classes attended and missed."""
        number = len(self._counts) + attended + missed
        drops = max(0, min(self.rule.drop_lowest, number - 1))
        # First missed classes are dropped, then those that counted least so far, then attended ones.
        of_counts = max(0, drops - missed)
        of_attended = max(0, of_counts - len(self._counts))
        total = sum(self._counts[of_counts:]) + (attended - of_attended) * WHOLE
        return total >= self.rule.minimum_percentage * (number - drops)

    def _most_missed(self) -> int:
        """More than can be missed whatever was attended: all attended so far, and the classes that are dropped."""
        return len(self._counts) * 100 // self.rule.minimum_percentage + self.rule.drop_lowest + 1

    def _most_attended(self) -> int:
        """More than must be attended after missing every class so far; with a minimum of 100 % nothing leads back."""
        if self.rule.minimum_percentage == 100:
            return self.rule.drop_lowest + 1
        return len(self._counts) * 100 // (100 - self.rule.minimum_percentage) + self.rule.drop_lowest + 1


@dataclass(frozen=True)
class Together:
    """A student's sections of one course taken together, such as those before and after a move.

    Each part keeps its own rule, so there is a percentage and no standing.
    """

    parts: Sequence[Result]

    @property
    def attended(self) -> Fraction:
        return sum((part.attended for part in self.parts), Fraction())

    @property
    def held(self) -> int:
        return sum(part.held for part in self.parts)

    @property
    def percentage(self) -> float | None:
        """To one decimal; None with nothing held."""
        return percentage_beside(self.attended / self.held, limits=()) if self.held else None


def stand(meetings: Iterable[Held], rules: Rules, *, on: datetime.date, planned: int = 0) -> Result:
    """Where a student stands who was on the rosters of these meetings.

    What *late* and *excused* mean is decided by the rule in force on each meeting's date; everything else by the one in
    force ``on`` the last day that is looked at.

    :param meetings: those held, in any order
    :param planned: how many more are planned after ``on``
    """
    rule = rules.on(on)
    rows = [_row(meeting, rules.on(meeting.date)) for meeting in meetings]
    rows = _with_absences_for_lates(rows, rule)
    counts = sorted(row.counts for row in rows if row.counts is not None)
    rows = _without_lowest(rows, rule)
    return Result(rule, rows, planned if rule.forecast_counts_planned else None, counts)


def _row(meeting: Held, rule: Rule) -> Row:
    if meeting.label is not None and meeting.label in rule.label_counts:
        return Row(meeting, rule.label_counts[meeting.label], Counted.AS_LABELLED)
    match meeting.status:
        case None:
            return Row(meeting, None, Counted.NO_STATUS)
        case Status.EXCUSED:
            return Row(meeting, WHOLE if rule.excused is ExcusedCounts.ATTENDED else None, Counted.EXCUSED)
        case Status.PRESENT:
            return Row(meeting, WHOLE, Counted.AS_MARKED)
        case Status.LATE:
            return Row(meeting, rule.late_counts, Counted.AS_MARKED)
        case Status.ABSENT:
            return Row(meeting, NOTHING, Counted.AS_MARKED)


def _with_absences_for_lates(rows: list[Row], rule: Rule) -> list[Row]:
    """Every n-th late mark, in the order of the dates, is an absence."""
    if not rule.lates_per_absence:
        return rows
    late = [number for number, row in enumerate(rows) if row.meeting.status is Status.LATE]
    late.sort(key=lambda number: rows[number].meeting.date)
    absences = set(late[rule.lates_per_absence - 1 :: rule.lates_per_absence])
    return [
        Row(row.meeting, NOTHING, Counted.LATE_IS_ABSENCE) if number in absences else row
        for number, row in enumerate(rows)
    ]


def _without_lowest(rows: list[Row], rule: Rule) -> list[Row]:
    """Those that count least are left out, the earliest of equal ones, but never the last class that is left."""
    counted = [number for number, row in enumerate(rows) if row.counts is not None]
    counted.sort(key=lambda number: (rows[number].counts, rows[number].meeting.date))
    dropped = set(counted[: max(0, min(rule.drop_lowest, len(counted) - 1))])
    return [
        Row(row.meeting, None, Counted.DROPPED) if number in dropped else row
        for number, row in enumerate(rows)
    ]


def _first(limit: int, holds: Callable[[int], bool]) -> int:
    """The first number below the limit for which it holds, and so for all that follow; otherwise the limit."""
    return bisect_left(range(limit), 1, key=holds)
