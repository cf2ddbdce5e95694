"""Importing a timetable: what is planned, that a second time changes nothing, and that nobody's changes are lost."""

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from attendance.models import Holiday, Meeting, MeetingPattern, MeetingState
from attendance.timetable import planning
from attendance.timetable.formats.entries import TimetableRefused
from attendance.timetable.formats.reading import read_timetable
from attendance.timetable.importing import Report, import_timetable
from tests.support.factories import (
    make_course,
    make_meeting,
    make_pattern,
    make_planned,
    make_record,
    make_section,
    make_term,
    students_of,
)
from tests.support.timetable.calendars import MONDAYS, calendar, changed, sample
from tests.support.timetable.timetables import BEFORE

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
# Between the second and the third Monday.
MIDDLE = datetime.datetime(2026, 10, 14, 12, tzinfo=datetime.UTC)
SAMPLES = ["google.ics", "outlook.ics", "apple.ics", "campus.ics"]


@pytest.fixture(autouse=True)
def _in_berlin(settings):
    settings.TIME_ZONE = "Europe/Berlin"


@pytest.fixture
def term():
    return make_term(first_day=datetime.date(2026, 10, 5), last_day=datetime.date(2026, 12, 18))


@pytest.fixture
def section(term):
    return make_section(course=make_course(code="CS101"), name="A", term=term, students=1)


def load(content: bytes, *, at: datetime.datetime = BEFORE, section=None, **options: Any) -> Report:
    reading = {key: options.pop(key) for key in ("contains", "unknown_zone", "periods") if key in options}
    file = read_timetable(content, zone=BERLIN, names_sections=section is None, **reading)
    return import_timetable(file=file, at=at, section=section, **options)


def local(moment: datetime.datetime) -> str:
    return timezone.localtime(moment).strftime("%m-%d %H:%M")


def planned(section) -> list[str]:
    """The local start of each meeting, with its state if it is not planned."""
    return [
        local(meeting.starts_at) + ("" if meeting.state == MeetingState.PLANNED else f" {meeting.state}")
        for meeting in section.meetings.order_by("starts_at")
    ]


def everything() -> list[list[Any]]:
    return [list(model.objects.order_by("pk").values()) for model in (Meeting, MeetingPattern)]


FOUR = ["10-05 10:00", "10-12 10:00", "10-19 10:00", "10-26 10:00"]


# --- What is planned --------------------------------------------------------------------------------------


