"""Importing the good rows of a roster, and getting the others as a file."""

import csv
import datetime
import io

import pytest
import time_machine
from django.core.management import CommandError, call_command

from attendance.models import Student
from attendance.rosters import RosterRefused
from tests.support.rosters import HEADER, TODAY, all_rows, enrolments, load, write, write_layout

pytestmark = pytest.mark.django_db

ANN = "CS101,A,1001,07,Ann,ann@example.edu"
BOB = "CS101,A,1002,08,Bob,bob@example.edu"


def bad_rows(report):
    return list(csv.reader(io.StringIO(report.bad_rows.as_csv().removeprefix("\ufeff"))))


def export_with_a_bad_user(tmp_path):
    return write_layout(
        tmp_path / "export",
        users="sourcedId,username,givenName,familyName,email\nu1,,Ann,Lee,ann\nu2,bob,Bob,Ray,bob@x.edu\n",
        classes="sourcedId,title\nc1,Algebra\n",
        enrollments="classSourcedId,userSourcedId,role\nc1,u1,student\nc1,u2,student\nc1,u2,studnt\n",
    )


def test_good_rows_are_imported_and_bad_ones_returned_as_they_were(tmp_path):
    report = load(
        write(
            tmp_path, ANN, "CS101,A,,09,Eve,=1", "CS101,A,1004,07,Joe,at home", 'CS101,A,1005,"1"0,Kim,', BOB
        ),
        skip_bad_rows=True,
    )

    assert enrolments() == [("A", "1001", "07", TODAY, None), ("A", "1002", "08", TODAY, None)]
    assert bad_rows(report) == [
        [*HEADER.split(","), "problem"],
        ["CS101", "A", "", "09", "Eve", "'=1", "student_id: The cell is empty."],
        [
            "CS101", "A", "1004", "07", "Joe", "at home",
            "roll_number: The roll number 07 in CS101 · A is also given to Ann (1001) in line 2.",
        ],
        [
            "", "", "", "", "", "",
            "A quotation mark is in the wrong place or is never closed. Inside quoted text, write it twice.",
        ],
    ]  # fmt: skip


def test_corrected_bad_rows_can_be_imported(tmp_path):
    report = load(write(tmp_path, ANN, "CS101,A,,08,Bob,'0012"), skip_bad_rows=True)
    text = report.bad_rows.as_csv()

    again = load(io.BytesIO(text.encode()), skip_bad_rows=True)
    assert bad_rows(again) == bad_rows(report)
    load(io.BytesIO(text.replace("CS101,A,,", "CS101,A,1002,").replace("'0012", "").encode()))

    assert [row[:3] for row in enrolments()] == [("A", "1001", "07"), ("A", "1002", "08")]


def test_conflict_with_a_student_whose_row_is_bad_is_left_out_as_well(tmp_path):
    load(write(tmp_path, ANN))

    report = load(
        write(tmp_path, "CS101,A,1001,,,", "CS101,A,1002,07,Bob,", "CS101,A,1003,1,Eve,"), skip_bad_rows=True
    )

    assert [row[1:3] for row in enrolments()] == [("1001", "07"), ("1003", "1")]
    assert [row[2] for row in bad_rows(report)[1:]] == ["1001", "1002"]


def test_rows_that_refer_to_a_bad_row_are_left_out_as_well(tmp_path):
    folder = export_with_a_bad_user(tmp_path)

    report = load(folder, skip_bad_rows=True)

    assert list(Student.objects.values_list("student_id", flat=True)) == ["u2"]
    assert bad_rows(report) == [
        ["file", "line", "problem", "row"],
        ["enrollments.csv", "2", "userSourcedId: There is no user u1 in users.csv.", "c1", "u1", "student"],
        [
            "enrollments.csv", "4", "role: “studnt” is not a known role, such as student or teacher.",
            "c1", "u2", "studnt",
        ],
        ["users.csv", "2", "email: “ann” is not an e-mail address.", "u1", "", "Ann", "Lee", "ann"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    ["course,section,Rol Nr,student_id,name\nCS101,A,1,2,Ann\n", 'course,section,id,name\n"' + "x" * 200_000],
)
def test_problem_of_the_whole_file_refuses_everything(content):
    before = all_rows()

    with pytest.raises(RosterRefused):
        load(io.BytesIO(content.encode()), skip_bad_rows=True)

    assert all_rows() == before


def test_file_in_which_row_after_row_turns_out_bad_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("attendance.rosters.importing.MAX_PASSES", 2)
    before = all_rows()

    with pytest.raises(RosterRefused):
        load(export_with_a_bad_user(tmp_path), skip_bad_rows=True)

    assert all_rows() == before


def test_missing_students_cannot_be_ended_in_an_import_of_the_good_rows(tmp_path):
    with pytest.raises(ValueError, match="not missing"):
        load(write(tmp_path, ANN), skip_bad_rows=True, end_missing=True)


# --- The command ------------------------------------------------------------------------------------------


def run(*arguments):
    out = io.StringIO()
    call_command("import_roster", *map(str, arguments), stdout=out)
    return out.getvalue().splitlines()


@time_machine.travel(datetime.datetime(2026, 10, 5, 10, tzinfo=datetime.UTC), tick=False)
def test_command_writes_the_bad_rows_to_a_new_file(tmp_path):
    target = tmp_path / "bad.csv"

    lines = run(write(tmp_path, ANN, "CS101,A,,08,Bob,"), "--bad-rows", target)

    assert lines[-1] == f"Rows not imported: 1. They are in {target}, with their problems."
    assert target.read_text(encoding="utf-8-sig").splitlines() == [
        f"{HEADER},problem",
        "CS101,A,,08,Bob,,student_id: The cell is empty.",
    ]
    assert [row[1] for row in enrolments()] == ["1001"]


def test_command_leaves_no_file_if_every_row_is_good_or_all_is_refused(tmp_path):
    target = tmp_path / "bad.csv"

    run(write(tmp_path, ANN), "--bad-rows", target)
    assert not target.exists()
    with pytest.raises(CommandError):
        run(write(tmp_path, "CS101", header="course"), "--bad-rows", target)
    assert not target.exists()


def test_command_never_overwrites_a_file(tmp_path):
    roster = write(tmp_path, ANN)

    with pytest.raises(CommandError, match="cannot be created"):
        run(roster, "--bad-rows", roster)

    assert roster.read_text() == f"{HEADER}\n{ANN}\n"
    assert not Student.objects.exists()
