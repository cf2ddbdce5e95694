"""iCalendar files as programs really write them, and those that would cost a lot."""

import contextlib
import datetime
import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.timetable.formats.entries import BadSeries, TimetableFile, TimetableRefused
from attendance.timetable.formats.ical import read_ical
from tests.support.timetable.calendars import MONDAYS, calendar, changed, sample

BERLIN = ZoneInfo("Europe/Berlin")
FIRST, LAST = datetime.date(2026, 9, 1), datetime.date(2027, 2, 28)


def read(content: bytes, **options) -> TimetableFile:
    return read_ical(content, zone=BERLIN, **options)


def classes(content: bytes, **options) -> list[str]:
    """The day for which each class was planned, and its local start and end. There must be no problems."""
    file = read(content, **options)
    assert file.problems == []
    found = [one for series in file.series for one in series.between(FIRST, LAST)]
    return [
        f"{one.date:%m-%d}: {one.starts_at.astimezone(BERLIN):%m-%d %H:%M}–{one.ends_at.astimezone(BERLIN):%H:%M}"
        for one in sorted(found, key=lambda one: one.date)
    ]


def problems(content: bytes, **options) -> list[str]:
    file = read(content, **options)
    found = [problem.reason for problem in file.problems]
    for series in file.series:
        try:
            series.between(FIRST, LAST)
        except BadSeries as bad:
            found.append(str(bad))
    return found


# --- Programs ---------------------------------------------------------------------------------------------


def test_google_calendar_with_an_exception_a_moved_class_and_both_weekdays():
    assert classes(sample("google.ics")) == [
        "10-05: 10-05 10:00–11:30",
        "10-07: 10-07 10:00–11:30",
        "10-12: 10-12 10:00–11:30",
        "10-19: 10-19 10:00–11:30",
        "10-21: 10-22 14:00–15:30",
        # The clocks went back on 25 October.
        "10-26: 10-26 10:00–11:30",
        "10-28: 10-28 10:00–11:30",
        "11-02: 11-02 10:00–11:30",
        "11-06: 11-06 10:00–11:30",
    ]
    file = read(sample("google.ics"))
    assert file.notes == ["All-day events, not imported: 1"]
    first = file.series[0].between(FIRST, LAST)[0]
    assert (first.room, first.title) == ("Main building, H1", "CS101-A Lecture")


def test_outlook_calendar_with_windows_zones_and_a_last_day_without_a_time():
    assert classes(sample("outlook.ics")) == [
        "10-06: 10-06 10:00–11:30",
        "10-27: 10-27 16:00–17:30",
        "11-03: 11-03 10:00–11:30",
    ]


def test_apple_calendar_with_a_count_an_extra_date_and_a_cancelled_class():
    assert classes(sample("apple.ics")) == [
        "10-07: 10-07 10:00–12:00",
        "10-14: 10-14 10:00–12:00",
        "10-28: 10-28 10:00–12:00",
        "11-05: 11-05 10:00–12:00",
    ]


def test_export_of_a_timetable_system_names_sections_in_its_categories():
    file = read(sample("campus.ics"))
    assert len(file.series) == 8
    assert file.series[0].names.texts == ("Programming", "Lecture, CS101-A")


def test_one_uid_for_all_classes_means_all_of_them():
    other = changed(
        MONDAYS, DTSTART="DTSTART:20261103T090000Z", DTEND="DTEND:20261103T100000Z", RRULE="", DTSTAMP=""
    )
    assert classes(calendar(changed(MONDAYS, RRULE=""), other)) == [
        "10-05: 10-05 10:00–11:00",
        "11-03: 11-03 10:00–11:00",
    ]


def test_latest_version_of_an_event_counts():
    later = changed(MONDAYS, SEQUENCE="SEQUENCE:2", RRULE="RRULE:FREQ=WEEKLY;COUNT=1")
    assert classes(calendar(MONDAYS, later)) == ["10-05: 10-05 10:00–11:00"]


def test_cancelled_calendar_has_no_classes():
    assert classes(calendar(MONDAYS, also=("METHOD:CANCEL",))) == []


def test_event_with_a_duration_instead_of_an_end():
    event = changed(MONDAYS, DTEND="", DURATION="DURATION:PT45M", RRULE="")
    assert classes(calendar(event)) == ["10-05: 10-05 10:00–10:45"]


