"""Exports of learning platforms and of whole schools as rosters, and files that are no rosters."""

import shutil
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from attendance.models import Course, Section, Student, User
from attendance.rosters import Given
from tests.support.factories import make_student
from tests.support.rosters import (
    SAMPLES,
    TODAY,
    all_rows,
    enrolments,
    load,
    problems,
    write,
    write_layout,
    zipped,
)

pytestmark = pytest.mark.django_db

EXPORTS = SAMPLES / "exports"
BIO110 = Given(course="BIO110", section="A")
CANVAS_HEADER = "Student,ID,SIS User ID,SIS Login ID,Section,Quiz 1 (9001)"


def people():
    return list(Student.objects.order_by("pk").values_list("student_id", "name", "email"))


def sections():
    return sorted(map(str, Section.objects.select_related("course")))


def import_twice(source, **options):
    """Import, check that a second import changes nothing, and return the first report."""
    report = load(source, **options)
    before = all_rows()
    assert load(source, **options).lines == []
    assert all_rows() == before
    return report


# --- Canvas -----------------------------------------------------------------------------------------------


def test_canvas_gradebook_is_imported_with_the_course_and_section_given():
    report = import_twice(SAMPLES / "canvas-gradebook.csv", given=Given("BIO110", "A", "Fall 2026"))

    assert people() == [("20261001", "Tomas Ibarra", ""), ("20261002", "Mara Quist", "")]
    assert sections() == ["BIO110 · A · Fall 2026"]
    assert report.notes[:4] == [
        "canvas-gradebook.csv: other columns, not read: 2",
        "canvas-gradebook.csv: the column “Section” was not read, because a section was given",
        "canvas-gradebook.csv: rows of points, left out: 2",
        "canvas-gradebook.csv: test students, left out: 1",
    ]


def test_canvas_gradebook_without_a_course_is_named():
    assert problems(SAMPLES / "canvas-gradebook.csv") == [
        (
            "canvas-gradebook.csv",
            None,
            "",
            "This is a gradebook from Canvas. It does not say which class it is for. Add --course CODE.",
        )
    ]


def test_sections_of_canvas_are_used_where_each_student_has_one(tmp_path):
    rows = ['"Ibarra, Tomas",4711,1,tibarra@example.edu,BIO110-A,8', '"Quist, Mara",4712,2,mquist,BIO110-B,9']

    import_twice(write(tmp_path, *rows, header=CANVAS_HEADER), given=Given(course="BIO110"))

    assert [row[:2] for row in enrolments()] == [("BIO110-A", "1"), ("BIO110-B", "2")]
    assert people()[0] == ("1", "Tomas Ibarra", "tibarra@example.edu")


def test_several_sections_in_one_cell_of_canvas_are_a_problem():
    assert problems(SAMPLES / "canvas-gradebook.csv", given=Given(course="BIO110")) == [
        (
            "canvas-gradebook.csv",
            5,
            "Section",
            "“BIO110-A and BIO110-Lab1” names several sections. Say which is meant: --section NAME.",
        )
    ]


def test_rules_for_ids_hold_for_canvas(tmp_path):
    make_student(student_id="0060003", name="Ama Osei")
    rows = [
        "Mara Quist,4712,'0060001,,A,",
        "Tomas Ibarra,4713,\u200b0060002\u00a0,,A,",
        "Ama Osei,4714,60003,,A,",
        "Lena Voss,4715,1.23E+11,,A,",
        "Noor Haddad,4716,0060001,,A,",
        "Ravi Nair,4717,,,A,",
        "Nobody,,,,A,",
    ]

    found = problems(write(tmp_path, *rows, header=CANVAS_HEADER), given=BIO110)

    assert [(line, column) for _file, line, column, _reason in found] == [
        (4, "SIS User ID"),
        (5, "SIS User ID"),
        (6, "Student"),
        (6, "SIS User ID"),
        (8, "SIS User ID"),
    ]
    assert found[2][3] == "The student 0060001 is called “Mara Quist” in line 2."
    assert "exists already" in found[0][3]

    load(write(tmp_path, *rows[:2], rows[5], header=CANVAS_HEADER), given=BIO110)
    assert [student_id for student_id, _name, _email in people()] == ["0060003", "0060001", "0060002", "4717"]


