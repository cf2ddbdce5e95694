"""Registers as CSV, Excel, JSON and marks files, read back with other programs and compared cell by cell."""

import csv
import dataclasses
import datetime
import io
import json

import openpyxl
import pytest

from attendance.exports.registers.csv import BOM, csv_parts
from attendance.exports.registers.json import json_parts
from attendance.exports.registers.marks import canvas_parts, moodle_parts
from attendance.exports.registers.table import Column
from attendance.exports.registers.xlsx import xlsx_bytes
from attendance.registers.dates import DateRange
from attendance.registers.term_register import term_register
from tests.support import factories
from tests.support.registers.terms import FIRST, TODAY, hold

pytestmark = pytest.mark.django_db

MEETINGS = [
    "2026-09-07 10:00",
    "2026-09-14 10:00",
    "2026-09-14 10:00 #2",
    "2026-09-21 10:00 (cancelled)",
    "2026-10-07 10:00 (planned)",
]
DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "|cmd", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠1", "｜1"]  # noqa: RUF001


def joined(parts) -> bytes:
    return b"".join(parts)


def csv_rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def sheet_of(content: bytes, number: int = 0):
    return openpyxl.load_workbook(io.BytesIO(content)).worksheets[number]


def values_of(sheet) -> list[list[object]]:
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def test_csv_has_a_row_for_each_student_and_a_column_for_each_meeting(register, options):
    options = dataclasses.replace(options, with_bom=False)

    rows = csv_rows(joined(csv_parts(register, options)))

    about = ["CS101", "A", "Autumn 2026"]
    assert rows == [
        [*Column.values[:-1], *MEETINGS],
        [*about, "S1", "01", "Asha Rao", "2", "2", "100", "ok", "P", "E:medical", "P", "P", "-"],
        [*about, "S2", "02", "Ben Miller", "1", "2", "50", "below", "A", "V", "-", "P", "-"],
        [*about, "S10", "10", "王小明", "1", "2", "50", "below", "", "P", "A", "P", "-"],
    ]


@pytest.mark.parametrize("with_bom", [True, False])
def test_csv_begins_with_a_byte_order_mark_only_if_it_is_wanted(register, options, with_bom):
    content = joined(csv_parts(register, dataclasses.replace(options, with_bom=with_bom)))

    assert content.decode().startswith(BOM + "course" if with_bom else "course")
    assert content.count(BOM.encode()) == int(with_bom)


def test_csv_has_the_columns_that_were_chosen(register, options):
    columns = [Column.NAME, Column.PERCENTAGE]
    content = joined(csv_parts(register, dataclasses.replace(options, columns=columns, with_bom=False)))

    assert csv_rows(content) == [
        ["name", "percentage"],
        ["Asha Rao", "100"],
        ["Ben Miller", "50"],
        ["王小明", "50"],
    ]


def test_range_of_days_limits_columns_and_numbers(section, options):
    dates = DateRange(FIRST + datetime.timedelta(days=1), FIRST + datetime.timedelta(days=8))
    columns = [Column.STUDENT_ID, Column.HELD, Column.MEETINGS]
    options = dataclasses.replace(options, columns=columns, with_bom=False)

    rows = csv_rows(joined(csv_parts(term_register(section, today=TODAY, dates=dates), options)))

    assert rows == [
        ["student_id", "held", *MEETINGS[1:3]],
        ["S1", "1", "E:medical", "P"],
        ["S2", "1", "V", "-"],
        ["S10", "2", "P", "A"],
    ]


def test_workbook_has_numbers_dates_and_texts_of_their_own_types(register, options):
    content = xlsx_bytes(register, options)

    sheet = sheet_of(content)
    heads = ["Student id", "Roll number", "Name", "Attended", "Held", "Percentage", "Standing"]
    about = ["CS101", "A", "Autumn 2026"]
    at = [datetime.datetime(2026, 9, day, 10) for day in (7, 14, 14, 21)] + [  # noqa: DTZ001 - as Excel has it
        datetime.datetime(2026, 10, 7, 10)  # noqa: DTZ001
    ]
    assert values_of(sheet) == [
        [None] * 10 + at,
        [*heads, "Course", "Section", "Term", "held", "held", "held", "cancelled", "planned"],
        ["S1", "01", "Asha Rao", 2, 2, 100, "On track", *about, "P", "E:medical", "P", "P", "-"],
        ["S2", "02", "Ben Miller", 1, 2, 50, "Below the minimum", *about, "A", "V", "-", "P", "-"],
        ["S10", "10", "王小明", 1, 2, 50, "Below the minimum", *about, None, "P", "A", "P", "-"],
    ]
    assert sheet.freeze_panes == "D3"
    assert sheet.auto_filter.ref == "A2:O5"