def test_only_events_with_the_text_in_their_title_are_read():
    lunch = changed(MONDAYS, UID="UID:lunch", SUMMARY="SUMMARY:Lunch")
    file = read(calendar(MONDAYS, lunch), contains="cs101")
    assert [series.names.label for series in file.series] == ["CS101-A Lecture"]
    assert file.notes == ["Events without “cs101” in their title, not imported: 1"]


# --- Zones ------------------------------------------------------------------------------------------------


def at_ten_in(zone: str, **fields: str) -> bytes:
    return calendar(
        changed(
            MONDAYS,
            DTSTART=f"DTSTART;TZID={zone}:20261005T100000",
            DTEND=f"DTEND;TZID={zone}:20261005T110000",
            RRULE="",
            **fields,
        )
    )


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Europe/London", "11:00–12:00"),
        ("/mozilla.org/20070129_1/Europe/London", "11:00–12:00"),
        ("India Standard Time", "06:30–07:30"),
        ("Etc/UTC", "12:00–13:00"),
    ],
)
def test_zone_of_the_event_counts_and_not_that_of_the_institution(zone, expected):
    assert classes(at_ten_in(zone)) == [f"10-05: 10-05 {expected}"]


def test_time_without_a_zone_is_in_the_zone_of_the_institution():
    floating = changed(MONDAYS, DTSTART="DTSTART:20261005T100000", DTEND="DTEND:20261005T110000", RRULE="")
    assert classes(calendar(floating, also=("X-WR-TIMEZONE:America/New_York",))) == [
        "10-05: 10-05 10:00–11:00"
    ]


@pytest.mark.parametrize("zone", ["Campus Time", "Europe", "../etc/passwd", "x" * 5000])
def test_unknown_zone_is_refused_and_asked_for(zone):
    assert problems(at_ten_in(zone)) == [
        f"The time zone “{zone[:60]}” is not known. Say which zone it is, and import the file again."
    ]
    assert classes(at_ten_in(zone), unknown_zone=ZoneInfo("Europe/London")) == ["10-05: 10-05 11:00–12:00"]


@pytest.mark.parametrize(
    "line",
    [
        "EXDATE;TZID=Campus Time:20261012T100000",
        "RDATE;TZID=Campus Time:20261013T100000",
    ],
)
def test_unknown_zone_of_an_exception_is_refused_too(line):
    name = line.split(";")[0]
    assert "“Campus Time” is not known" in problems(calendar(changed(MONDAYS, **{name: line})))[0]


CAMPUS_TIME = (
    "BEGIN:VTIMEZONE",
    "TZID:Campus Time",
    "X-LIC-LOCATION:Somewhere",
    "BEGIN:STANDARD",
    "DTSTART:16010101T030000",
    "TZOFFSETFROM:-0300",
    "TZOFFSETTO:-0400",
    "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11",
    "END:STANDARD",
    "BEGIN:DAYLIGHT",
    "DTSTART:16010101T020000",
    "TZOFFSETFROM:-0400",
    "TZOFFSETTO:-0300",
    "RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3",
    "END:DAYLIGHT",
    "END:VTIMEZONE",
)


def test_zone_that_the_file_defines_is_known_in_this_file_only():
    event = changed(
        MONDAYS,
        DTSTART="DTSTART;TZID=Campus Time:20261005T100000",
        DTEND="DTEND;TZID=Campus Time:20261005T110000",
        RRULE="RRULE:FREQ=WEEKLY;INTERVAL=5;COUNT=2",
    )
    # The clocks there go back on 1 November, those of the institution on 25 October.
    assert classes(calendar(event, also=CAMPUS_TIME)) == [
        "10-05: 10-05 15:00–16:00",
        "11-09: 11-09 15:00–16:00",
    ]
    assert "“Campus Time” is not known" in problems(calendar(event))[0]


def test_definition_that_could_take_minutes_is_not_used():
    never = [line.replace("BYDAY=1SU;BYMONTH=11", "BYMONTHDAY=30;BYMONTH=2") for line in CAMPUS_TIME]
    event = at_ten_in("Campus Time").replace(b"BEGIN:VEVENT", "\r\n".join([*never, "BEGIN:VEVENT"]).encode())
    assert "“Campus Time” is not known" in problems(event)[0]