def test_events_become_meetings_of_one_series(section):
    report = load(calendar(changed(MONDAYS, LOCATION="LOCATION:H1")))

    assert planned(section) == FOUR
    assert report.outcome() == "Classes: 4 added, 0 changed, 0 removed, 0 unchanged."
    assert (report.problems, report.notes) == ([], [])
    pattern = section.patterns.get()
    assert (pattern.weekday, pattern.external_id) == (None, "mondays")
    meeting = section.meetings.earliest("starts_at")
    assert (meeting.room, meeting.title) == ("H1", "CS101-A Lecture")
    assert (meeting.pattern, str(meeting.pattern_date), str(meeting.date)) == (
        pattern,
        "2026-10-05",
        "2026-10-05",
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_second_import_changes_nothing(section, term, name):
    other = make_section(course=make_course(code="MA200"), name="1", term=term)
    first = load(sample(name))
    before = everything()
    assert first.meetings.added

    second = load(sample(name), at=MIDDLE)

    assert everything() == before
    assert second.is_empty
    assert second.unchanged == len(first.meetings.added) == Meeting.objects.count()
    assert (
        second.outcome()
        == f"Nothing to change: all {second.unchanged} classes in the file are already planned."
    )
    assert other.meetings.exists() == (name == "campus.ics")


@pytest.mark.parametrize("name", SAMPLES)
def test_dry_run_shows_the_same_and_writes_nothing(section, name):
    before = everything()
    shown = load(sample(name), dry_run=True)
    assert everything() == before
    real = load(sample(name))
    assert shown.outcome() == real.outcome()
    assert [one.starts_at for one in shown.meetings.added] == [one.starts_at for one in real.meetings.added]


def test_event_of_two_sections_is_planned_for_both_and_events_of_nobody_are_named(section, term):
    other = make_section(course=make_course(code="MA200"), name="1", term=term)

    report = load(sample("campus.ics"))

    assert "10-08 10:00" in planned(section)
    # At the time of a class of CS101.
    assert planned(other) == ["10-05 10:00", "10-08 10:00"]
    assert [str(problem) for problem in report.problems] == ["“Staff meeting”: No section has this name."]


def test_classes_at_one_time_in_two_courses_are_both_planned(section, term):
    other = make_section(course=make_course(code="MA200"), name="1", term=term)
    load(calendar(MONDAYS, changed(MONDAYS, UID="UID:other", SUMMARY="SUMMARY:MA200-1")))
    assert planned(section) == planned(other) == FOUR


def test_moved_class_belongs_to_its_first_day_and_meets_on_the_new_one(section):
    moved = changed(
        MONDAYS,
        RECURRENCE_ID="RECURRENCE-ID;TZID=Europe/Berlin:20261012T100000",
        DTSTART="DTSTART;TZID=Europe/Berlin:20261014T160000",
        DTEND="DTEND;TZID=Europe/Berlin:20261014T170000",
        RRULE="",
    )
    load(calendar(MONDAYS, moved))
    meeting = section.meetings.get(pattern_date="2026-10-12")
    assert (local(meeting.starts_at), str(meeting.date)) == ("10-14 16:00", "2026-10-14")


def test_two_classes_of_a_series_on_one_day_are_two_meetings(section):
    both = changed(MONDAYS, RDATE="RDATE;TZID=Europe/Berlin:20261005T140000")
    load(calendar(both))
    assert planned(section) == ["10-05 10:00", "10-05 14:00", *FOUR[1:]]
    assert set(section.patterns.values_list("external_id", flat=True)) == {"mondays", "mondays#2"}
    assert load(calendar(both)).is_empty
    load(calendar(MONDAYS))
    assert planned(section) == FOUR


def test_past_classes_are_planned_too_unless_a_first_day_is_given(section):
    load(calendar(MONDAYS), at=MIDDLE, first_day=datetime.date(2026, 10, 12))
    assert planned(section) == FOUR[1:]
    load(calendar(MONDAYS), at=MIDDLE)
    assert planned(section) == FOUR


def test_classes_before_and_after_the_term_are_planned_and_named(section, term):
    term.first_day, term.last_day = datetime.date(2026, 10, 7), datetime.date(2026, 10, 20)
    term.save()
    report = load(calendar(MONDAYS))
    assert planned(section) == FOUR
    assert report.notes == [f"{section}: outside the days of the term, but planned: 2026-10-05, 2026-10-26"]


def test_endless_series_is_planned_for_the_days_of_the_term(section, term):
    endless = calendar(changed(MONDAYS, RRULE="RRULE:FREQ=WEEKLY"))
    load(endless)
    assert section.meetings.count() == 11
    term.last_day = datetime.date(2026, 10, 20)
    term.save()
    load(endless)
    assert planned(section) == FOUR[:3]


def test_endless_series_of_a_term_without_dates_is_a_problem():
    section = make_section(course=make_course(code="CS101"), name="A", term=make_term())
    report = load(calendar(changed(MONDAYS, RRULE="RRULE:FREQ=WEEKLY")))
    assert "repeats without an end" in str(report.problems[0])
    assert not section.meetings.exists()


def test_holidays_have_no_class_and_are_counted(section, term):
    holiday = {"first_day": datetime.date(2026, 10, 12), "last_day": datetime.date(2026, 10, 19)}
    Holiday.objects.create(term=term, name="Break", **holiday)
    report = load(calendar(MONDAYS))
    assert planned(section) == [FOUR[0], FOUR[3]]
    assert report.notes == [f"{section}: classes on holidays, not planned: 2"]


def test_import_without_a_class_never_sounds_like_a_success(section):
    old = calendar(changed(MONDAYS, DTSTART="DTSTART:20220103T090000Z", DTEND="DTEND:20220103T100000Z"))
    for content in (calendar(), old, calendar(changed(MONDAYS, SUMMARY="SUMMARY:Lunch"))):
        report = load(content)
        assert report.outcome() == "No class was planned from this file. The notes and problems say why."
        assert report.notes or report.problems
    assert not Meeting.objects.exists()


# --- Imported again ---------------------------------------------------------------------------------------


def test_changed_file_adds_moves_and_removes(section):
    load(calendar(MONDAYS))
    ids = dict(section.meetings.values_list("pattern_date", "public_id"))
    later = changed(
        MONDAYS,
        DTSTART="DTSTART;TZID=Europe/Berlin:20261005T110000",
        DTEND="DTEND;TZID=Europe/Berlin:20261005T120000",
        RRULE="RRULE:FREQ=WEEKLY;COUNT=5",
        EXDATE="EXDATE;TZID=Europe/Berlin:20261012T110000",
    )

    report = load(calendar(later))

    assert planned(section) == ["10-05 11:00", "10-19 11:00", "10-26 11:00", "11-02 11:00"]
    assert report.outcome() == "Classes: 1 added, 3 changed, 1 removed, 0 unchanged."
    moved = section.meetings.get(date="2026-10-19")
    assert (moved.public_id, moved.sequence) == (ids[datetime.date(2026, 10, 19)], 1)
    assert local(report.meetings.former_starts[moved.pk]) == "10-19 10:00"


def test_class_cancelled_in_the_file_goes(section):
    load(calendar(MONDAYS))
    cancelled = changed(
        MONDAYS,
        RECURRENCE_ID="RECURRENCE-ID;TZID=Europe/Berlin:20261012T100000",
        STATUS="STATUS:CANCELLED",
        RRULE="",
    )
    load(calendar(MONDAYS, cancelled))
    assert planned(section) == [FOUR[0], *FOUR[2:]]


@pytest.mark.parametrize(
    "change",
    [
        {"edited": True, "room": "elsewhere"},
        {"state": MeetingState.CANCELLED, "cancel_reason": "ill"},
        {"state": MeetingState.HELD, "ended_at": BEFORE, "roster_fixed_at": BEFORE},
    ],
    ids=["edited", "cancelled", "held"],
)
def test_meeting_that_somebody_changed_stays_and_is_named(section, change):
    load(calendar(MONDAYS))
    touched = section.meetings.filter(date="2026-10-19")
    touched.update(**change)
    before = touched.values().get()

    without = changed(MONDAYS, EXDATE="EXDATE;TZID=Europe/Berlin:20261019T100000")
    report = load(calendar(without))

    assert touched.values().get() == before
    assert [meeting.pk for meeting in report.kept] == [before["id"]]


def test_past_meeting_and_one_with_a_record_stay(section):
    load(calendar(MONDAYS))
    make_record(meeting=section.meetings.get(date="2026-10-26"), student=students_of(section)[0])
    nothing = changed(MONDAYS, RRULE="RRULE:FREQ=WEEKLY;COUNT=1")
    load(calendar(nothing), at=MIDDLE)
    assert planned(section) == [FOUR[0], FOUR[1], FOUR[3]]


def test_meetings_before_the_first_day_stay(section):
    load(calendar(MONDAYS))
    load(calendar(changed(MONDAYS, STATUS="STATUS:CANCELLED")), first_day=datetime.date(2026, 10, 15))
    assert planned(section) == FOUR[:2]


def test_series_that_another_file_has_is_left_alone(section):
    load(calendar(MONDAYS))
    tuesdays = changed(
        MONDAYS, UID="UID:tuesdays", DTSTART="DTSTART:20261006T080000Z", DTEND="DTEND:20261006T090000Z"
    )
    load(calendar(tuesdays))
    assert section.meetings.count() == 8


def test_series_with_a_problem_is_left_as_it_is(section):
    load(calendar(MONDAYS))
    report = load(calendar(changed(MONDAYS, RRULE="RRULE:FREQ=HOURLY")))
    assert len(report.problems) == 1
    assert planned(section) == FOUR


# --- Classes that are there already -----------------------------------------------------------------------


def test_session_opened_before_there_was_a_timetable_is_the_class(section):
    opened = datetime.datetime(2026, 10, 5, 8, 2, tzinfo=datetime.UTC)
    held = make_meeting(section=section, starts_at=opened, ended_at=opened + datetime.timedelta(minutes=50))

    report = load(calendar(MONDAYS), at=MIDDLE)

    assert planned(section) == ["10-05 10:02 held", *FOUR[1:]]
    held.refresh_from_db()
    assert (held.pattern, str(held.pattern_date)) == (section.patterns.get(), "2026-10-05")
    assert report.unchanged == 1
    assert load(calendar(MONDAYS), at=MIDDLE).is_empty


def test_class_at_the_time_of_another_of_the_section_is_not_added(section):
    pattern = make_pattern(section=section)
    for day in (5, 12):
        starts_at = datetime.datetime(2026, 10, day, 10, tzinfo=BERLIN)
        make_planned(section=section, starts_at=starts_at, pattern=pattern, pattern_date=starts_at.date())

    report = load(calendar(MONDAYS))

    assert planned(section) == FOUR
    assert report.notes == [f"{section}: already has a class at that time, not added: 2"]


def test_new_uids_of_the_same_classes_add_nothing(section):
    load(calendar(MONDAYS))
    report = load(calendar(changed(MONDAYS, UID="UID:of-the-next-export")))
    assert planned(section) == FOUR
    assert not report.meetings.added


# --- Which section ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "summary", ["CS101-A", "cs 101 A – Lecture", "Lecture: CS101 (A)", "CS101A", "CS101 Section A"]
)
def test_section_is_found_in_the_title(section, summary):
    load(calendar(changed(MONDAYS, SUMMARY=f"SUMMARY:{summary}")))
    assert planned(section) == FOUR