def test_workbook_says_what_its_numbers_mean(register, options, settings):
    settings.INSTITUTION_NAME, settings.PUBLIC_URL = "Example University", "https://attend.example.edu"

    about = sheet_of(xlsx_bytes(register, dataclasses.replace(options, code="7GK2-QM9X")), 1)

    assert values_of(about) == [
        ["Institution", "Example University"],
        ["Register", "CS101 Computing · A · Autumn 2026"],
        ["Days", "As of 1 October 2026"],
        ["Rule", "Required: 75%. Excused classes do not count."],
        ["P", "present"],
        ["L", "late"],
        ["E", "excused"],
        ["A", "absent"],
        ["V", "left early"],
        ["E:medical", "Medical certificate"],
        ["-", "no status"],
        ["empty", "not on the roster then"],
        ["Code", "7GK2-QM9X"],
        ["Verify at", "https://attend.example.edu/verify/?code=7GK2-QM9X"],
    ]


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_text_is_run_as_a_formula(options, text):
    """In no format, and in none of the fields that people type."""
    course = factories.make_course(code=text, title=text)
    student = factories.make_student(student_id=text, name=text)
    section = factories.make_section(course=course, name=text, term=text, students=[student])
    section.enrolments.update(roll_number=text)
    hold(section, 0, {student: "present"})
    register = term_register(section, today=TODAY)

    tables = [
        joined(parts)
        for parts in (csv_parts(register, options), moodle_parts(register), canvas_parts(register))
    ]
    workbook = sheet_of(xlsx_bytes(register, options))

    for content in tables:
        # The first row that is about a student.
        cells = csv_rows(content)[-1]
        assert f"'{text}" in cells
        assert not [cell for cell in cells if cell.startswith(text[0])]
    texts = [cell for row in workbook.iter_rows() for cell in row if isinstance(cell.value, str)]
    assert {cell.data_type for cell in texts} == {"s"}
    # Line breaks are as XML has them.
    shown = text.replace("\r", "_x000D_")
    assert sum(cell.value in (text, shown) for cell in texts) == 6


def test_json_is_as_the_api_documents_it(register, options):
    found = json.loads(joined(json_parts(register, options, section_id=7)))

    ids = [meeting.public_id for meeting in register.meetings]
    assert found | {"students": [], "meetings": []} == {
        "section": 7,
        "course": "CS101",
        "name": "A",
        "term": "Autumn 2026",
        "from": None,
        "to": None,
        "rule": {
            "minimum_percentage": 75,
            "warn_below": 0,
            "late_counts": 100,
            "lates_per_absence": 0,
            "excused": "neutral",
            "drop_lowest": 0,
            "forecast_counts_planned": False,
            "words": ["Required: 75%.", "Excused classes do not count."],
        },
        "meetings": [],
        "students": [],
    }
    assert [(one["id"], one["starts_at"], one["state"]) for one in found["meetings"]] == [
        (ids[0], "2026-09-07T10:00:00Z", "held"),
        (ids[1], "2026-09-14T10:00:00Z", "held"),
        (ids[2], "2026-09-14T10:00:00Z", "held"),
        (ids[3], "2026-09-21T10:00:00Z", "cancelled"),
        (ids[4], "2026-10-07T10:00:00Z", "planned"),
    ]
    asha, ben, chen = found["students"]
    assert ben | {"cells": []} == {
        "student_id": "S2",
        "roll_number": "02",
        "name": "Ben Miller",
        "attended": 1.0,
        "held": 2,
        "percentage": 50.0,
        "standing": "below",
        "may_miss": 0,
        "must_attend": 2,
        "cells": [],
    }
    assert asha["cells"][1] == {
        "meeting": ids[1],
        "status": "excused",
        "label": None,
        "excused_reason": "medical",
    }
    assert ben["cells"][1]["label"] == "left early"
    assert [cell and cell["status"] for cell in chen["cells"]] == [None, "present", "absent", "present", None]
    assert chen["cells"][0] is None


def test_json_file_has_no_ids_of_the_database_and_carries_the_code(register, options):
    columns = [Column.NAME, Column.STANDING]
    options = dataclasses.replace(options, columns=columns, code="7GK2-QM9X")

    found = json.loads(joined(json_parts(register, options)))

    assert "section" not in found
    assert found["code"] == "7GK2-QM9X"
    assert found["meetings"] == []
    assert found["students"][0] == {"name": "Asha Rao", "standing": "ok", "may_miss": 0, "must_attend": 0}


def test_marks_files_have_one_grade_that_moodle_and_canvas_find(register):
    assert csv_rows(joined(moodle_parts(register))) == [
        ["ID number", "Name", "Attendance CS101 A"],
        ["S1", "Asha Rao", "100"],
        ["S2", "Ben Miller", "50"],
        ["S10", "王小明", "50"],
    ]
    assert csv_rows(joined(canvas_parts(register))) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Attendance CS101 A"],
        ["    Points Possible", "", "", "", "", "100"],
        ["Asha Rao", "", "S1", "", "A", "100"],
        ["Ben Miller", "", "S2", "", "A", "50"],
        ["王小明", "", "S10", "", "A", "50"],
    ]


def test_mark_is_empty_while_nothing_was_held(options):
    section = factories.make_section(students=1)
    register = term_register(section, today=TODAY)

    assert csv_rows(joined(moodle_parts(register)))[1][2] == ""
    assert json.loads(joined(json_parts(register, options)))["students"][0]["percentage"] is None
    assert sheet_of(xlsx_bytes(register, options))["F3"].value is None


def test_parts_of_classes_are_decimal_numbers(options):
    section = factories.make_section(students=1)
    (student,) = factories.students_of(section)
    factories.make_rule(section=section, minimum_percentage=81, late_counts=80)
    for day in range(3):
        hold(section, day, {student: "late"})
    columns = [Column.ATTENDED, Column.HELD, Column.PERCENTAGE, Column.STANDING]
    options = dataclasses.replace(options, columns=columns, with_bom=False)
    register = term_register(section, today=TODAY)

    assert csv_rows(joined(csv_parts(register, options)))[1] == ["2.4", "3", "80", "below"]
    assert values_of(sheet_of(xlsx_bytes(register, options)))[2] == [2.4, 3, 80, "Below the minimum"]


def test_open_meeting_is_named_as_open(section, options):
    factories.make_meeting(section=section, starts_at=datetime.datetime(2026, 9, 30, 9, tzinfo=datetime.UTC))
    columns = [Column.NAME, Column.MEETINGS]
    options = dataclasses.replace(options, columns=columns, with_bom=False)

    heads = csv_rows(joined(csv_parts(term_register(section, today=TODAY), options)))[0]

    assert "2026-09-30 09:00 (open)" in heads
