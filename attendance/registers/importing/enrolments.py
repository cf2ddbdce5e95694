"""The enrolments of students whom only a register knows: they hold when the register has a cell for them."""

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from attendance.models import Enrolment, Section, Student
from attendance.registers.importing.headings import FileState

_DAY = datetime.timedelta(days=1)


@dataclass(slots=True)
class Presence:
    """On which days a register has the student.

    :ivar on: the student has a cell then
    :ivar off: the cell is empty
    :ivar never: the cell of a planned class is empty. Such a class has everybody who is enrolled
    """

    on: set[datetime.date] = field(default_factory=set)
    off: set[datetime.date] = field(default_factory=set)
    never: set[datetime.date] = field(default_factory=set)

    def add(self, date: datetime.date, state: FileState, *, has_cell: bool) -> None:
        if has_cell:
            self.on.add(date)
        elif state is FileState.PLANNED:
            self.never.add(date)
        elif state is FileState.HELD:
            self.off.add(date)

    def spans(self, *, today: datetime.date) -> list[tuple[datetime.date, datetime.date | None]]:
        """The first day and the day after the last of each run of days; the latter is None for the last day of all.

        A student without any cell is on the roster of today.
        """
        on = self.on - self.never
        if not on:
            start = today + _DAY if today in self.never else today
            return [(start, min((day for day in self.never if day > start), default=None))]
        found: list[tuple[datetime.date, datetime.date | None]] = []
        first = last = None
        for day in sorted(on | self.off | self.never):
            if day in on:
                first, last = first or day, day
            elif first and last:
                found.append((first, last + _DAY))
                first = None
        return [*found, (first, None)] if first else found


def enrolments_of(
    presences: Iterable[tuple[Student, str, Presence]], section: Section, *, today: datetime.date
) -> list[Enrolment]:
    """New enrolments for these students, none of whom has one in the section.

    Two students of a file may have one roll number, because it shows each one's latest. Before that, the student id
    stands in.

    :param presences: students with their roll numbers
    """
    by_number: defaultdict[str, list[list[Enrolment]]] = defaultdict(list)
    for student, roll_number, presence in presences:
        by_number[roll_number or student.student_id].append(
            [
                Enrolment(
                    section=section,
                    student=student,
                    roll_number=roll_number or student.student_id,
                    from_date=first,
                    to_date=end,
                )
                for first, end in presence.spans(today=today)
            ]
        )
    found = []
    for same in by_number.values():
        if len(same) > 1:
            same = _with_numbers_apart(same)
        found += [enrolment for of_student in same for enrolment in of_student]
    return found


def _with_numbers_apart(same: Collection[list[Enrolment]]) -> list[list[Enrolment]]:
    """Give students of one roll number that number one after another, so that each one's last enrolment has it."""
    free_from = datetime.date.min
    result = []
    for enrolments in sorted(same, key=lambda one: (one[-1].to_date or datetime.date.max, one[-1].from_date)):
        *earlier, last = enrolments
        for one in earlier:
            one.roll_number = one.student.student_id
        if last.from_date < free_from:
            # It may hold on no day at all. Then it only says which number the student had at the end.
            begins = min(free_from, last.to_date or datetime.date.max)
            earlier.append(
                Enrolment(
                    section=last.section,
                    student=last.student,
                    roll_number=last.student.student_id,
                    from_date=last.from_date,
                    to_date=begins,
                )
            )
            last.from_date = begins
        free_from = last.to_date or last.from_date + _DAY
        result.append([*earlier, last])
    *before, _open = result
    for enrolments in before:
        if enrolments[-1].to_date is None:
            enrolments[-1].to_date = enrolments[-1].from_date + _DAY
    return result