# --- What cannot be imported ------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"BEGIN:VCALENDAR\r\n", sample("google.ics")[:-20], b"\xff\xd8JPEG"])
def test_file_that_is_no_calendar_is_refused(content):
    with pytest.raises(TimetableRefused):
        read(content)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"DTEND": "DTEND;TZID=Europe/Berlin:20261007T110000"}, "The event lasts longer than 24 hours."),
        ({"DTEND": ""}, "The event has no end, or ends before it begins."),
        ({"DTEND": "DTEND;TZID=Europe/Berlin:20261005T090000"}, "The event has no end, or ends before it begins."),
        ({"DTSTART": ""}, "The event has no start."),
        ({"DTSTART": "DTSTART:10000"}, "The field DTSTART cannot be read."),
        ({"DTSTART": "DTSTART:00010101T100000Z"}, "The event has a date that cannot be read."),
        ({"DTSTART": "DTSTART;TZID=Europe/Berlin:20201005T100000", "DTEND": "DTEND;TZID=Europe/Berlin:20201005T110000"},
         "The event began more than 5 years ago."),
    ],
)  # fmt: skip
def test_event_that_cannot_be_a_class_is_a_problem(fields, reason):
    assert problems(calendar(changed(MONDAYS, **fields))) == [reason]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;COUNT=5",
        "FREQ=HOURLY",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=DAILY;COUNT=999999999",
        "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=1,2,3",
        "FREQ=WEEKLY;INTERVAL=0",
        "FREQ=WEEKLY;INTERVAL=999999999",
        "FREQ=WEEKLY;BYDAY=9MO",
        "FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=300",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31",
    ],
)
def test_rule_that_may_never_come_or_comes_too_often_is_refused(rule):
    assert problems(calendar(changed(MONDAYS, RRULE=f"RRULE:{rule}"))) == [
        "The event repeats in a way that is not supported. Only daily, weekly and monthly events are."
    ]


def test_endless_rule_ends_with_the_days_that_are_asked_for():
    (series,) = read(calendar(changed(MONDAYS, RRULE="RRULE:FREQ=DAILY"))).series
    assert series.is_endless
    assert len(series.between(datetime.date(2026, 10, 1), datetime.date(2026, 10, 31))) == 27


def test_thousands_of_dates_of_one_event_are_refused():
    dates = ",".join(f"20261006T{n // 60 % 24:02}{n % 60:02}00Z" for n in range(1001))
    assert problems(calendar(changed(MONDAYS, RDATE=f"RDATE:{dates}"))) == [
        "The event has more than 1000 dates."
    ]


def test_costly_rules_are_refused_without_being_expanded():
    """Each would take seconds or for ever: 40 of them are read in no more time than 40 ordinary events."""
    rules = ["FREQ=SECONDLY", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"] * 20
    bombs = [changed(MONDAYS, UID=f"UID:{n}", RRULE=f"RRULE:{rule}") for n, rule in enumerate(rules)]
    ordinary = [changed(MONDAYS, UID=f"UID:{n}") for n in range(40)]

    def seconds(events) -> float:
        began = time.process_time()
        problems(calendar(*events))
        return time.process_time() - began

    assert seconds(bombs) < 3 * seconds(ordinary)


def test_occurrence_in_the_hour_that_is_left_out_keeps_its_length():
    event = changed(
        MONDAYS,
        DTSTART="DTSTART;TZID=Europe/Berlin:20260328T023000",
        DTEND="DTEND;TZID=Europe/Berlin:20260328T031500",
        RRULE="RRULE:FREQ=DAILY;COUNT=2",
    )
    (series,) = read(calendar(event)).series
    found = series.between(datetime.date(2026, 3, 1), datetime.date(2026, 4, 1))
    assert [(one.date.day, one.ends_at - one.starts_at) for one in found] == [
        (28, datetime.timedelta(minutes=45)),
        (29, datetime.timedelta(minutes=45)),
    ]


SAMPLE_LINES = [
    line for name in ("google.ics", "outlook.ics", "apple.ics") for line in sample(name).splitlines()
]


@given(
    name=st.sampled_from(["google.ics", "outlook.ics", "apple.ics", "campus.ics"]),
    place=st.floats(0, 1),
    line=st.one_of(st.binary(max_size=40), st.sampled_from(SAMPLE_LINES)),
    removed=st.integers(0, 2),
)
@settings(max_examples=100, deadline=None)
def test_spoilt_calendar_is_read_or_refused(name, place, line, removed):
    lines = sample(name).splitlines()
    index = int(place * len(lines))
    lines[index : index + removed] = [line]
    with contextlib.suppress(TimetableRefused):
        problems(b"\r\n".join(lines))