# --- Moodle, Blackboard, Google Classroom -------------------------------------------------------------------


def test_moodle_gradebook_is_imported():
    report = import_twice(EXPORTS / "moodle-grades.csv", given=BIO110)

    assert people() == [
        ("0060001", "Mara Quist", "Mara.Quist@example.edu"),
        ("0060002", "Tomas Ibarra", "tomas.ibarra@example.edu"),
    ]
    assert report.notes == ["moodle-grades.csv: other columns, not read: 3"]


def test_students_among_participants_of_moodle_are_imported_and_known_by_their_addresses():
    make_student(student_id="0060001", name="Mara Quist", email="Mara.Quist@example.edu")

    report = import_twice(EXPORTS / "moodle-participants.csv", given=BIO110)

    assert [student_id for student_id, _name, _email in people()] == ["0060001", "lena.voss@example.edu"]
    assert [row[:2] for row in enrolments()] == [("A", "0060001"), ("A", "lena.voss@example.edu")]
    assert report.notes[:2] == [
        "moodle-participants.csv: students not enrolled because of “Suspended”: 1",
        "moodle-participants.csv: people with a role other than student, left out: 1",
    ]


def test_unknown_role_in_moodle_is_a_problem(tmp_path):
    roster = write(
        tmp_path, "Ann,Lee,ann@example.edu,Auditor", header="First name,Surname,Email address,Roles"
    )

    assert problems(roster, given=BIO110) == [
        ("roster.csv", 2, "Roles", "“auditor” is not a known role, such as Student or Teacher.")
    ]


def test_blackboard_gradebook_is_imported():
    report = import_twice(EXPORTS / "blackboard.xls", given=BIO110)

    assert people() == [("0070001", "Mara Quist", ""), ("tibarra", "Tomas Ibarra", "")]
    assert report.notes[:3] == [
        "blackboard.xls: other columns, not read: 2",
        "blackboard.xls: students not enrolled because of “No”: 1",
        "blackboard.xls: test students, left out: 1",
    ]


def test_google_classroom_gradebook_is_imported():
    report = import_twice(EXPORTS / "google-classroom.csv", given=BIO110)

    assert people() == [
        ("mara.quist@example.edu", "Mara Quist", "mara.quist@example.edu"),
        ("tomas.ibarra@example.edu", "Tomas Ibarra", "tomas.ibarra@example.edu"),
    ]
    assert report.notes == [
        "google-classroom.csv: other columns, not read: 2",
        "google-classroom.csv: rows of points, left out: 3",
    ]


def test_address_of_two_students_identifies_nobody():
    for number in ("1", "2"):
        make_student(student_id=number, name="Mara Quist", email="mara.quist@example.edu")

    assert problems(EXPORTS / "google-classroom.csv", given=BIO110) == [
        (
            "google-classroom.csv",
            5,
            "Email Address",
            "Several students have this address: 1, 2. The file must say their student ids.",
        )
    ]


def test_student_given_by_id_and_again_by_address_is_a_problem(tmp_path):
    make_student(student_id="1", name="Ann Lee", email="ann@example.edu")
    rows = ["Ann,Lee,1,ann@example.edu", "Ann,Lee,,ANN@example.edu"]
    roster = write(tmp_path, *rows, header="First name,Surname,ID number,Email address")

    assert problems(roster, given=BIO110) == [
        ("roster.csv", 3, "Email address", "This is the student 1 of line 2.")
    ]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("moodle-grades.csv", "a list of participants or a gradebook from Moodle"),
        ("moodle-participants.csv", "a list of participants or a gradebook from Moodle"),
        ("blackboard.xls", "a gradebook from Blackboard"),
        ("google-classroom.csv", "a gradebook from Google Classroom"),
    ],
)
def test_export_of_a_class_that_is_not_given_is_named(name, what):
    ((file, _line, _column, reason),) = problems(EXPORTS / name)

    assert file == name
    assert reason == (
        f"This is {what}. It does not say which class it is for. Add --course CODE and --section NAME."
    )


