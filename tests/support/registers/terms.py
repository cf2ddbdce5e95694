"""Meetings with records, and large registers that are in no database."""

import datetime

from django.utils import timezone

from attendance.models import Course, Meeting, MeetingState, Method, Section, Status, Student, Term
from attendance.registers.dates import ALWAYS
from attendance.registers.term_register import Cell, RegisterRow, TermRegister
from attendance.rules.rule import Rules
from attendance.rules.standing import Held, stand
from tests.support import factories

NAMES = ("Asha Rao", "Νίκος Παπάς", "Иван Петров", "अनिता शर्मा", "محمد حسن", "王小明", "José Núñez", "김민수")
STATUSES = (Status.PRESENT, Status.PRESENT, Status.PRESENT, Status.LATE, Status.ABSENT, Status.EXCUSED)
FIRST = datetime.date(2026, 9, 7)
TODAY = datetime.date(2026, 10, 1)


def moment(day: int, hour: int = 10) -> datetime.datetime:
    at = datetime.datetime.combine(FIRST + datetime.timedelta(days=day), datetime.time(hour))
    return timezone.make_aware(at)


def hold(section, day, statuses, **fields):
    """A meeting this many days after the first, with a record of each student: a status, or None."""
    meeting = factories.make_meeting(
        section=section, starts_at=moment(day), ended_at=moment(day, 11), **fields
    )
    rolls = dict(section.enrolments.values_list("student", "roll_number"))
    for student, status in statuses.items():
        factories.make_record(meeting=meeting, student=student, status=status, roll_number=rolls[student.pk])
    return meeting


def large_register(*, students: int, meetings: int) -> TermRegister:
    """A register in which everybody was on the roster of every meeting, one a day."""
    section = Section(course=Course(code="CS101", title="Computing"), name="A", term=Term(name="Autumn 2026"))
    first = datetime.datetime(2026, 3, 2, 10, tzinfo=datetime.UTC)
    days = [first + datetime.timedelta(days=day) for day in range(meetings)]
    held = [
        Meeting(
            pk=n, section=section, public_id=f"{n:08}", state=MeetingState.HELD, starts_at=at, date=at.date()
        )
        for n, at in enumerate(days)
    ]
    rules = Rules([])
    rows = []
    for n in range(students):
        cells = [
            Cell(n * meetings + m, STATUSES[(7 * m + n) % 6], None, None, Method.QR, at)
            for m, at in enumerate(days)
        ]
        result = stand(
            [Held(at.date(), cell.status) for at, cell in zip(days, cells, strict=True)],
            rules,
            on=days[-1].date(),
        )
        student = Student(student_id=f"S{n:06}", name=f"{NAMES[n % len(NAMES)]} {n}")
        rows.append(
            RegisterRow(student, roll_number=f"{n + 1}", is_enrolled=True, cells=cells, result=result)
        )
    return TermRegister(section, ALWAYS, rules, rules.on(days[-1].date()), held, rows)
