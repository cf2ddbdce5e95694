"""What a roster says, whatever format it came in."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from attendance.roster.tables import Place

# How a file names a section: course, name and term, or the id that the other system gave it.
SectionKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CourseEntry:
    """``title`` is empty where the roster names none."""

    code: str
    title: str
    place: Place


@dataclass(slots=True)
class SectionEntry:
    course: str
    name: str
    term: str
    external_id: str
    place: Place


@dataclass(slots=True)
class PersonEntry:
    """Somebody who signs in. What the roster does not say is empty."""

    username: str
    email: str
    first_name: str
    last_name: str
    place: Place
    # An account that the other system has closed is not opened here.
    enabled: bool = True


@dataclass(slots=True)
class StudentEntry:
    student_id: str
    name: str
    person: PersonEntry


@dataclass(frozen=True, slots=True)
class EnrolmentEntry:
    """``roll_number`` is None where the roster has no such column; ``says_end``: whether it has one for the end."""

    section: SectionKey
    student_id: str
    roll_number: str | None
    place: Place
    from_date: datetime.date | None = None
    to_date: datetime.date | None = None
    says_end: bool = False


@dataclass(slots=True)
class Roster:
    courses: dict[str, CourseEntry] = field(default_factory=dict)
    sections: dict[SectionKey, SectionEntry] = field(default_factory=dict)
    students: dict[str, StudentEntry] = field(default_factory=dict)
    enrolments: list[EnrolmentEntry] = field(default_factory=list)
    teachers: dict[str, PersonEntry] = field(default_factory=dict)
    # (section, key of the teacher): a dict for its order and for each pair once.
    teaching: dict[tuple[SectionKey, str], None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
