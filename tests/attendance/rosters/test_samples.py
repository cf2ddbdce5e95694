"""Rosters as people really have them: names, ids, statuses and teachers as registrars and spreadsheet programs write them."""

import datetime

import pytest

from attendance.models import Section, Student, User
from attendance.rosters.report import Action, Kind
from tests.support.factories import make_student, make_user
from tests.support.rosters import SAMPLES, TODAY, all_rows, enrolments, load, problems, write

pytestmark = pytest.mark.django_db

LATER = datetime.date(2026, 10, 12)
WITH_STATUS = "course,section,student_id,roll_number,name,status"


def students():
    return list(Student.objects.order_by("student_id").values_list("student_id", "name"))


def test_preferred_first_names_and_last_names_make_whole_names():
    report = load(SAMPLES / "preferred-first-name.csv")

    assert students() == [("mquist", "Mara Quist"), ("tibarra", "Tomas Ibarra")]
    assert report.notes == ["preferred-first-name.csv: columns not read: “Lecture”, “MI”, “Units”"]


def test_invisible_characters_in_ids_make_no_second_students():
    load(SAMPLES / "nbsp-id.csv")
    before = all_rows()

    report = load(SAMPLES / "nbsp-id-clean.csv")

    assert students() == [("50001", "Mara Quist"), ("50002", "Tomas Ibarra"), ("50003", "Ama Osei")]
    assert all_rows() == before
    assert report.lines == []


def test_ids_that_a_spreadsheet_shortened_are_refused():
    assert [problem[:3] for problem in problems(SAMPLES / "excel-mangled-ids.csv")] == [
        ("excel-mangled-ids.csv", 2, "student_id"),
        ("excel-mangled-ids.csv", 3, "student_id"),
    ]


def test_apostrophe_that_keeps_leading_zeros_is_not_read():
    load(SAMPLES / "apostrophe-ids.csv")

    assert students() == [("0012345", "Mara Quist"), ("0012346", "Tomas Ibarra")]


def test_inactive_enrolment_of_an_export_is_not_imported():
    report = load(SAMPLES / "oneroster-status-inactive")

    assert students() == [("70001", "Mara Quist")]
    assert "enrollments.csv: deleted or inactive, ignored: 1" in report.notes


# --- Ids without their leading zeros ----------------------------------------------------------------------


def test_known_student_whose_id_lost_its_zeros_is_refused_until_confirmed(tmp_path):
    make_student(student_id="0012345", name="Mara Quist")
    roster = write(tmp_path, "CS101,A,12345,07,MARA QUIST,", "CS101,A,12346,08,Tomas Ibarra,")

    assert problems(roster) == [
        (
            "roster.csv",
            2,
            "student_id",
            "Mara Quist (0012345) exists already. Spreadsheet programs drop leading zeros: write the id as 0012345. "
            "If this is somebody else, confirm it (--new-student 12345).",
        )
    ]
    load(roster, new_students=["12345"])
    assert [student_id for student_id, _name in students()] == ["0012345", "12345", "12346"]


def test_zeros_added_to_a_known_id_are_refused_as_well(tmp_path):
    make_student(student_id="12345", name="Mara Quist")

    ((_file, line, column, _reason),) = problems(write(tmp_path, "CS101,A,0012345,07,Mara Quist,"))
    assert (line, column) == (2, "student_id")


def test_another_name_with_the_same_digits_is_somebody_else(tmp_path):
    make_student(student_id="0012345", name="Mara Quist")

    load(write(tmp_path, "CS101,A,12345,07,Tomas Ibarra,"))

    assert len(students()) == 2


# --- Statuses ---------------------------------------------------------------------------------------------


def test_dropped_and_waiting_students_are_not_enrolled():
    report = load(SAMPLES / "dropped-and-waitlisted.csv")

    assert students() == [("30001", "Mara Quist")]
    assert enrolments() == [("A", "30001", "30001", TODAY, None)]
    assert report.notes == [
        "dropped-and-waitlisted.csv: students not enrolled because of “Dropped”: 1",
        "dropped-and-waitlisted.csv: students not enrolled because of “Waiting”: 1",
    ]


