"""What is printed for attendance on paper: the roster of a meeting, or of a section on a date."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from attendance.lib.natural_order import natural_key
from attendance.models import Meeting, Section, TeachingAssignment


@dataclass(frozen=True)
class ListedStudent:
    """``status`` is what is known already; None leaves all boxes empty."""

    roll_number: str
    student_id: str
    name: str
    status: str | None = None


@dataclass(frozen=True)
class PaperList:
    """``starts_at`` is None if the list is for no known meeting."""

    section: Section
    date: datetime.date
    students: Sequence[ListedStudent]
    teachers: Sequence[str]
    starts_at: datetime.datetime | None = None
    ends_at: datetime.datetime | None = None
    room: str = ""
    title: str = ""


def list_of_meeting(meeting: Meeting) -> PaperList:
    """The meeting's roster, with the statuses that students have already. Two queries."""
    students = [
        ListedStudent(
            entry.roll_number,
            entry.student.student_id,
            entry.student.name,
            entry.record.status if entry.record else None,
        )
        for entry in meeting.roster.select_related("student", "record")
    ]
    return PaperList(
        section=meeting.section,
        date=meeting.date,
        students=_in_order(students),
        teachers=_teachers_of(meeting.section, meeting.date, Q(meeting=meeting)),
        starts_at=timezone.localtime(meeting.starts_at),
        ends_at=timezone.localtime(meeting.ends_at) if meeting.ends_at else None,
        room=meeting.room,
        title=meeting.title,
    )


def list_of_date(section: Section, date: datetime.date) -> PaperList:
    """The students enrolled on the date. Two queries."""
    enrolments = section.enrolments.holding_on(date).select_related("student")
    students = [
        ListedStudent(one.roll_number, one.student.student_id, one.student.name) for one in enrolments
    ]
    return PaperList(
        section=section, date=date, students=_in_order(students), teachers=_teachers_of(section, date)
    )


def _in_order(students: Sequence[ListedStudent]) -> list[ListedStudent]:
    return sorted(students, key=lambda student: natural_key(student.roll_number))


def _teachers_of(section: Section, date: datetime.date, single: Q | None = None) -> list[str]:
    """
    :param single: the condition of assignments that have a single meeting
    """
    of_day = TeachingAssignment.objects.holding_on(date)
    assignments = of_day | TeachingAssignment.objects.in_force().filter(single) if single else of_day
    assignments = assignments.filter(section=section, user__is_active=True)
    return sorted({assignment.user.display_name for assignment in assignments.select_related("user")})
