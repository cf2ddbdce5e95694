"""Past classes of the demo institution, so that a trial shows registers, percentages and a group of sections.

They are held by the same services as real classes. Who attended what is always the same.
"""

import datetime
import random
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from attendance.demo.courses import add_courses
from attendance.models import Meeting, Method, RosterEntry, Section, Status, Student, User
from attendance.records.scans import NewMark, write_marks
from qrsessions.codes.devices import HASH_LENGTH
from qrsessions.models import QRSession
from qrsessions.queries.groups import members_of
from qrsessions.services import corrections, groups, lifecycle

WEEKS = 6
GROUP_TITLE = "CS101 lecture"
# The share of classes that students attend.
ATTENDANCE, LOW_ATTENDANCE = 0.95, 0.5
# Every ninth student is below the minimum.
LOW_ATTENDANCE_EVERY = 9
LATE = 0.06
EXCUSED_EVERY = 5
LOCKED_AFTER = datetime.timedelta(minutes=4)
ENDED_AFTER = datetime.timedelta(minutes=50)


@transaction.atomic
def add_past_classes(*, now: datetime.datetime) -> int:
    """Add the demo's further courses, and classes of the last weeks for all of its sections.

    Returns how many classes were held: none if the sections have met before.

    :raises NameTaken: if there is no demo institution, or a real user has a name that it needs
    """
    sections = add_courses(since=timezone.localdate(now) - datetime.timedelta(weeks=WEEKS))
    if Meeting.objects.filter(section__in=sections).exists():
        return 0
    lectures = [section for section in sections if section.course.code == "CS101"]
    held = 0
    for week in range(WEEKS, 0, -1):
        if len(lectures) > 1:
            # On today's day of the week, so that the first page offers to open the group again.
            held += _hold_together(lectures, at=_moment(now, days=7 * week, hour=9), key=f"{week}")
        for place, section in enumerate(sections):
            days = 7 * week - 1 - place % 4
            opened = _opened(section, at=_moment(now, days=days, hour=10 + place % 3))
            held += _hold(opened, key=f"{week} {place}")
    return held


def _moment(now: datetime.datetime, *, days: int, hour: int) -> datetime.datetime:
    day = timezone.localtime(now) - datetime.timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def _opened(section: Section, *, at: datetime.datetime) -> QRSession:
    teacher = _teacher_of(section)
    session = lifecycle.open_session(section=section, by=teacher, at=at)
    return lifecycle.take_step(session=session, step="start", by=teacher, at=at + LOCKED_AFTER)


def _hold_together(sections: Sequence[Section], *, at: datetime.datetime, key: str) -> int:
    teacher = _teacher_of(sections[-1])
    group = groups.open_group(sections=sections, by=teacher, at=at, title=GROUP_TITLE)
    groups.take_group_step(group_session=group, step="start", by=teacher, at=at + LOCKED_AFTER)
    _mark(members_of(group), key=key)
    groups.take_group_step(group_session=group, step="end", by=teacher, at=at + ENDED_AFTER)
    _excuse(members_of(group))
    return len(sections)


def _hold(session: QRSession, *, key: str) -> int:
    _mark([session], key=key)
    ends_at = session.created_at + ENDED_AFTER
    lifecycle.take_step(session=session, step="end", by=session.opened_by, at=ends_at)
    _excuse([session])
    return 1


def _teacher_of(section: Section) -> User:
    return section.teachers.order_by("pk")[0]


def _mark(sessions: Sequence[QRSession], *, key: str) -> None:
    """Most students scan within minutes, and a few are late.

    :param key: names the class, so that its attendance is the same on every day of a trial
    """
    marks = []
    for session in sessions:
        for entry in session.meeting.roster.select_related("student", "record").order_by(
            "student__student_id"
        ):
            chance = random.Random(f"{entry.student.student_id} {key}")  # noqa: S311 - a demo
            has_low_attendance = _number(entry) % LOW_ATTENDANCE_EVERY == 0
            if chance.random() > (LOW_ATTENDANCE if has_low_attendance else ATTENDANCE):
                continue
            minutes = 15 if chance.random() < LATE else 1
            seconds = chance.uniform(0, 120)
            at = session.created_at + LOCKED_AFTER + datetime.timedelta(minutes=minutes, seconds=seconds)
            marks.append(
                NewMark(
                    entry=entry,
                    meeting=session.meeting,
                    student=entry.student,
                    at=at,
                    method=Method.QR,
                    late_from=session.late_from,
                    device=phone_of(entry.student),
                    joins=True,
                )
            )
    write_marks(marks)


def phone_of(student: Student) -> str:
    """The hash by which records know the student's phone. Each has one of their own."""
    return salted_hmac("rollcall.demo", student.student_id, algorithm="sha256").hexdigest()[:HASH_LENGTH]


def _excuse(sessions: Sequence[QRSession]) -> None:
    """Some of the absent were ill, and the teacher entered it afterwards."""
    for session in sessions:
        absent = session.meeting.roster.filter(record__status=Status.ABSENT).select_related("student")
        for entry in absent.order_by("student__student_id"):
            if _number(entry) % EXCUSED_EVERY == 0:
                corrections.correct(
                    session=session,
                    student=entry.student,
                    status=Status.EXCUSED,
                    by=session.opened_by,
                    at=session.created_at + datetime.timedelta(hours=3),
                    note="doctor's note",
                )


def _number(entry: RosterEntry) -> int:
    return int(entry.student.student_id.removeprefix("S"))
