"""Planned meetings follow the weekly classes, terms and holidays of their sections."""

import datetime

import pytest

from attendance.models import Holiday, Meeting, MeetingState
from attendance.timetable import planning
from tests.support.factories import make_pattern, make_record, make_section, make_term, students_of
from tests.support.timetable.timetables import BEFORE, MONDAY, days, mondays, planned

pytestmark = pytest.mark.django_db


@pytest.fixture
def section():
    """Its term has four Mondays: 5, 12, 19 and 26 October 2026."""
    term = make_term(first_day=MONDAY, last_day=MONDAY + days(25))
    return make_section(students=2, term=term)


@pytest.fixture(autouse=True)
def _in_berlin(settings):
    settings.TIME_ZONE = "Europe/Berlin"


def replan(section, at=BEFORE) -> planning.Plan:
    return planning.replan([section.pk], at=at)


def test_weekly_class_is_planned_for_the_days_of_its_term(section):
    make_pattern(section=section, room="H1")

    replan(section)

    # Clocks go back on 25 October.
    assert planned(section) == mondays(5, 12, 19, 26)
    meeting = section.meetings.earliest("starts_at")
    assert (meeting.room, meeting.ends_at - meeting.starts_at) == ("H1", datetime.timedelta(hours=1))
    assert meeting.opened_at is None


def test_planning_again_changes_nothing(section):
    make_pattern(section=section)
    replan(section)
    before = list(section.meetings.order_by("pk").values())

    assert replan(section).is_empty
    assert list(section.meetings.order_by("pk").values()) == before


def test_two_weekdays_meet_on_both(section):
    make_pattern(section=section)
    make_pattern(section=section, weekday=2)

    replan(section)

    assert [day for day, _start, _state in planned(section)] == [
        "2026-10-05", "2026-10-07", "2026-10-12", "2026-10-14",
        "2026-10-19", "2026-10-21", "2026-10-26", "2026-10-28",
    ]  # fmt: skip


def test_two_sections_may_meet_at_the_same_time(section):
    other = make_section(term=section.term)
    for one in (section, other):
        make_pattern(section=one)

    planning.replan([section.pk, other.pk], at=BEFORE)

    assert planned(section) == planned(other) == mondays(5, 12, 19, 26)


def test_days_of_the_class_itself_come_before_those_of_the_term(section):
    make_pattern(section=section, first_day=MONDAY + days(7), last_day=MONDAY + days(14))

    replan(section)

    assert planned(section) == mondays(12, 19)


@pytest.mark.parametrize("missing", ["first_day", "last_day"])
def test_class_needs_a_first_and_a_last_day(missing):
    given = {"first_day": MONDAY, "last_day": MONDAY + days(14)} | {missing: None}
    section = make_section(term=make_term())
    make_pattern(section=section, **given)

    with pytest.raises(planning.PatternWithoutEnd):
        replan(section)

    assert not section.meetings.exists()


def test_class_of_a_wrong_year_is_refused(section):
    make_pattern(section=section, last_day=MONDAY + days(401))

    with pytest.raises(planning.PatternTooLong):
        replan(section)


# --- Holidays ---------------------------------------------------------------------------------------------


def test_holidays_have_no_meetings(section):
    make_pattern(section=section)
    Holiday.objects.create(
        term=section.term, name="Break", first_day=MONDAY + days(6), last_day=MONDAY + days(14)
    )

    replan(section)

    assert planned(section) == mondays(5, 26)


def test_holiday_of_one_section_is_a_class_for_the_others(section):
    other = make_section(term=section.term)
    for one in (section, other):
        make_pattern(section=one)
    holiday = Holiday.objects.create(term=section.term, name="Trip", first_day=MONDAY, last_day=MONDAY)
    holiday.sections.add(other)

    planning.replan([section.pk, other.pk], at=BEFORE)

    assert planned(section) == mondays(5, 12, 19, 26)
    assert planned(other) == mondays(12, 19, 26)


def test_holiday_added_later_removes_planned_meetings_and_its_end_brings_them_back(section):
    make_pattern(section=section)
    replan(section)
    holiday = Holiday.objects.create(
        term=section.term, name="Break", first_day=MONDAY, last_day=MONDAY + days(8)
    )

    removed = replan(section)
    assert sorted(meeting.date for meeting in removed.removed) == [MONDAY, MONDAY + days(7)]
    assert planned(section) == mondays(19, 26)

    holiday.delete()
    replan(section)
    assert planned(section) == mondays(5, 12, 19, 26)


# --- Changes ----------------------------------------------------------------------------------------------


def test_new_time_moves_what_is_still_to_come_and_keeps_its_ids(section):
    pattern = make_pattern(section=section)
    replan(section)
    ids = list(section.meetings.order_by("date").values_list("public_id", flat=True))
    pattern.start, pattern.end = datetime.time(14), datetime.time(15, 30)
    pattern.save()

    plan = replan(section, at=BEFORE + days(10))

    assert planned(section) == mondays(5) + mondays(12, 19, 26, at="14:00")
    assert len(plan.moved) == 3
    found = section.meetings.order_by("date").values_list("public_id", "sequence")
    assert list(found) == list(zip(ids, (0, 1, 1, 1), strict=True))


@pytest.mark.parametrize(
    "change",
    [
        {"edited": True, "room": "elsewhere"},
        {"state": MeetingState.CANCELLED, "cancel_reason": "ill"},
        {"state": MeetingState.OPEN},
        {"state": MeetingState.HELD, "ended_at": BEFORE, "roster_fixed_at": BEFORE},
    ],
    ids=["edited", "cancelled", "open", "held"],
)
def test_meetings_that_somebody_changed_stay_as_they_are(section, change):
    pattern = make_pattern(section=section)
    replan(section)
    changed = section.meetings.filter(date=MONDAY + days(7))
    changed.update(**change)
    before = changed.values().get()
    pattern.start = datetime.time(9)
    pattern.save()
    replan(section)
    assert changed.values().get() == before

    pattern.weekday = 3
    pattern.save()
    replan(section)
    assert changed.values().get() == before


def test_meeting_with_a_record_stays_as_it_is(section):
    pattern = make_pattern(section=section)
    replan(section)
    meeting = section.meetings.get(date=MONDAY)
    make_record(meeting=meeting, student=students_of(section)[0])
    before = Meeting.objects.values().get(pk=meeting.pk)
    pattern.weekday = 3
    pattern.save()

    replan(section)

    assert Meeting.objects.values().get(pk=meeting.pk) == before


def test_past_meetings_are_neither_made_nor_removed(section):
    pattern = make_pattern(section=section)
    replan(section, at=BEFORE + days(5))
    assert planned(section) == mondays(12, 19, 26)
    pattern.weekday = 3
    pattern.save()

    replan(section, at=BEFORE + days(12))

    assert [day for day, _start, _state in planned(section)] == [
        "2026-10-12", "2026-10-15", "2026-10-22", "2026-10-29",
    ]  # fmt: skip


def test_planning_takes_as_many_queries_for_many_sections_as_for_one(section, django_assert_num_queries):
    sections = [section, *(make_section(term=section.term) for _ in range(4))]
    for one in sections:
        make_pattern(section=one)
        make_pattern(section=one, weekday=3)
    with django_assert_num_queries(8):
        planning.replan([section.pk], at=BEFORE)
    with django_assert_num_queries(8):
        planning.replan([one.pk for one in sections[1:]], at=BEFORE)
