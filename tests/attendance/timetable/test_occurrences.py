"""Weekly patterns, compared with a generator that walks through every minute and every day."""

import datetime
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attendance.timetable.occurrences import Occurrence, Weekly, instant, occurrence_on, occurrences

BERLIN = ZoneInfo("Europe/Berlin")
APIA = ZoneInfo("Pacific/Apia")
ZONES = {
    "Asia/Kolkata": 2025,
    "Europe/Berlin": 2025,
    "America/New_York": 2025,
    "Australia/Lord_Howe": 2025,
    "Pacific/Apia": 2011,
    "Africa/Casablanca": 2025,
    "Africa/Cairo": 2025,
}
MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)


def minutes_of(zone: ZoneInfo, date: datetime.date) -> Iterator[tuple[datetime.datetime, datetime.datetime]]:
    """Each minute of UTC near the date, with what a clock in the zone shows then."""
    moment = datetime.datetime.combine(date, datetime.time(), tzinfo=datetime.UTC) - 15 * 60 * MINUTE
    for _ in range(54 * 60):
        yield moment, moment.astimezone(zone).replace(tzinfo=None, fold=0)
        moment += MINUTE


def shown_first(zone: ZoneInfo, date: datetime.date, time: datetime.time) -> datetime.datetime:
    """The first minute at which a clock shows the time; if none does, that long after its last minute before the gap."""
    wanted = datetime.datetime.combine(date, time)
    before_gap: tuple[datetime.datetime, datetime.datetime] | None = None
    for moment, shown in minutes_of(zone, date):
        if shown == wanted:
            return moment
        if shown < wanted:
            before_gap = (moment, shown)
        elif before_gap:
            break
    assert before_gap
    return before_gap[0] + (wanted - before_gap[1])


