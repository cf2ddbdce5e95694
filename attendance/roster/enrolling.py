"""Plans who is enrolled in a section from now on.

An enrolment is changed where it is, ended by a date and never deleted. A number that somebody else held on some of
the days is given from the day of the import on, by a second enrolment, so that the past stays as it was.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from attendance.models import Enrolment, Section, Student
from attendance.roster.entries import EnrolmentEntry
from attendance.roster.problems import Problems
from attendance.roster.report import Action, Kind, Report, changes
from attendance.roster.tables import Place

State = tuple[str, datetime.date, datetime.date | None]


@dataclass(slots=True)
class _Planned:
    """An enrolment as it will be, how it was (None: it is new), and the line of the roster that wants it."""

    enrolment: Enrolment
    before: State | None
    place: Place | None = None
    missing: bool = False

    @property
    def moved(self) -> bool:
        return self.before is not None and _state(self.enrolment) != self.before


def live(entry: EnrolmentEntry, on: datetime.date) -> bool:
    return entry.to_date is None or entry.to_date > on


class SectionPlan:
    """The enrolments of one section. ``created`` and ``changed`` are what is to be written."""

    def __init__(
        self,
        section: Section,
        existing: Iterable[Enrolment],
        *,
        on: datetime.date,
        end_missing: bool,
        problems: Problems,
        report: Report,
    ) -> None:
        self._section = section
        self._on = on
        self._end_missing = end_missing
        self._problems = problems
        self._report = report
        self._planned = [_Planned(enrolment, _state(enrolment)) for enrolment in existing]
        self._passed = 0

    def plan(
        self, entries: Iterable[EnrolmentEntry], students: dict[str, Student], *, incomplete: bool
    ) -> None:
        """``incomplete``: some lines could not be read, so who seems to keep a number may give it up in one of them."""
        of_student: dict[str, list[_Planned]] = defaultdict(list)
        for planned in self._planned:
            of_student[planned.enrolment.student.student_id].append(planned)
        entries_of: dict[str, list[EnrolmentEntry]] = defaultdict(list)
        for entry in entries:
            entries_of[entry.student_id].append(entry)
        for student_id, own in entries_of.items():
            student = students.get(student_id)
            if student is None:
                self._passed += len(own)
            else:
                self._plan_student(student, own, of_student[student_id])
        self._find_missing()
        if any(True for _ in self._conflicts()):
            self._spare_the_past()
        self._refuse_conflicts(incomplete=incomplete)
        self._tell()

    @property
    def created(self) -> list[Enrolment]:
        return [planned.enrolment for planned in self._planned if planned.before is None]

    @property
    def changed(self) -> list[Enrolment]:
        return [planned.enrolment for planned in self._planned if planned.moved]

    def _plan_student(self, student: Student, entries: list[EnrolmentEntry], own: list[_Planned]) -> None:
        ended = [entry for entry in entries if not live(entry, self._on)]
        current = [entry for entry in entries if live(entry, self._on)]
        for entry in current[1:]:
            first = current[0].place
            entry.place.problem(
                self._problems,
                "student_id",
                f"{student} is listed twice in {self._section}: in line {first.line} too.",
            )
        holding = sorted(
            (planned for planned in own if self._holds(planned)),
            key=lambda planned: planned.enrolment.from_date,
        )
        past = [planned for planned in own if not self._holds(planned)]
        for entry in ended:
            match = next(
                (planned for planned in holding if planned.enrolment.from_date == entry.from_date), None
            )
            if match is None and not current and holding:
                match = holding[0]
            if match is None or entry.to_date is None:
                self._passed += 1
                continue
            holding.remove(match)
            match.place = entry.place
            match.enrolment.to_date = max(entry.to_date, match.enrolment.from_date)
            past.append(match)
        if current:
            entry = current[0]
            match = next(
                (planned for planned in holding if planned.enrolment.from_date == entry.from_date), None
            )
            self._enrol(student, entry, match or next(iter(holding), None), past)
            for planned in holding:
                # One that begins later belongs to a student who is not missing.
                planned.place = entry.place

    def _enrol(
        self, student: Student, entry: EnrolmentEntry, match: _Planned | None, past: list[_Planned]
    ) -> None:
        wanted = entry.from_date
        if wanted is not None and any(_overlap(planned.enrolment, wanted, entry.to_date) for planned in past):
            wanted = None  # what is past stays: the enrolment begins anew
        if match is None:
            match = _Planned(
                Enrolment(
                    section=self._section,
                    student=student,
                    roll_number=entry.roll_number or student.student_id,
                    from_date=wanted or self._on,
                    to_date=entry.to_date,
                ),
                before=None,
            )
            self._planned.append(match)
        else:
            enrolment = match.enrolment
            enrolment.roll_number = entry.roll_number or enrolment.roll_number
            enrolment.from_date = wanted or enrolment.from_date
            if entry.says_end:
                enrolment.to_date = entry.to_date
            if enrolment.to_date is not None and enrolment.to_date < enrolment.from_date:
                entry.place.problem(
                    self._problems,
                    "beginDate",
                    f"{student} is enrolled only until {enrolment.to_date} so far.",
                )
                enrolment.from_date = enrolment.to_date
        match.place = entry.place

    def _find_missing(self) -> None:
        for planned in self._planned:
            if planned.place is None and self._holds(planned):
                planned.missing = True
                if self._end_missing:
                    planned.enrolment.to_date = max(self._on, planned.enrolment.from_date)

    def _conflicts(self) -> Iterator[tuple[_Planned, _Planned]]:
        """Pairs that would hold on one day for one student or with one roll number, the later line second."""
        groups: dict[tuple[str, str], list[_Planned]] = defaultdict(list)
        for planned in self._planned:
            enrolment = planned.enrolment
            groups["number", enrolment.roll_number].append(planned)
            groups["student", enrolment.student.student_id].append(planned)
        for group in groups.values():
            for index, one in enumerate(group):
                for other in group[index + 1 :]:
                    if _overlap(one.enrolment, other.enrolment.from_date, other.enrolment.to_date):
                        yield (one, other) if _line(one) < _line(other) else (other, one)

    def _spare_the_past(self) -> None:
        """Everything new holds from the day of the import on; before it everybody keeps the number they had."""
        for planned in tuple(self._planned):
            enrolment = planned.enrolment
            if planned.before is None:
                enrolment.from_date = max(enrolment.from_date, self._on)
                continue
            number, from_date, _to_date = planned.before
            enrolment.from_date = from_date
            if enrolment.roll_number != number and from_date < self._on:
                follower = Enrolment(
                    section=self._section,
                    student=enrolment.student,
                    roll_number=enrolment.roll_number,
                    from_date=self._on,
                    to_date=enrolment.to_date,
                )
                self._planned.append(_Planned(follower, before=None, place=planned.place))
                enrolment.roll_number, enrolment.to_date = number, self._on

    def _refuse_conflicts(self, *, incomplete: bool) -> None:
        for one, other in self._conflicts():
            number = other.enrolment.roll_number
            if other.place is None or (one.place is None and incomplete):
                continue
            if one.place is not None:
                rest = f"is also given to {one.enrolment.student} in line {one.place.line}."
            else:
                rest = (
                    f"is held by {one.enrolment.student}, who is not in the roster and stays enrolled. "
                    "Add a line for them, or end their enrolment (--end-missing)."
                )
            # Without a column for it, the number is the student id.
            column = "roll_number" if "roll_number" in other.place.headers else "student_id"
            other.place.problem(self._problems, column, f"The roll number {number} in {self._section} {rest}")

    def _tell(self) -> None:
        if self._passed:
            self._report.notes.append(
                f"{self._section}: enrolments that ended before, ignored: {self._passed}"
            )
        for planned in self._planned:
            enrolment = planned.enrolment
            what = f"{self._section}: {enrolment}"
            if planned.before is None:
                self._report.add(Kind.ENROLMENT, Action.CREATED, what, f"from {enrolment.from_date}")
                continue
            told = changes(
                roll_number=(planned.before[0], enrolment.roll_number),
                from_date=(planned.before[1], enrolment.from_date),
                to_date=(planned.before[2], enrolment.to_date),
            )
            if told and not self._holds(planned):
                self._report.add(Kind.ENROLMENT, Action.ENDED, what, f"on {enrolment.to_date}")
            elif told:
                self._report.add(Kind.ENROLMENT, Action.CHANGED, what, told)
            elif planned.missing:
                self._report.add(Kind.ENROLMENT, Action.MISSING, what, f"since {enrolment.from_date}")
            elif planned.place is not None:
                self._report.add(Kind.ENROLMENT, Action.UNCHANGED, what)

    def _holds(self, planned: _Planned) -> bool:
        """Whether the enrolment holds today or later."""
        to_date = planned.enrolment.to_date
        return to_date is None or to_date > self._on


def _state(enrolment: Enrolment) -> State:
    return enrolment.roll_number, enrolment.from_date, enrolment.to_date


def _overlap(enrolment: Enrolment, from_date: datetime.date, to_date: datetime.date | None) -> bool:
    """As the database sees it: an empty span overlaps nothing."""
    spans = ((enrolment.from_date, enrolment.to_date), (from_date, to_date))
    if any(start == end for start, end in spans):
        return False
    latest_start = max(start for start, _end in spans)
    return all(end is None or latest_start < end for _start, end in spans)


def _line(planned: _Planned) -> int:
    return planned.place.line if planned.place is not None else 0
