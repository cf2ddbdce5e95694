"""Makes what tests need: small, in the database, sensible where nothing is said."""

import datetime
import functools
import itertools
from collections.abc import Sequence
from typing import Any, TypeVar

from django.contrib.auth.hashers import make_password
from django.db.models import Model
from django.utils import timezone
from model_bakery import baker

from attendance.models import (
    AttendanceRecord,
    Course,
    Enrolment,
    Meeting,
    MeetingGroup,
    Method,
    Section,
    Status,
    Student,
    User,
)
from qrsessions.models import GroupSession, QRSession, SessionStatus

# Of every user made here. Hashed once, because a hash takes a tenth of a second.
PASSWORD = "a-long-password-of-the-tests"
# Enrolments hold from here on, whatever the date of a test's meetings.
ENROLLED_FROM = datetime.date(2020, 1, 1)

M = TypeVar("M", bound=Model)

_numbers = itertools.count(1)
_hashed = functools.cache(make_password)


def _make(model: type[M], **fields: Any) -> M:
    made: M = baker.make(model, **fields)
    return made


def make_user(**fields: Any) -> User:
    username = fields.pop("username", None) or f"user{next(_numbers)}"
    return _make(
        User,
        **{
            "username": username,
            "email": f"{username}@example.edu",
            "password": _hashed(PASSWORD),
            "first_name": username.title(),
            **fields,
        },
    )


def make_admin(**fields: Any) -> User:
    return make_user(**{"is_superuser": True, "is_staff": True, **fields})


def make_teacher(**fields: Any) -> User:
    return make_user(**{"is_teacher": True, **fields})


def make_student(*, with_user: bool = True, **fields: Any) -> Student:
    number = next(_numbers)
    student_id = fields.pop("student_id", None) or f"T{number:04}"
    if with_user and "user" not in fields:
        fields["user"] = make_user(username=student_id.lower())
    return _make(Student, **{"student_id": student_id, "name": f"Student {number}", **fields})


def user_of(student: Student) -> User:
    """The user with whom the student signs in."""
    assert student.user is not None
    return student.user


def make_course(**fields: Any) -> Course:
    return _make(Course, **{"code": f"C{next(_numbers)}", "title": "Computer Science", **fields})


def make_section(
    *, students: int | Sequence[Student] = 0, teachers: Sequence[User] = (), **fields: Any
) -> Section:
    """A section with these students, or so many new ones, whose roll numbers are 01, 02, …"""
    course = fields.pop("course", None) or make_course()
    section = _make(Section, course=course, **{"name": f"{next(_numbers)}", "term": "Autumn 2026", **fields})
    section.teachers.set(teachers)
    enrolled = [make_student() for _ in range(students)] if isinstance(students, int) else students
    for place, student in enumerate(enrolled, start=1):
        make_enrolment(section=section, student=student, roll_number=f"{place:02}")
    return section


def students_of(section: Section) -> list[Student]:
    """Everybody who was ever enrolled, in the order of their roll numbers."""
    return list(Student.objects.filter(enrolments__section=section).order_by("enrolments__roll_number"))


def make_enrolment(
    *, section: Section | None = None, student: Student | None = None, **fields: Any
) -> Enrolment:
    return _make(
        Enrolment,
        section=section or make_section(),
        student=student or make_student(),
        **{"roll_number": f"R{next(_numbers)}", "from_date": ENROLLED_FROM, **fields},
    )


def make_meeting(
    *, section: Section | None = None, starts_at: datetime.datetime | None = None, **fields: Any
) -> Meeting:
    """A meeting that begins now and has not ended."""
    starts_at = starts_at or timezone.now()
    return _make(
        Meeting,
        section=section or make_section(),
        starts_at=starts_at,
        **{"date": timezone.localdate(starts_at), **fields},
    )


def make_group(**fields: Any) -> MeetingGroup:
    return _make(MeetingGroup, **{"created_at": timezone.now(), **fields})


def make_record(
    *,
    meeting: Meeting | None = None,
    student: Student | None = None,
    status: Status | None = None,
    **fields: Any,
) -> AttendanceRecord:
    """Somebody who joined, and with a status was marked by QR code a moment later."""
    meeting = meeting or make_meeting()
    if status is not None:
        fields = {"marked_at": meeting.starts_at, "method": Method.QR, **fields}
    return _make(
        AttendanceRecord,
        meeting=meeting,
        student=student or make_student(),
        status=status,
        **{"roll_number": f"R{next(_numbers)}", "joined_at": meeting.starts_at, **fields},
    )


def make_session(
    *,
    section: Section | None = None,
    status: SessionStatus = SessionStatus.CREATED,
    at: datetime.datetime | None = None,
    opened_by: User | None = None,
    group: MeetingGroup | None = None,
    **fields: Any,
) -> QRSession:
    """A session in this status, opened (and locked, started, ended, as far as it got) at the moment."""
    at = at or timezone.now()
    section = section or make_section()
    ended = status is SessionStatus.ENDED
    return _make(
        QRSession,
        meeting=make_meeting(section=section, starts_at=at, ended_at=at if ended else None, group=group),
        status=status,
        opened_by=opened_by or section.teachers.first() or make_teacher(),
        **{
            "created_at": at,
            "locked_at": None if status is SessionStatus.CREATED else at,
            "started_at": at if status in (SessionStatus.ACTIVE, SessionStatus.ENDED) else None,
            **fields,
        },
    )


def make_group_session(
    *,
    sections: Sequence[Section],
    status: SessionStatus = SessionStatus.CREATED,
    at: datetime.datetime | None = None,
    opened_by: User | None = None,
    **fields: Any,
) -> GroupSession:
    """Sessions of these sections run as one."""
    at = at or timezone.now()
    opened_by = opened_by or make_teacher()
    group = make_group(created_at=at)
    for section in sections:
        make_session(section=section, status=status, at=at, opened_by=opened_by, group=group)
    return _make(GroupSession, group=group, opened_by=opened_by, **{"created_at": at, **fields})
