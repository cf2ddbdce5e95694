"""Changing the weekly classes of a section, and what becomes of its meetings."""

import datetime
from typing import Any

import pytest

from attendance.models import MeetingPattern, MeetingState
from attendance.timetable.occurrences import WeeklyClass
from attendance.timetable.planning import PatternWithoutEnd
from attendance.timetable.weekly_classes import TimetableChange, remove_series, set_weekly_classes
from tests.support.factories import make_planned, make_record, make_section, make_term, students_of
from tests.support.timetable.timetables import BEFORE, MONDAY, days, mondays, planned

pytestmark = pytest.mark.django_db


@pytest.fixture
def section(settings):
    """Its term has four Mondays: 5, 12, 19 and 26 October 2026."""
    settings.TIME_ZONE = "Europe/Berlin"
    return make_section(students=1, term=make_term(first_day=MONDAY, last_day=MONDAY + days(25)))


def at(hour: int, weekday: int = 0, **fields) -> WeeklyClass:
    return WeeklyClass(weekday, datetime.time(hour), datetime.time(hour + 1), **fields)


def put(section, *classes: WeeklyClass, on=BEFORE, dry_run: bool = False) -> TimetableChange:
    return set_weekly_classes(section=section, to=classes, at=on, dry_run=dry_run)


def everything(section) -> list[Any]:
    return [list(rows.order_by("pk").values()) for rows in (section.patterns, section.meetings)]


def test_equal_class_stays_and_one_on_the_same_weekday_is_changed_in_place(section):
    put(section, at(10), at(14, weekday=2))
    first, second = section.patterns.all()

    change = put(section, at(14, weekday=2), at(11))

    assert change.patterns.changed == [first]
    assert list(section.patterns.all()) == [first, second]
    assert planned(section)[0] == ("2026-10-05", "05 11:00", "planned")
    assert section.meetings.count() == 8


def test_putting_the_same_again_changes_nothing(section):
    put(section, at(10), at(14, weekday=2))
    before = everything(section)
    assert put(section, at(14, weekday=2), at(10)).is_empty
    assert everything(section) == before


def test_dry_run_shows_the_change_and_writes_nothing(section):
    put(section, at(10))
    before = everything(section)
    change = put(section, at(11), at(14, weekday=2), dry_run=True)
    plan = change.meetings
    assert (len(plan.added), len(plan.moved), len(plan.removed)) == (4, 4, 0)
    assert everything(section) == before


def test_meetings_of_a_removed_class_go_unless_somebody_used_them(section):
    put(section, at(10))
    make_record(meeting=section.meetings.get(date="2026-10-12"), student=students_of(section)[0])
    section.meetings.filter(date="2026-10-19").update(state=MeetingState.CANCELLED, cancel_reason="ill")

    change = put(section)

    assert len(change.meetings.removed) == 2
    assert [state for _date, _start, state in planned(section)] == ["planned", "cancelled"]
    assert set(section.meetings.values_list("pattern", flat=True)) == {None}


def test_cancelled_meeting_does_not_come_back_as_a_double(section):
    put(section, at(10))
    section.meetings.filter(date="2026-10-19").update(state=MeetingState.CANCELLED, cancel_reason="ill")
    put(section)

    put(section, at(10))

    assert [state for _date, _start, state in planned(section)] == ["planned"] * 2 + ["cancelled", "planned"]
    assert set(section.meetings.values_list("pattern", flat=True)) == {section.patterns.get().pk}


def test_meeting_moved_to_another_day_does_not_come_back_as_a_double(section):
    put(section, at(10))
    moved = section.meetings.filter(date="2026-10-19")
    moved.update(date="2026-10-20", starts_at="2026-10-20T12:00Z", ends_at="2026-10-20T13:00Z", edited=True)
    put(section)

    put(section, at(10))

    assert [date for date, _start, _state in planned(section)] == [
        "2026-10-05", "2026-10-12", "2026-10-20", "2026-10-26",
    ]  # fmt: skip


def test_meeting_added_by_hand_at_another_time_is_not_the_class(section):
    make_planned(
        section=section, starts_at=datetime.datetime(2026, 10, 5, 16, tzinfo=datetime.UTC), edited=True
    )
    put(section, at(10))
    assert section.meetings.count() == 5


def test_meeting_added_by_hand_at_the_time_of_the_class_is_the_class(section):
    added = make_planned(
        section=section, starts_at=datetime.datetime(2026, 10, 5, 8, 30, tzinfo=datetime.UTC), edited=True
    )
    put(section, at(10))
    assert planned(section) == [("2026-10-05", "05 10:30", "planned"), *mondays(12, 19, 26)]
    added.refresh_from_db()
    assert added.pattern == section.patterns.get()


def test_class_without_days_in_a_term_without_dates_is_refused():
    section = make_section(term=make_term())
    with pytest.raises(PatternWithoutEnd):
        put(section, at(10))
    assert not section.patterns.exists()


def test_removed_series_takes_past_and_future_meetings_that_nobody_used(section):
    series = MeetingPattern.objects.create(section=section, external_id="uid")
    for day in (5, 12, 19):
        starts_at = datetime.datetime(2026, 10, day, 8, tzinfo=datetime.UTC)
        make_planned(section=section, starts_at=starts_at, pattern=series, pattern_date=starts_at.date())
    make_record(meeting=section.meetings.get(date="2026-10-12"), student=students_of(section)[0])

    assert remove_series(patterns=[series]) == 2

    assert planned(section) == mondays(12)
    assert not section.patterns.exists()
