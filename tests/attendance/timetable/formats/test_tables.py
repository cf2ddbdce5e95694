"""Timetables as tables: plain CSV, Untis's GPU001, and the map of names."""

import datetime
from zoneinfo import ZoneInfo

import pytest

from attendance.timetable.formats.entries import TimetableFile, TimetableRefused
from attendance.timetable.formats.plain_csv import read_csv
from attendance.timetable.formats.reading import read_map, read_timetable
from attendance.timetable.formats.untis import read_periods, read_untis
from attendance.timetable.occurrences import WeeklyClass

BERLIN = ZoneInfo("Europe/Berlin")
HEADER = "course,section,date,weekday,start,end,room,first_day,last_day,every_weeks\n"
TEN, ELEVEN = datetime.time(10), datetime.time(11)


def read(text: str, *, names_sections: bool = True, encoding: str = "utf-8") -> TimetableFile:
    return read_csv(text.encode(encoding), zone=BERLIN, names_sections=names_sections)


def weekly(file: TimetableFile) -> list[WeeklyClass]:
    return [row.weekly for row in file.weekly]


def test_weekly_classes_by_name_and_number_of_their_day():
    file = read(
        HEADER + "CS101,A,,Monday,10:00,11:00,H1,,,\nCS101,A,,3,9:30 am,11:00,,2026-10-05,2026-12-18,2\n"
    )
    assert file.problems == []
    assert weekly(file) == [
        WeeklyClass(0, TEN, ELEVEN, "H1"),
        WeeklyClass(
            2, datetime.time(9, 30), ELEVEN, "", datetime.date(2026, 10, 5), datetime.date(2026, 12, 18), 2
        ),
    ]
    assert {row.names.label for row in file.weekly} == {"CS101 A"}


def test_dates_of_a_section_are_one_series_on_both_sides_of_the_clock_change():
    file = read(HEADER + "CS101,A,2026-10-26,,10:00,11:00,H1,,,\nCS101,A,2026-10-19,,10:00,11:00,H1,,,\n")
    (series,) = file.series
    found = series.between(datetime.date(2026, 1, 1), datetime.date(2026, 12, 31))
    assert [(str(one.date), one.starts_at.hour) for one in found] == [("2026-10-19", 8), ("2026-10-26", 9)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_table_of_any_spreadsheet_program(encoding, separator):
    text = "Course code,Class,Day,Start time,End time,Location\nCS101,A,Fri,10:00,11:00,Hörsaal\n"
    file = read(text.replace(",", separator), encoding=encoding)
    assert weekly(file) == [WeeklyClass(4, TEN, ELEVEN, "Hörsaal")]


def test_every_bad_line_is_a_problem_with_its_number():
    file = read(
        HEADER
        + "CS101,A,03/04/2026,,10:00,11:00,,,,\n"
        + "CS101,A,,someday,10:00,11:00,,,,\n"
        + "CS101,A,,Monday,ten,11:00,,,,\n"
        + "CS101,A,,Monday,11:00,10:00,,,,\n"
        + "CS101,A,,,10:00,11:00,,,,\n"
        + ",A,,Monday,10:00,11:00,,,,\n"
        + "CS101,A,,Monday,10:00,,,,,\n"
        + "CS101,A,,T,10:00,11:00,,,,\n"
        + "CS101,A,9999-12-31,,10:00,11:00,,,,\n"
    )
    assert [str(problem) for problem in file.problems] == [
        "line 2: “03/04/2026” cannot be read as date.",
        "line 3: “someday” cannot be read as weekday.",
        "line 4: “ten” cannot be read as start.",
        "line 5: A class cannot end before it begins.",
        "line 6: Give either a date or a weekday.",
        "line 7: The course or the section is missing.",
        "line 8: The cell “end” is empty.",
        "line 9: “T” cannot be read as weekday.",
        "line 10: “9999-12-31” cannot be read as date.",
    ]
    assert (file.weekly, file.series) == ([], [])


def test_table_without_a_needed_column_is_refused():
    with pytest.raises(TimetableRefused) as refused:
        read("course,weekday,start,end\nCS101,Monday,10:00,11:00\n")
    assert str(refused.value.detail) == (
        "The column “section” is missing. The first line has: “course”, “weekday”, “start”, “end”"
    )


def test_table_of_one_section_needs_no_names():
    file = read("weekday,start,end\nMonday,10:00,11:00\n", names_sections=False)
    assert weekly(file) == [WeeklyClass(0, TEN, ELEVEN)]


@pytest.mark.parametrize("content", [b"", b" \r\n", b"PK\x03\x04\0\0\0\0", b"x" * 5_000_001])
def test_what_is_no_timetable_is_refused(content):
    with pytest.raises(TimetableRefused):
        read_timetable(content, zone=BERLIN, names_sections=True)


# --- Untis ------------------------------------------------------------------------------------------------

PERIODS = b"period,start,end\n1,08:00,08:45\n2,08:50,09:35\n3,09:50,10:35\n"


def test_periods_that_follow_each_other_are_one_class():
    content = (
        '12,"1A","Gauss","MA","R1",1,1,,\n'
        '12,"1A","Gauss","MA","R1",1,2,,\n'
        # A second teacher, and another class of the day.
        '12,"1A","Noether","MA","R2",1,2,,\n'
        '13,"1A","Gauss","MA","R1",3,3,,\n'
    ).encode("cp1252")
    file = read_untis(content, periods=read_periods(PERIODS))
    assert file.problems == []
    assert weekly(file) == [
        WeeklyClass(0, datetime.time(8), datetime.time(9, 35), "R1"),
        WeeklyClass(2, datetime.time(9, 50), datetime.time(10, 35), "R1"),
    ]
    assert file.weekly[0].names.label == "MA 1A"


def test_period_without_times_is_a_problem():
    file = read_untis(
        b'12;"1A";"Gauss";"MA";"R1";1;9\n12;"1A";"G";"MA";"R1";8;1\n', periods=read_periods(PERIODS)
    )
    assert [str(problem) for problem in file.problems] == [
        "line 1: The file of periods has no period 9.",
        "line 2: The sixth cell must be a weekday from 1 to 7, and the seventh a period.",
    ]
    assert file.weekly == []


def test_periods_must_have_times():
    with pytest.raises(TimetableRefused):
        read_periods(b"period,start,end\n1,08:45,08:00\n")


# --- The map ----------------------------------------------------------------------------------------------


def test_map_names_several_sections_or_none():
    assert read_map(b"summary,section\nJoint Seminar,17\njoint  seminar,18\nLunch,\n") == {
        "joint seminar": [17, 18],
        "lunch": [],
    }


def test_map_with_something_else_than_an_id_is_refused():
    with pytest.raises(TimetableRefused):
        read_map(b"summary,section\nLunch,A\n")
