"""Only held classes count: everything that shows a percentage or a number of classes leaves out all the others."""

import datetime
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from attendance.models import AttendanceRecord, MeetingState, Method, Status
from attendance.queries.roster_differences import roster_differences
from attendance.queries.student_history import own_sections
from qrsessions.models import SessionStatus
from qrsessions.queries.alerts import alerts_for
from qrsessions.queries.dashboard import met_today, taught
from qrsessions.queries.groups import group_overview
from qrsessions.queries.section_sessions import sessions_of_section
from qrsessions.services import meetings
from tests.support import factories
from tests.support.classes import Class, client_of
from tests.support.factories import make_planned
from tests.support.pages import browser_of, shown

NOON = datetime.datetime(2026, 10, 5, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
WEEK = 7 * DAY


@pytest.fixture
def school(taught_class, settings) -> Iterator[Class]:
    """The first student was at one class and missed another. Attendance of at least 75 % is wanted."""
    settings.TIME_ZONE = "Europe/Berlin"
    factories.make_rule(section=taught_class.section, minimum_percentage=75)
    for days, status in ((14, Status.PRESENT), (7, Status.ABSENT)):
        session = factories.make_session(
            section=taught_class.section, status=SessionStatus.ENDED, at=NOON - days * DAY - HOUR
        )
        for number, student in enumerate(taught_class.students, start=1):
            factories.make_record(
                meeting=session.meeting, student=student, status=status, roll_number=f"{number:02}"
            )
    with time_machine.travel(NOON, tick=False):
        yield taught_class


# --- Classes that do not count ----------------------------------------------------------------------------


def enter(taught_class: Class, meeting: Any, status: Status) -> None:
    meetings.enter(
        meeting=meeting, student=taught_class.students[0], status=status, by=taught_class.teacher, at=NOON
    )


def planned_to_come(taught_class: Class) -> None:
    enter(taught_class, make_planned(section=taught_class.section, starts_at=NOON + DAY), Status.EXCUSED)


def not_taken(taught_class: Class) -> None:
    make_planned(section=taught_class.section, starts_at=NOON - 3 * HOUR)


def register_unfinished(taught_class: Class) -> None:
    enter(taught_class, make_planned(section=taught_class.section, starts_at=NOON - 3 * HOUR), Status.PRESENT)


def cancelled_before(taught_class: Class) -> None:
    meeting = make_planned(section=taught_class.section, starts_at=NOON - 3 * HOUR)
    meetings.cancel(meeting=meeting, reason="ill", by=taught_class.teacher, at=NOON)


def cancelled_after(taught_class: Class, *, status: Status | None = Status.PRESENT) -> None:
    """Held by phone today, and cancelled later."""
    session = factories.make_session(
        section=taught_class.section, status=SessionStatus.ENDED, at=NOON - 3 * HOUR
    )
    for number, student in enumerate(taught_class.students, start=1):
        factories.make_record(
            meeting=session.meeting,
            student=student,
            status=status or Status.ABSENT,
            method=Method.QR if status else Method.END,
            roll_number=f"{number:02}",
        )
    meetings.cancel(meeting=session.meeting, reason="ill", by=taught_class.teacher, at=NOON)


def cancelled_without_marks(taught_class: Class) -> None:
    cancelled_after(taught_class, status=None)


def discarded(taught_class: Class) -> None:
    session = taught_class.open()
    taught_class.step(session, "start")
    taught_class.join(session)
    assert taught_class.step(session, "discard").status_code == 204


def running(taught_class: Class) -> None:
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    taught_class.mark(session)


OTHERS = [
    planned_to_come,
    not_taken,
    register_unfinished,
    cancelled_before,
    cancelled_after,
    cancelled_without_marks,
    discarded,
    running,
]


# --- Where classes are counted ----------------------------------------------------------------------------


def own_records(taught_class: Class) -> Any:
    return client_of(factories.user_of(taught_class.students[0])).get("/api/v1/me/records/").json()


def own_history(taught_class: Class) -> Any:
    return [
        (one.total_meetings, one.total_present, one.total_excused, one.result)
        for one in own_sections(taught_class.students[0], on=timezone.localdate(NOON))
    ]


def own_page(taught_class: Class) -> Any:
    """The page of the student's attendance, without the classes to come."""
    page = browser_of(taught_class.students[0]).get("/student/attendance/").content.decode()
    body = re.sub(r'<section class="card coming".*?</section>', "", page, flags=re.DOTALL)
    return shown(body.partition("<main")[2])


def earlier_today(taught_class: Class) -> Any:
    return browser_of(taught_class.students[0]).get("/student/").context["earlier"]


def of_teacher(taught_class: Class) -> Any:
    (found,) = taught(taught_class.teacher, at=NOON).sections
    return found.last, found.without_marks, met_today([taught_class.section], today=timezone.localdate(NOON))


def alerts(taught_class: Class) -> Any:
    return [
        (one.kind, one.session)
        for one in alerts_for(taught_class.teacher, taught(taught_class.teacher, at=NOON), at=NOON)
    ]


def of_section(taught_class: Class) -> Any:
    listed = sessions_of_section(taught_class.section, user=taught_class.teacher, on=timezone.localdate(NOON))
    return listed.without_marks


def differences(taught_class: Class) -> Any:
    return list(roster_differences())


COUNTS = [own_records, own_history, own_page, earlier_today, of_teacher, alerts, of_section, differences]


@pytest.mark.parametrize("other", OTHERS, ids=lambda one: one.__name__)
def test_only_held_classes_count(school, other: Callable[[Class], None]):
    before = {count.__name__: count(school) for count in COUNTS}
    (own,) = before["own_records"]
    assert (own["total_meetings"], own["total_present"], own["present_percentage"]) == (2, 1, 50.0)

    other(school)

    assert {count.__name__: count(school) for count in COUNTS} == before


def test_class_counts_everywhere_as_soon_as_it_is_held(school):
    meeting = make_planned(section=school.section, starts_at=NOON - 3 * HOUR)

    meetings.finish(meeting=meeting, by=school.teacher, at=NOON, rest_absent=True)

    (own,) = own_records(school)
    assert (own["total_meetings"], own["total_present"], own["present_percentage"]) == (3, 1, 33.3)
    assert [entry.meeting for entry in earlier_today(school)] == [meeting]
    assert set(meeting.records.values_list("status", flat=True)) == {Status.ABSENT}
    assert AttendanceRecord.objects.filter(meeting__state=MeetingState.HELD).count() == 9


def test_cancelled_class_does_not_count_in_its_group(school):
    other = factories.make_section(students=2, teachers=[school.teacher])
    group = factories.make_group_session(
        sections=[school.section, other], status=SessionStatus.ENDED, at=NOON - HOUR, opened_by=school.teacher
    )
    first, second = group.group.meetings.order_by("pk")
    for meeting, status in ((first, Status.PRESENT), (second, Status.ABSENT)):
        for number, student in enumerate(factories.students_of(meeting.section), start=1):
            factories.make_record(meeting=meeting, student=student, status=status, roll_number=f"{number:02}")
    meetings.cancel(meeting=second, reason="ill", by=school.teacher, at=NOON)

    stats = school.as_teacher.get(f"/api/v1/group-sessions/{group.public_id}/stats/").json()
    shown = group_overview(group, at=NOON).stats

    assert (stats["total_students"], stats["total_present"], stats["present_percentage"]) == (3, 3, 100.0)
    assert [one["total_students"] for one in stats["sections"]] == [3, 2]
    assert (shown.total_students, shown.total_present) == (3, 3)
