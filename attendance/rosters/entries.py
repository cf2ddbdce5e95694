"""The content of a roster, independent of its file format."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from attendance.rosters.csv_rows import Location
from attendance.timetable.terms import NamedTerm

# A section's key in a roster: (course, name, term) in a plain CSV, (sourcedId,) in OneRoster.
SectionKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CourseEntry:
    """A course. ``title`` is empty if the roster does not give one."""

    code: str
    title: str
    location: Location


@dataclass(frozen=True, slots=True)
class TermEntry(NamedTerm):
    """A term. Only a OneRoster export gives more than its name, and its line."""

    location: Location | None = field(default=None, compare=False)


@dataclass(slots=True)
class SectionEntry:
    course: str
    name: str
    term: TermEntry
    external_id: str
    location: Location

    @property
    def full_name(self) -> tuple[str, ...]:
        """What tells sections apart besides their ids. Terms with one name and the same days are one."""
        days = (day.isoformat() if day else "" for day in self.term.days)
        return self.course, self.name, self.term.name, *days


@dataclass(slots=True)
class PersonEntry:
    """Somebody who signs in. Fields that the roster does not give are empty."""

    username: str
    email: str
    first_name: str
    last_name: str
    location: Location
    # False if the account is disabled in the other system; then none is created here.
    enabled: bool = True


@dataclass(slots=True)
class StudentEntry:
    student_id: str
    name: str
    person: PersonEntry


@dataclass(frozen=True, slots=True)
class EnrolmentEntry:
    """An enrolment. ``roll_number`` is None if the roster has no column for it.

    ``to_date`` is exclusive. Without ``has_end_column`` a missing ``to_date`` leaves an existing end as it is.
    ``not_enrolled`` means that the roster names the student as dropped or waiting: an enrolment ends with the import.
    """

    section: SectionKey
    student_id: str
    roll_number: str | None
    location: Location
    from_date: datetime.date | None = None
    to_date: datetime.date | None = None
    has_end_column: bool = False
    not_enrolled: bool = False


@dataclass(frozen=True, slots=True)
class TeachingEntry:
    """That a teacher teaches a section, or assists in it. ``teacher`` is a key of ``Roster.teachers``; ``to_date`` is
    exclusive.

    ``role`` is the roster's own word. ``has_dates`` says whether its format gives dates. ``not_assigned`` means that the
    roster names the row as deleted or inactive: an assignment ends with the import.
    """

    section: SectionKey
    teacher: str
    role: str = "teacher"
    from_date: datetime.date | None = None
    to_date: datetime.date | None = None
    has_dates: bool = False
    not_assigned: bool = False
    assists: bool = False

    @property
    def row(self) -> str:
        """What the row says, to be compared with an earlier import."""
        days = (day.isoformat() if day else "" for day in (self.from_date, self.to_date))
        return ",".join([self.role, *days, *(["inactive"] if self.not_assigned else [])])


@dataclass(slots=True)
class Roster:
    courses: dict[str, CourseEntry] = field(default_factory=dict)
    sections: dict[SectionKey, SectionEntry] = field(default_factory=dict)
    students: dict[str, StudentEntry] = field(default_factory=dict)
    enrolments: list[EnrolmentEntry] = field(default_factory=list)
    teachers: dict[str, PersonEntry] = field(default_factory=dict)
    # Teachers of whom the roster names only rows that are deleted or inactive. They get no account.
    former_teachers: dict[str, PersonEntry] = field(default_factory=dict)
    # They assist if they have a teacher's account. They get none.
    assistants: dict[str, PersonEntry] = field(default_factory=dict)
    # In the order of the rows, each once.
    teaching: dict[TeachingEntry, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def make_names_unique(self, numbers: Mapping[str, str]) -> list[SectionEntry]:
        """Append the section's number, or else its id, to sections with the same course, term and name. Returns these.

        :param numbers: by the sections' ids; may be empty
        """
        entries = list(self.sections.values())
        by_name = Counter(entry.full_name for entry in entries)
        by_number = Counter((entry.full_name, numbers[entry.external_id]) for entry in entries)
        found = [entry for entry in entries if by_name[entry.full_name] > 1]
        for entry in found:
            number = numbers[entry.external_id]
            is_unique = number and by_number[entry.full_name, number] == 1
            entry.name = f"{entry.name} ({number if is_unique else entry.external_id})"
        return found