@pytest.mark.parametrize("summary", ["CS101", "CS101-B", "CS1010-A", "Lunch", "CS101 AB"])
def test_section_is_not_guessed(section, summary):
    report = load(calendar(changed(MONDAYS, SUMMARY=f"SUMMARY:{summary}")))
    assert [str(problem) for problem in report.problems] == [f"“{summary}”: No section has this name."]
    assert not Meeting.objects.exists()


def test_name_that_may_mean_two_sections_is_a_problem(section, term):
    make_section(course=section.course, name="A 1", term=term)
    report = load(calendar(changed(MONDAYS, SUMMARY="SUMMARY:CS101 A 1")))
    assert [problem.reason for problem in report.problems] == ["This could be any of several sections."]


def test_section_of_the_term_that_has_the_classes_is_meant(section):
    spring = make_term(
        name="Spring 2027", first_day=datetime.date(2027, 3, 1), last_day=datetime.date(2027, 6, 30)
    )
    later = make_section(course=section.course, name="A", term=spring)
    load(calendar(MONDAYS))
    assert (planned(section), planned(later)) == (FOUR, [])


def test_map_settles_what_a_name_means(section):
    content = calendar(
        changed(MONDAYS, SUMMARY="SUMMARY:Programming"),
        changed(MONDAYS, UID="UID:lunch", SUMMARY="SUMMARY:Lunch"),
    )
    report = load(content, by_name={"programming": [section.pk], "lunch": []})
    assert report.problems == []
    assert planned(section) == FOUR
    with pytest.raises(TimetableRefused):
        load(content, by_name={"programming": [section.pk + 1]})


