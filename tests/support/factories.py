"""Makes small database objects with sensible defaults."""

import datetime
import functools
from collections.abc import Sequence
from itertools import count, islice
from typing import Any, TypeVar

from django.contrib.auth.hashers import make_password
from django.db.models import Model
from django.utils import timezone
from model_bakery import baker

from attendance.models import (
    ApiToken,
    AttendanceRecord,
    AttendanceRule,
    Course,
    Enrolment,
    ExcuseReason,
    LabelColour,
    Meeting,
    MeetingGroup,
    MeetingPattern,
    MeetingState,
    Method,
    Section,
    Status,
    StatusLabel,
    Student,
    TeachingAssignment,
    Term,
    User,
)
from attendance.models.api_tokens import hash_of
from qrsessions.models import GroupSession, QRSession, SessionStatus

# The password of every user made here. Hashed once, because hashing takes a tenth of a second.
PASSWORD = "a-long-password-of-the-tests"
# Enrolments start here, before the date of any test's meetings.
ENROLLED_FROM = datetime.date(2020, 1, 1)

M = TypeVar("M", bound=Model)

_numbers = count(1)
_hashed = functools.cache(make_password)


def _make(model: type[M], **fields: Any) -> M:
    made: M = baker.make(model, **fields)
    return made


def _user_fields(username: str) -> dict[str, Any]:
    return {
        "username": username,
        "email": f"{username}@example.edu",
        "password": _hashed(PASSWORD),
        "first_name": username.title(),
    }


def make_user(**fields: Any) -> User:
    username = fields.pop("username", None) or f"user{next(_numbers)}"
    return _make(User, **_user_fields(username) | fields)


def key_of(user: User) -> str:
    """The key of an API token of the user; the same token each time."""
    key, now = f"test-key-of-{user.pk}", timezone.now()
    fields = {"user": user, "created_at": now, "last_used_at": now}
    ApiToken.objects.get_or_create(key_hash=hash_of(key), defaults=fields)
    return key


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


def make_students(number: int) -> list[Student]:
    """New students with users, in two statements instead of two for each."""
    students = [Student(student_id=f"T{n:04}", name=f"Student {n}") for n in islice(_numbers, number)]
    # Without the signals of single rows: nobody can have remembered a sign-in of a new user.
    users = User.objects.bulk_create(User(**_user_fields(one.student_id.lower())) for one in students)
    for student, user in zip(students, users, strict=True):
        student.user = user
    return Student.objects.bulk_create(students)


def user_of(student: Student) -> User:
    """The user account of the student."""
    assert student.user is not None
    return student.user


def make_course(**fields: Any) -> Course:
    return _make(Course, **{"code": f"C{next(_numbers)}", "title": "Computer Science", **fields})


def make_term(**fields: Any) -> Term:
    """The term with these fields, made if there is none. Without dates, unless they are given."""
    term, _ = Term.objects.get_or_create(**{"name": "Autumn 2026", **fields})
    return term


def make_section(
    *, students: int | Sequence[Student] = 0, teachers: Sequence[User] = (), **fields: Any
) -> Section:
    """A section with these students, or with that many new ones. Their roll numbers are 01, 02, …"""
    course = fields.pop("course", None) or make_course()
    term = fields.pop("term", "Autumn 2026")
    if isinstance(term, str):
        term = make_term(name=term) if term else None
    minimum = fields.pop("minimum_percentage", None)
    section = _make(Section, course=course, term=term, **{"name": f"{next(_numbers)}", **fields})
    if minimum is not None:
        make_rule(section=section, minimum_percentage=minimum)
    TeachingAssignment.objects.bulk_create(
        TeachingAssignment(section=section, user=teacher) for teacher in teachers
    )
    enrolled = make_students(students) if isinstance(students, int) else students
    # Without the signals of single rows: the section has no meeting whose counts they could change.
    Enrolment.objects.bulk_create(
        Enrolment(section=section, student=student, roll_number=f"{place:02}", from_date=ENROLLED_FROM)
        for place, student in enumerate(enrolled, start=1)
    )
    return section