# --- A course and section beside the file -------------------------------------------------------------------


def test_plain_list_of_students_is_imported_into_the_class_given(tmp_path):
    given = Given(course="BIO110", section="A", term="Fall 2026")

    import_twice(write(tmp_path, "1,Ann", "2,Bob", header="student id,name"), given=given)

    assert sections() == ["BIO110 · A · Fall 2026"]
    assert [row[1] for row in enrolments()] == ["1", "2"]


def test_what_the_file_says_itself_is_not_given_again(tmp_path):
    assert problems(write(tmp_path, "CS101,A,1001,07,Ann,"), given=Given(section="B")) == [
        ("roster.csv", None, "section", "The file has this column itself. Import it without --section.")
    ]


def test_course_given_with_an_export_of_a_school_is_refused():
    ((_file, _line, _column, reason),) = problems(SAMPLES / "sds-v1", given=Given(course="ALG1"))

    assert reason == "The export names its courses and sections itself. Import it without --course."


def test_course_that_is_too_long_is_one_problem(tmp_path):
    roster = write(tmp_path, "1,Ann", "2,Bob", header="student id,name")

    assert problems(roster, given=Given(course="C" * 51, section="A")) == [
        ("", None, "--course", "The text has 51 characters; the limit is 50.")
    ]


def test_command_takes_the_class_beside_the_file():
    out = StringIO()

    call_command(
        "import_roster",
        SAMPLES / "canvas-gradebook.csv",
        course="BIO110",
        section="A",
        term="F26",
        stdout=out,
    )

    assert sections() == ["BIO110 · A · F26"]
    assert "students: 2 created" in out.getvalue()
    with pytest.raises(CommandError):
        call_command("import_roster", SAMPLES / "canvas-gradebook.csv", stdout=out)
    assert "Add --course CODE." in out.getvalue()


# --- School Data Sync v1 and Clever -------------------------------------------------------------------------


def test_school_data_sync_v1_is_imported():
    import_twice(SAMPLES / "sds-v1")

    assert people() == [("70001", "Mara Quist", "mara@example.edu")]
    assert sections() == ["ALG1 · Algebra P1 · Fall"]
    assert enrolments() == [("Algebra P1", "70001", "70001", TODAY, None)]
    section = Section.objects.get()
    assert (section.external_id, section.course.title) == ("x1", "Algebra I")
    assert [(user.email, user.get_full_name()) for user in section.teachers.all()] == [
        ("ama@example.edu", "Ama Osei")
    ]


def test_clever_export_is_imported():
    report = import_twice(EXPORTS / "clever")

    assert [row[:3] for row in enrolments()] == [
        ("Algebra I (ALG1-1)", "0080001", "0080001"),
        ("Algebra I (ALG1-1)", "0080002", "0080002"),
        ("Algebra I (ALG1-2)", "st3", "st3"),
        ("BIO-7", "0080001", "0080001"),
    ]
    assert set(Course.objects.values_list("code", "title")) == {("ALG1", "Algebra I"), ("BIO", "Biology")}
    taught = Section.teachers.through.objects.values_list("section__external_id", "user__username")
    assert set(taught) == {("s1", "nhaddad"), ("s1", "rnair"), ("s2", "nhaddad"), ("s3", "rnair")}
    assert not User.objects.filter(username="mquist").get().has_usable_password()
    assert report.notes[:2] == [
        "students.csv: students without an enrolment, ignored: 1",
        "enrollments.csv: rows given twice, ignored: 1",
    ]


def test_clever_export_as_a_zip_is_imported():
    load(zipped({f"export/{path.name}": path.read_text() for path in sorted((EXPORTS / "clever").iterdir())}))

    assert Student.objects.count() == 3