def test_enrolled_student_who_drops_is_enrolled_until_the_import(tmp_path):
    load(write(tmp_path, "CS101,A,1001,07,Ann,Enrolled", "CS101,A,1002,08,Bob,", header=WITH_STATUS))
    roster = write(
        tmp_path, "CS101,A,1001,07,Ann,WITHDRAWN", "CS101,A,1002,08,Bob,active", header=WITH_STATUS
    )

    load(roster, on=LATER)
    before = all_rows()
    again = load(roster, on=datetime.date(2026, 11, 2))

    assert all_rows() == before
    assert again.lines == []
    assert enrolments() == [("A", "1001", "07", TODAY, LATER), ("A", "1002", "08", TODAY, None)]


def test_student_with_a_dropped_and_an_enrolled_row_is_enrolled(tmp_path):
    load(write(tmp_path, "CS101,A,1001,07,Ann,Dropped", "CS101,A,1001,07,Ann,Enrolled", header=WITH_STATUS))

    assert enrolments() == [("A", "1001", "07", TODAY, None)]


def test_unknown_status_is_a_problem(tmp_path):
    assert problems(write(tmp_path, "CS101,A,1001,07,Ann,Audit", header=WITH_STATUS)) == [
        ("roster.csv", 2, "status", "“Audit” is not a known status, such as Enrolled, Dropped or Waiting.")
    ]


def test_date_of_dropping_alone_means_dropped(tmp_path):
    header = "course,section,student_id,name,Dropped On"
    report = load(write(tmp_path, "CS101,A,1001,Ann,10/02/2026", "CS101,A,1002,Bob,", header=header))

    assert students() == [("1002", "Bob")]
    assert report.notes[0] == "roster.csv: students not enrolled because of “Dropped On”: 1"


# --- Names of teachers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        ("Kim Fein <kim@example.edu>,", {"kim@example.edu": "Kim Fein"}),
        ('"Fein, Kim <kim@example.edu>",', {"kim@example.edu": "Kim Fein"}),
        (
            '"Kim Fein <kim@example.edu>, Bo Li <bo@example.edu>; tutor",',
            {"kim@example.edu": "Kim Fein", "bo@example.edu": "Bo Li", "tutor": ""},
        ),
        ('"kim@example.edu, tutor",', {"kim@example.edu": "", "tutor": ""}),
        (
            "kim@example.edu;tutor,Kim Fein;Bo Li",
            {"kim@example.edu": "Kim Fein", "tutor": "Bo Li"},
        ),
    ],
)
def test_names_of_teachers_are_written(tmp_path, cells, names):
    header = "course,section,student_id,name,teacher,teacher name"

    load(write(tmp_path, f"CS101,A,1001,Ann,{cells}", header=header))

    teachers = User.objects.filter(is_teacher=True)
    assert {teacher.username: teacher.get_full_name() for teacher in teachers} == names
    assert set(Section.objects.get().teachers.all()) == set(teachers)


def test_known_teacher_without_a_name_gets_one_and_a_name_is_not_doubled(tmp_path):
    kim = make_user(username="kim", email="kim@example.edu", first_name="")
    bo = make_user(username="bo", email="bo@example.edu", first_name="Bo", last_name="Li")
    row = 'CS101,A,1001,Ann,"Kim Fein <kim@example.edu>; Bo Li <bo@example.edu>"'

    report = load(write(tmp_path, row, header="course,section,student_id,name,teacher"))

    kim.refresh_from_db()
    bo.refresh_from_db()
    assert (kim.get_full_name(), bo.first_name, bo.last_name) == ("Kim Fein", "Bo", "Li")
    assert report.counts[Kind.TEACHER, Action.CHANGED] == 2


def test_teacher_who_studies_gets_the_name_of_the_student():
    load(SAMPLES / "ta.csv")

    assert User.objects.get(email="iris@example.edu").get_full_name() == "Iris Kwan"


def test_teachers_that_cannot_be_told_apart_are_a_problem(tmp_path):
    row = 'CS101,A,1001,Ann,"kim@example.edu, Bo Li <bo@example.edu>"'

    ((_file, line, column, reason),) = problems(
        write(tmp_path, row, header="course,section,student_id,name,teacher")
    )
    assert (line, column) == (2, "teacher")
    assert reason.endswith("Separate several teachers with “;”.")


def test_wrong_number_of_teachers_names_is_a_problem(tmp_path):
    header = "course,section,student_id,name,teacher,teacher name"

    assert problems(write(tmp_path, "CS101,A,1001,Ann,kim@example.edu,Kim Fein; Bo Li", header=header)) == [
        ("roster.csv", 2, "teacher name", "The row has 2 names for 1 teachers. Separate several with “;”.")
    ]