def day_by_day(pattern: Weekly, zone: ZoneInfo, without: set[datetime.date]) -> Iterator[Occurrence]:
    """Every day from the first to the last, each asked for itself."""
    date = pattern.first_day
    first_week = pattern.first_day.isocalendar()
    monday_of_first = datetime.date.fromisocalendar(first_week.year, first_week.week, 1)
    while date <= pattern.last_day:
        in_week = ((date - monday_of_first).days // 7) % pattern.every_weeks == 0
        if date.isoweekday() - 1 == pattern.weekday and in_week and date not in without:
            starts_at = shown_first(zone, date, pattern.start)
            ends_at = shown_first(zone, date, pattern.end)
            if ends_at <= starts_at:
                minutes = (
                    (pattern.end.hour - pattern.start.hour) * 60 + pattern.end.minute - pattern.start.minute
                )
                ends_at = starts_at + minutes * MINUTE
            if any(shown.date() == date for _moment, shown in minutes_of(zone, date)):
                yield Occurrence(date, starts_at, ends_at)
        date += DAY


times = st.builds(
    datetime.time, hour=st.integers(0, 23), minute=st.sampled_from([0, 10, 15, 29, 30, 31, 45, 59])
)


@st.composite
def patterns(draw: st.DrawFn) -> tuple[str, Weekly, set[datetime.date]]:
    name = draw(st.sampled_from(sorted(ZONES)))
    start, end = sorted(draw(st.tuples(times, times).filter(lambda both: both[0] != both[1])))
    first_day = datetime.date(ZONES[name], 1, 1) + draw(st.integers(0, 364)) * DAY
    last_day = first_day + draw(st.integers(0, 60)) * DAY
    without = {first_day + days * DAY for days in draw(st.sets(st.integers(0, 60), max_size=5))}
    every = draw(st.integers(1, 3))
    return name, Weekly(draw(st.integers(0, 6)), start, end, first_day, last_day, every), without


def weekly(weekday: int, start: str, end: str, first: str, last: str, every: int = 1) -> Weekly:
    date, time = datetime.date.fromisoformat, datetime.time.fromisoformat
    return Weekly(weekday, time(start), time(end), date(first), date(last), every)


@given(patterns())
@settings(max_examples=60, deadline=None)
@example(("Pacific/Apia", weekly(4, "10:00", "11:00", "2011-12-20", "2012-01-10"), set()))
@example(("Europe/Berlin", weekly(6, "02:30", "03:15", "2025-03-25", "2025-04-05"), set()))
@example(("Europe/Berlin", weekly(6, "01:30", "02:30", "2025-10-20", "2025-11-01"), set()))
@example(("Australia/Lord_Howe", weekly(6, "02:10", "02:40", "2025-10-01", "2025-10-12"), set()))
@example(("Africa/Cairo", weekly(4, "00:00", "00:30", "2025-04-20", "2025-04-30"), set()))
def test_every_occurrence_is_what_walking_day_by_day_finds(wanted):
    name, pattern, without = wanted
    zone = ZoneInfo(name)

    found = list(occurrences(pattern, zone=zone, without=without))

    assert found == list(day_by_day(pattern, zone, without))
    assert all(one.starts_at < one.ends_at for one in found)
    assert len({one.date for one in found}) == len(found)


def local(moment: datetime.datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def test_a_class_at_ten_stays_at_ten_across_the_clock_change():
    pattern = weekly(0, "10:00", "11:30", "2025-10-20", "2025-11-03")
    found = list(occurrences(pattern, zone=BERLIN))
    assert [local(one.starts_at, BERLIN) for one in found] == [
        "2025-10-20 10:00", "2025-10-27 10:00", "2025-11-03 10:00",
    ]  # fmt: skip
    assert [one.starts_at.hour for one in found] == [8, 9, 9]


def test_two_weekdays_of_every_second_week_fall_into_the_same_weeks():
    first, last = "2025-10-07", "2025-10-31"  # from a Tuesday
    monday = [one.date.day for one in occurrences(weekly(0, "10:00", "11:00", first, last, 2), zone=BERLIN)]
    wednesday = [
        one.date.day for one in occurrences(weekly(2, "10:00", "11:00", first, last, 2), zone=BERLIN)
    ]
    assert (monday, wednesday) == ([20], [8, 22])


def test_a_day_that_the_zone_skips_has_no_class():
    fridays = occurrences(weekly(4, "10:00", "11:00", "2011-12-23", "2012-01-06"), zone=APIA)
    assert [str(one.date) for one in fridays] == ["2011-12-23", "2012-01-06"]


@pytest.mark.parametrize(
    ("date", "start", "end", "expected"),
    [
        # Clocks go from 02:00 to 03:00.
        ("2025-03-30", "02:30", "04:00", ("03:30", "04:00")),
        ("2025-03-30", "02:30", "03:15", ("03:30", "04:15")),
        ("2025-03-30", "01:30", "02:30", ("01:30", "03:30")),
        # Clocks go from 03:00 back to 02:00.
        ("2025-10-26", "02:30", "03:30", ("02:30", "03:30")),
    ],
)
def test_times_in_the_night_of_a_clock_change(date, start, end, expected):
    day, time = datetime.date.fromisoformat(date), datetime.time.fromisoformat
    found = occurrence_on(day, time(start), time(end), zone=BERLIN)
    assert (local(found.starts_at, BERLIN)[-5:], local(found.ends_at, BERLIN)[-5:]) == expected


def test_a_time_that_exists_twice_is_the_first():
    moment = instant(datetime.date(2025, 10, 26), datetime.time(2, 30), zone=BERLIN)
    assert moment == datetime.datetime(2025, 10, 26, 0, 30, tzinfo=datetime.UTC)


def test_holidays_have_no_class():
    pattern = weekly(3, "08:00", "09:00", "2025-10-01", "2025-10-16")
    found = occurrences(pattern, zone=BERLIN, without={datetime.date(2025, 10, 9)})
    assert [one.date.day for one in found] == [2, 16]