def make_rule(**fields: Any) -> AttendanceRule:
    """A version of the rule of a course or section, or else of the institution, from the beginning by default."""
    # The institution's first one is there already, unless a test before has emptied the tables.
    scope = {name: fields.pop(name, None) for name in ("course", "section", "valid_from")}
    return AttendanceRule.objects.update_or_create(**scope, defaults=fields)[0]


def make_label(name: str, meaning: Status, **fields: Any) -> StatusLabel:
    """One of the institution's own labels. Its letter is that of its name, unless one is given."""
    defaults = {"letter": name[:2], "colour": LabelColour.TEAL}
    return _make(StatusLabel, name=name, meaning=meaning, **defaults | fields)


def make_reason(code: str, **fields: Any) -> ExcuseReason:
    return _make(ExcuseReason, code=code, **{"name": code.title(), **fields})


def make_assignment(*, section: Section, user: User | None = None, **fields: Any) -> TeachingAssignment:
    """An assignment of this teacher, or of a new one, without dates if none are given."""
    return _make(TeachingAssignment, section=section, user=user or make_teacher(), **fields)


def students_of(section: Section) -> list[Student]:
    """All students ever enrolled, by roll number."""
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


def make_pattern(*, section: Section | None = None, **fields: Any) -> MeetingPattern:
    """A class on Mondays from 10:00 to 11:00, with the days of its term."""
    times = {"weekday": 0, "start": datetime.time(10), "end": datetime.time(11)}
    return _make(MeetingPattern, section=section or make_section(), **times | fields)


def make_meeting(
    *, section: Section | None = None, starts_at: datetime.datetime | None = None, **fields: Any
) -> Meeting:
    """A meeting that was opened now, or was held if ``ended_at`` is given."""
    starts_at = starts_at or timezone.now()
    ended_at = fields.get("ended_at")
    return _make(
        Meeting,
        section=section or make_section(),
        starts_at=starts_at,
        **{
            "date": timezone.localdate(starts_at),
            "state": MeetingState.HELD if ended_at else MeetingState.OPEN,
            "opened_at": starts_at,
            "roster_fixed_at": ended_at,
            **fields,
        },
    )


def make_planned(
    *, section: Section, starts_at: datetime.datetime, hours: float = 1, **fields: Any
) -> Meeting:
    """A planned meeting of an hour. Nobody has opened a session or typed its register."""
    return make_meeting(
        section=section,
        starts_at=starts_at,
        **{
            "state": MeetingState.PLANNED,
            "ends_at": starts_at + datetime.timedelta(hours=hours),
            "opened_at": None,
            **fields,
        },
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
    """The record of a student who joined. With a status, the student was also marked by QR code, on a phone of their own."""
    meeting, student = meeting or make_meeting(), student or make_student()
    if status is not None:
        phone = f"{student.pk:032x}"
        fields = {"marked_at": meeting.starts_at, "method": Method.QR, "device": phone, **fields}
    return _make(
        AttendanceRecord,
        meeting=meeting,
        student=student,
        status=status,
        **{"roll_number": f"R{next(_numbers)}", "joined_at": meeting.starts_at, **fields},
    )


def fill_register(meeting: Meeting) -> None:
    """Give everybody enrolled who has no record an empty one, as the first end does."""
    for enrolment in meeting.section.enrolments.exclude(student__records__meeting=meeting):
        make_record(
            meeting=meeting, student=enrolment.student, roll_number=enrolment.roll_number, joined_at=None
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
    """A session in this status. All steps up to it were taken at the same time."""
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
    """A group session of these sections."""
    at = at or timezone.now()
    opened_by = opened_by or make_teacher()
    group = make_group(created_at=at)
    for section in sections:
        make_session(section=section, status=status, at=at, opened_by=opened_by, group=group)
    return _make(GroupSession, group=group, opened_by=opened_by, **{"created_at": at, **fields})
