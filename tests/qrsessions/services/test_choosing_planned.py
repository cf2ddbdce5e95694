"""Choosing which planned class an open session is held for."""

import datetime

import pytest
import time_machine

from attendance.models import Meeting, MeetingState, Status
from qrsessions.models import QRSession
from qrsessions.services import corrections, meetings
from tests.support import factories
from tests.support.factories import make_planned
from tests.support.pages import text_of

NOON = datetime.datetime(2026, 10, 5, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
PLAN = ("starts_at", "ends_at", "date", "room", "pattern_id", "pattern_date")


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


def plan_of(meeting: Meeting) -> tuple[object, ...]:
    return Meeting.objects.values_list(*PLAN).get(pk=meeting.pk)


def choose(taught_class, session: QRSession, meeting: Meeting | None):
    return taught_class.as_teacher.post(
        f"/teach/sessions/{session.public_id}/class/", {"meeting": meeting.public_id if meeting else ""}
    )


@pytest.fixture
def two(taught_class) -> tuple[Meeting, Meeting]:
    """A class that began half an hour ago, and one in ten minutes. Both are on a weekly pattern."""
    pattern, other = (
        factories.make_pattern(section=taught_class.section),
        factories.make_pattern(section=taught_class.section),
    )
    return (
        make_planned(
            section=taught_class.section,
            starts_at=NOON - HOUR / 2,
            room="H1",
            pattern=pattern,
            pattern_date=NOON.date(),
        ),
        make_planned(
            section=taught_class.section,
            starts_at=NOON + HOUR / 6,
            room="H2",
            pattern=other,
            pattern_date=NOON.date(),
        ),
    )


def test_session_changes_to_the_other_class_and_keeps_its_marks(taught_class, two):
    first, second = two
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    taught_class.mark(session)
    plans = plan_of(first), plan_of(second)
    assert session.public_id == second.public_id

    choose(taught_class, session, first)

    assert plan_of(session.meeting) == plans[0]
    assert plan_of(first) == plans[1]
    assert taught_class.stats(session)["total_present"] == 1
    first.refresh_from_db()
    assert (first.state, first.sequence) == (MeetingState.PLANNED, 1)


def test_session_that_is_not_on_the_timetable_leaves_the_class_planned(taught_class, two):
    _first, second = two
    session = taught_class.open()
    plan = plan_of(second)

    choose(taught_class, session, None)

    assert plan_of(session.meeting) == (NOON, None, NOON.date(), "", None, None)
    left = Meeting.objects.exclude(pk=session.pk).get(starts_at=NOON + HOUR / 6)
    assert (plan_of(left), left.state) == (plan, MeetingState.PLANNED)


def test_session_opened_outside_the_timetable_is_put_on_it(taught_class, two):
    first, _second = two
    session = taught_class.open()
    choose(taught_class, session, None)
    left = Meeting.objects.exclude(pk__in=[session.pk, first.pk]).get()
    plan = plan_of(left)

    choose(taught_class, session, left)

    assert plan_of(session.meeting) == plan
    left.refresh_from_db()
    assert left.state == MeetingState.DISCARDED
    # Nothing of it is planned twice.
    assert Meeting.objects.filter(section=taught_class.section, state=MeetingState.PLANNED).get() == first


def test_class_with_a_register_of_another_section_or_cancelled_cannot_be_chosen(taught_class, two):
    first, _second = two
    session = taught_class.open()
    plan = plan_of(session.meeting)
    other = make_planned(section=factories.make_section(), starts_at=NOON)
    assert choose(taught_class, session, other).status_code == 404

    factories.make_record(meeting=first, student=taught_class.students[0])
    choose(taught_class, session, first)
    assert plan_of(session.meeting) == plan

    cancelled = make_planned(section=taught_class.section, starts_at=NOON, state=MeetingState.CANCELLED)
    choose(taught_class, session, cancelled)
    assert plan_of(session.meeting) == plan


def test_ended_session_keeps_its_class(taught_class, two):
    first, _second = two
    session = taught_class.open()
    taught_class.step(session, "start")
    taught_class.step(session, "end")
    plan = plan_of(session.meeting)

    choose(taught_class, session, first)

    assert plan_of(session.meeting) == plan


def test_page_names_the_class_and_offers_the_others(taught_class, two):
    first, _second = two
    session = taught_class.open()
    page = f"/teach/sessions/{session.public_id}/"

    text = text_of(taught_class.as_teacher.get(page))
    assert "Planned 12:10–13:10 · H2" in text
    assert "Not this class? Choose the right one: 11:30–12:30 · H1 not on the timetable" in text

    choose(taught_class, session, first)
    assert "Planned 11:30–12:30 · H1" in text_of(taught_class.as_teacher.get(page))


def test_excuse_from_before_the_session_stays_with_its_class(taught_class, two):
    first, second = two
    excused, other = taught_class.students[:2]
    words = {"status": Status.EXCUSED, "by": taught_class.teacher}
    meetings.enter(meeting=second, student=excused, at=NOON - HOUR, note="ill", **words)
    session = taught_class.open()
    assert session.public_id == second.public_id
    corrections.correct(session=session, student=other, at=NOON + HOUR / 60, **words)

    choose(taught_class, session, first)

    # The two exchanged their plans, so the row that was the first is the second class now.
    assert [record.student for record in first.records.filter(status=Status.EXCUSED)] == [excused]
    assert [record.student for record in session.meeting.records.filter(status=Status.EXCUSED)] == [other]


def test_class_with_an_excuse_is_not_offered_because_it_could_not_be_chosen(taught_class, two):
    first, _second = two
    factories.make_record(meeting=first, student=taught_class.students[0], status=Status.EXCUSED)
    session = taught_class.open()

    text = text_of(taught_class.as_teacher.get(f"/teach/sessions/{session.public_id}/"))

    assert "11:30–12:30" not in text
    assert choose(taught_class, session, first).status_code == 302
    assert plan_of(session.meeting)[0] == NOON + HOUR / 6