def test_whole_calendar_is_the_timetable_of_one_section(section):
    report = load(calendar(changed(MONDAYS, SUMMARY="SUMMARY:Anything")), section=section)
    assert (planned(section), report.problems) == (FOUR, [])


# --- Tables -----------------------------------------------------------------------------------------------

WEEKLY = (
    "course,section,weekday,start,end,room\nCS101,A,Monday,10:00,11:00,H1\nCS101,A,Wednesday,10:00,11:00,H1\n"
)


def test_weekly_rows_are_weekly_classes_and_meet_on_both_days(section):
    report = load(WEEKLY.encode())
    assert planned(section)[:4] == ["10-05 10:00", "10-07 10:00", "10-12 10:00", "10-14 10:00"]
    assert sorted(section.patterns.values_list("weekday", flat=True)) == [0, 2]
    before = everything()

    again = load(WEEKLY.encode())

    assert everything() == before
    assert again.unchanged == len(report.meetings.added) == 22


def test_changed_row_changes_its_weekly_class_and_missing_one_goes(section):
    load(WEEKLY.encode())
    pattern = section.patterns.get(weekday=0)
    load(b"course,section,weekday,start,end\nCS101,A,Mon,12:00,13:00\n")
    assert section.patterns.get() == pattern
    assert planned(section)[:2] == ["10-05 12:00", "10-12 12:00"]