def test_references_to_missing_rows_of_a_school_are_reported(tmp_path):
    folder = shutil.copytree(SAMPLES / "sds-v1", tmp_path / "export")
    (folder / "StudentEnrollment.csv").write_text("Section SIS ID,SIS ID\nx1,u1\nx9,u1\nx1,u9\n")
    (folder / "TeacherRoster.csv").write_text("Section SIS ID,SIS ID\nx1,t9\n")

    assert problems(folder) == [
        ("StudentEnrollment.csv", 3, "Section SIS ID", "There is no x9 in Section.csv."),
        ("StudentEnrollment.csv", 4, "SIS ID", "There is no u9 in Student.csv."),
        ("TeacherRoster.csv", 2, "SIS ID", "There is no t9 in Teacher.csv."),
    ]


def test_inactive_student_of_a_school_is_not_enrolled_and_an_unknown_status_is_a_problem(tmp_path):
    folder = shutil.copytree(SAMPLES / "sds-v1", tmp_path / "export")
    student = (
        "SIS ID,School SIS ID,Username,First Name,Last Name,Status\nu1,s1,mara@example.edu,Mara,Quist,{}\n"
    )
    (folder / "Student.csv").write_text(student.format("Inactive"))

    report = load(folder)

    assert people() == []
    assert "Student.csv: inactive, ignored: 1" in report.notes
    (folder / "Student.csv").write_text(student.format("Away"))
    assert problems(folder) == [
        ("Student.csv", 2, "Status", "“Away” is not a known status: active or inactive.")
    ]


def test_rules_for_ids_hold_for_exports_of_a_school(tmp_path):
    make_student(student_id="0070001", name="Mara Quist")
    folder = shutil.copytree(SAMPLES / "sds-v1", tmp_path / "export")
    (folder / "Student.csv").write_text(
        "SIS ID,School SIS ID,Username,First Name,Last Name,Student Number\n"
        "u1,s1,mara@example.edu,Mara,Quist,70001\nu2,s1,,Tomas,Ibarra,1.2E+11\nu3,s1,,Ama,Osei,70001\n"
    )
    (folder / "StudentEnrollment.csv").write_text("Section SIS ID,SIS ID\nx1,u1\nx1,\u200bu2\nx1,u3\n")

    found = problems(folder)

    assert [(line, column) for _file, line, column, _reason in found] == [
        (2, "Student Number"),
        (3, "Student Number"),
        (4, "Student Number"),
    ]


def test_missing_file_of_a_school_is_named(tmp_path):
    folder = write_layout(tmp_path / "export", Section="SIS ID\n", Student="SIS ID\n")

    ((file, _line, _column, reason),) = problems(folder)
    assert file == "export"
    assert reason.startswith("Missing: StudentEnrollment.csv. ")
    assert reason.endswith("or Section.csv, Student.csv and StudentEnrollment.csv (School Data Sync v1).")


# --- Files that are no rosters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "program"),
    [
        (SAMPLES / "teams-report.csv", "Microsoft Teams"),
        (EXPORTS / "teams-of-2020.csv", "Microsoft Teams"),
        (EXPORTS / "zoom-participants.csv", "Zoom"),
        (EXPORTS / "zoom-with-summary.csv", "Zoom"),
        (EXPORTS / "google-meet.csv", "Google Meet"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_report_of_a_meeting_is_named(path, program):
    ((file, line, column, reason),) = problems(path, given=BIO110)

    assert (file, line, column) == (path.name, None, "")
    assert reason.startswith(f"This is the attendance report of a meeting in {program}, not a roster")


@pytest.mark.parametrize(
    ("path", "export"),
    [
        (SAMPLES / "sds-v1" / "Student.csv", "School Data Sync v1"),
        (SAMPLES / "sds-v1" / "TeacherRoster.csv", "School Data Sync v1"),
        (EXPORTS / "clever" / "students.csv", "Clever"),
        (EXPORTS / "clever" / "enrollments.csv", "Clever"),
        (SAMPLES / "oneroster-past-term" / "users.csv", "OneRoster or School Data Sync"),
        (SAMPLES / "oneroster-past-term" / "enrollments.csv", "OneRoster or School Data Sync"),
    ],
)
def test_single_file_of_an_export_is_named(path, export):
    ((_file, _line, _column, reason),) = problems(path)

    assert (
        reason
        == f"This is one file of an export for {export}. Import all its files together, as a folder or a zip."
    )
