"""Plans the enrolments of a section.

Enrolments are changed in place or ended with a date, never deleted. If a new roll number belonged to somebody else
on some of the days, it is given by a second enrolment from the day of the import, so the past stays as it was.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from attendance.models import Enrolment, Section, Student
from attendance.rosters.csv_rows import Location
from attendance.rosters.entries import EnrolmentEntry
from attendance.rosters.problems import Problems
from attendance.rosters.report import Action, Kind, Report, describe_changes

# From and to (exclusive).
Span = tuple[datetime.date, datetime.date | None]
# Roll number, from and to.
State = tuple[str, datetime.date, datetime.date | None]


@dataclass(slots=True)
class _Planned:
    """An enrolment as it will be after the import.

    ``before`` is its state now, None if it is new. ``location`` is the roster's line for it, None if there is none.
    """

    enrolment: Enrolment
    before: State | None
    location: Location | None = None
    missing: bool = False

    @property
    def changed(self) -> bool:
        return self.before is not None and _state(self.enrolment) != self.before


def is_current(entry: EnrolmentEntry, on: datetime.date) -> bool:
    """Return whether the enrolment ends after this date, or not at all."""
    return not entry.not_enrolled and (entry.to_date is None or entry.to_date > on)


class EnrolmentsPlan:
    """Plans the enrolments of one section. ``created`` and ``changed`` are the rows to save."""

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
        self._ended_entries = 0

    def plan(
        self, entries: Iterable[EnrolmentEntry], students: dict[str, Student], *, incomplete: bool
    ) -> None:
        """Plan what the entries change, and add it to the report.

        ``incomplete`` means that some lines could not be read. A student without a line may be in one of them with
        another roll number, so a conflict with their present number is not reported.
        """
        planned_by_student: dict[str, list[_Planned]] = defaultdict(list)
        for planned in self._planned:
            planned_by_student[planned.enrolment.student.student_id].append(planned)
        entries_by_student: dict[str, list[EnrolmentEntry]] = defaultdict(list)
        for entry in entries:
            entries_by_student[entry.student_id].append(entry)
        for student_id, student_entries in entries_by_student.items():
            student = students.get(student_id)
            if student is None:
                self._count_ended(student_entries)
            else:
                self._plan_student(student, student_entries, planned_by_student[student_id])
        self._find_missing()
        if any(True for _ in self._conflicts()):
            self._start_new_numbers_today()
        self._refuse_conflicts(incomplete=incomplete)
        self._add_to_report()

    @property
    def created(self) -> list[Enrolment]:
        return [planned.enrolment for planned in self._planned if planned.before is None]

    @property
    def changed(self) -> list[Enrolment]:
        return [planned.enrolment for planned in self._planned if planned.changed]

    def _plan_student(
        self, student: Student, entries: list[EnrolmentEntry], existing: list[_Planned]
    ) -> None:
        entries = self._without_contradictions(student, entries)
        ended = [entry for entry in entries if not is_current(entry, self._on)]
        current = sorted(
            (entry for entry in entries if is_current(entry, self._on)),
            key=lambda entry: entry.from_date or datetime.date.min,
        )
        current_or_later = sorted(
            (planned for planned in existing if self._holds(planned)),
            key=lambda planned: planned.enrolment.from_date,
        )
        past = [planned for planned in existing if not self._holds(planned)]
        for entry in ended:
            match = next(
                (planned for planned in current_or_later if planned.enrolment.from_date == entry.from_date),
                None,
            )
            if match is None and not current and current_or_later:
                match = current_or_later[0]
            end = self._on if entry.not_enrolled else entry.to_date
            if match is None or end is None:
                self._count_ended([entry])
                continue
            current_or_later.remove(match)
            match.location = entry.location
            match.enrolment.to_date = max(end, match.enrolment.from_date)
            past.append(match)
        begins = {entry.from_date for entry in current}
        for entry in current:
            match = next(
                (planned for planned in current_or_later if planned.enrolment.from_date == entry.from_date),
                None,
            ) or next(
                (
                    planned
                    for planned in current_or_later
                    if planned.enrolment.from_date not in begins
                    and overlaps(planned.enrolment, entry.from_date or datetime.date.min, entry.to_date)
                ),
                None,
            )
            if match is not None:
                current_or_later.remove(match)
            self._enrol(student, entry, match, past)
        for planned in current_or_later if current else ():
            # The roster lists the student, so their other enrolments are not missing either.
            planned.location = current[0].location

    def _without_contradictions(
        self, student: Student, entries: list[EnrolmentEntry]
    ) -> list[EnrolmentEntry]:
        """Return the entries without those whose days overlap an earlier one's. Each is a problem."""
        kept: list[EnrolmentEntry] = []
        for entry in entries:
            first = next((one for one in kept if self._contradict(one, entry)), None)
            if first is None:
                kept.append(entry)
                continue
            reason = (
                f"{student} is listed twice in {self._section}; the other is in line {first.location.line}."
            )
            if "beginDate" in entry.location.headers or "endDate" in entry.location.headers:
                reason += " Their dates overlap."
            entry.location.add_problem(self._problems, _student_column(entry.location), reason)
        return kept

    def _contradict(self, one: EnrolmentEntry, other: EnrolmentEntry) -> bool:
        if one.not_enrolled or other.not_enrolled:
            return False
        matters = is_current(one, self._on) or is_current(other, self._on)
        return matters and _spans_overlap(_span(one), _span(other))

    def _count_ended(self, entries: Iterable[EnrolmentEntry]) -> None:
        """Count what needs no change. Who dropped or waits has been noted while reading."""
        self._ended_entries += sum(not entry.not_enrolled for entry in entries)

    def _enrol(
        self, student: Student, entry: EnrolmentEntry, match: _Planned | None, past: list[_Planned]
    ) -> None:
        from_date = entry.from_date
        if from_date is not None and any(
            overlaps(planned.enrolment, from_date, entry.to_date) for planned in past
        ):
            from_date = None  # The past enrolment stays, so this one begins on the day of the import.
        if match is None:
            match = _Planned(
                Enrolment(
                    section=self._section,
                    student=student,
                    roll_number=entry.roll_number or student.student_id,
                    from_date=from_date or self._on,
                    to_date=entry.to_date,
                ),
                before=None,
            )
            self._planned.append(match)
        else:
            enrolment = match.enrolment
            enrolment.roll_number = entry.roll_number or enrolment.roll_number
            enrolment.from_date = from_date or enrolment.from_date
            if entry.has_end_column:
                enrolment.to_date = entry.to_date
            if enrolment.to_date is not None and enrolment.to_date < enrolment.from_date:
                entry.location.add_problem(
                    self._problems,
                    "beginDate",
                    f"{student} is currently enrolled only until {enrolment.to_date}.",
                )
                enrolment.from_date = enrolment.to_date
        match.location = entry.location

    def _find_missing(self) -> None:
        for planned in self._planned:
            if planned.location is None and self._holds(planned):
                planned.missing = True
                if self._end_missing:
                    planned.enrolment.to_date = max(self._on, planned.enrolment.from_date)

    def _conflicts(self) -> Iterator[tuple[_Planned, _Planned]]:
        """Yield pairs that overlap and have the same student or roll number, the one with the later line second."""
        groups: dict[tuple[str, str], list[_Planned]] = defaultdict(list)
        for planned in self._planned:
            enrolment = planned.enrolment
            groups["number", enrolment.roll_number].append(planned)
            groups["student", enrolment.student.student_id].append(planned)
        for group in groups.values():
            for index, one in enumerate(group):
                for other in group[index + 1 :]:
                    if overlaps(one.enrolment, other.enrolment.from_date, other.enrolment.to_date):
                        yield (one, other) if _line(one) < _line(other) else (other, one)

    def _start_new_numbers_today(self) -> None:
        """Make every change hold from the day of the import on. Before it everybody keeps the number they had."""
        for planned in tuple(self._planned):
            enrolment = planned.enrolment
            if planned.before is None:
                enrolment.from_date = max(enrolment.from_date, self._on)
                continue
            number, from_date, _to_date = planned.before
            enrolment.from_date = from_date
            if enrolment.roll_number != number and from_date < self._on:
                successor = Enrolment(
                    section=self._section,
                    student=enrolment.student,
                    roll_number=enrolment.roll_number,
                    from_date=self._on,
                    to_date=enrolment.to_date,
                )
                self._planned.append(_Planned(successor, before=None, location=planned.location))
                enrolment.roll_number, enrolment.to_date = number, self._on

    def _refuse_conflicts(self, *, incomplete: bool) -> None:
        for one, other in self._conflicts():
            number = other.enrolment.roll_number
            if other.location is None or (one.location is None and incomplete):
                continue
            if one.location is not None:
                rest = f"is also given to {one.enrolment.student} in line {one.location.line}."
            else:
                rest = (
                    f"is held by {one.enrolment.student}, who is not in the roster and stays enrolled. "
                    "Add a line for them, or end their enrolment (--end-missing)."
                )
            # Without a roll number column, the number is the student id.
            has_number = "roll_number" in other.location.headers
            column = "roll_number" if has_number else _student_column(other.location)
            other.location.add_problem(
                self._problems, column, f"The roll number {number} in {self._section} {rest}"
            )

    def _add_to_report(self) -> None:
        if self._ended_entries:
            self._report.notes.append(
                f"{self._section}: enrolments that ended before, ignored: {self._ended_entries}"
            )
        for planned in self._planned:
            enrolment = planned.enrolment
            what = f"{self._section}: {enrolment}"
            if planned.before is None:
                self._report.add(Kind.ENROLMENT, Action.CREATED, what, f"from {enrolment.from_date}")
                continue
            details = describe_changes(
                roll_number=(planned.before[0], enrolment.roll_number),
                from_date=(planned.before[1], enrolment.from_date),
                to_date=(planned.before[2], enrolment.to_date),
            )
            if details and not self._holds(planned):
                self._report.add(Kind.ENROLMENT, Action.ENDED, what, f"on {enrolment.to_date}")
            elif details:
                self._report.add(Kind.ENROLMENT, Action.CHANGED, what, details)
            elif planned.missing:
                self._report.add(Kind.ENROLMENT, Action.MISSING, what, f"since {enrolment.from_date}")
            elif planned.location is not None:
                self._report.add(Kind.ENROLMENT, Action.UNCHANGED, what)

    def _holds(self, planned: _Planned) -> bool:
        """Return whether the enrolment holds on the day of the import or later."""
        to_date = planned.enrolment.to_date
        return to_date is None or to_date > self._on


def _state(enrolment: Enrolment) -> State:
    return enrolment.roll_number, enrolment.from_date, enrolment.to_date


def overlaps(enrolment: Enrolment, from_date: datetime.date, to_date: datetime.date | None) -> bool:
    """Return whether the dates overlap. As in the database's constraint, an empty span overlaps nothing."""
    return _spans_overlap((enrolment.from_date, enrolment.to_date), (from_date, to_date))


def _span(entry: EnrolmentEntry) -> Span:
    return entry.from_date or datetime.date.min, entry.to_date


def _spans_overlap(*spans: Span) -> bool:
    latest_start = max(start for start, _end in spans)
    return all(end is None or latest_start < end for _start, end in spans)


def _student_column(location: Location) -> str:
    """The column of a plain CSV or of OneRoster that says which student a row is about."""
    return "student_id" if "student_id" in location.headers else "userSourcedId"


def _line(planned: _Planned) -> int:
    return planned.location.line if planned.location is not None else 0