def test_weekly_class_that_was_entered_or_changed_by_hand_stays(section):
    entered = make_pattern(section=section, weekday=4)
    load(WEEKLY.encode())
    section.patterns.filter(weekday=0).update(room="changed here")
    planning.replan([section.pk], at=BEFORE)
    before = everything()

    assert load(WEEKLY.encode()).patterns.is_empty

    assert everything() == before
    assert section.patterns.filter(pk=entered.pk).exists()


def test_section_with_a_bad_line_is_left_as_it_is(section, term):
    other = make_section(course=section.course, name="B", term=term)
    report = load((WEEKLY + "CS101,A,someday,10:00,11:00,H1\nCS101,B,Monday,10:00,11:00,\n").encode())
    assert [str(problem) for problem in report.problems] == ["line 4: “someday” cannot be read as weekday."]
    assert report.notes == [f"{section}: left as it is, because a line has a problem"]
    assert not section.patterns.exists()
    assert other.meetings.count() == 11


def test_row_without_days_in_a_term_without_dates_is_a_problem():
    section = make_section(course=make_course(code="CS101"), name="A", term=make_term())
    report = load(WEEKLY.encode())
    assert "Give the weekly class a first and a last day." in str(report.problems[0])
    assert not section.patterns.exists()


def test_dated_rows_are_one_series(section):
    rows = "course,section,date,start,end\nCS101,A,2026-10-05,10:00,11:00\nCS101,A,2026-10-05,14:00,15:00\n"
    load(rows.encode())
    assert planned(section) == ["10-05 10:00", "10-05 14:00"]
    load(b"course,section,date,start,end\nCS101,A,2026-10-05,10:00,11:00\n")
    assert planned(section) == ["10-05 10:00"]


def test_table_of_the_institution_plans_only_the_rows_of_the_one_section(section, term):
    make_section(course=section.course, name="B", term=term)
    report = load((WEEKLY + "CS101,B,Monday,10:00,11:00,\n").encode(), section=section)
    assert report.notes == ["Rows for other sections, not imported: 1"]
    assert Meeting.objects.exclude(section=section).count() == 0
    assert section.meetings.count() == 22


def test_untis_lessons_are_weekly_classes(section):
    periods = b"period,start,end\n1,10:00,10:45\n2,10:50,11:35\n"
    load(b'7,"A","Gauss","CS101","R1",1,1\n7,"A","Gauss","CS101","R1",1,2\n', periods=periods)
    meeting = section.meetings.earliest("starts_at")
    assert (local(meeting.starts_at), local(meeting.ends_at), meeting.room) == (
        "10-05 10:00",
        "10-05 11:35",
        "R1",
    )


# --- Limits -----------------------------------------------------------------------------------------------


def test_too_many_meetings_of_a_section_are_refused_and_nothing_is_written(section):
    events = [changed(MONDAYS, UID=f"UID:{n}", RRULE="RRULE:FREQ=DAILY;COUNT=300") for n in range(4)]
    before = everything()
    with pytest.raises(TimetableRefused) as refused:
        load(calendar(*events))
    assert "more than 1000 classes" in str(refused.value.detail)
    assert everything() == before


def test_import_takes_as_many_queries_for_many_sections_as_for_one(term, django_assert_max_num_queries):
    sections = [make_section(course=make_course(code=f"MA{n}"), name="A", term=term) for n in range(300, 306)]

    def events(numbers: range) -> bytes:
        return calendar(*(changed(MONDAYS, UID=f"UID:{n}", SUMMARY=f"SUMMARY:MA{n}-A") for n in numbers))

    with django_assert_max_num_queries(30) as one:
        load(events(range(300, 301)))
    with django_assert_max_num_queries(30) as five:
        load(events(range(301, 306)))
    assert len(five) == len(one)
    assert all(planned(section) == FOUR for section in sections)
