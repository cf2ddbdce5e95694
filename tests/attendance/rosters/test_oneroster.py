"""Importing OneRoster and School Data Sync exports."""

import datetime
import shutil
import zipfile

import pytest

from attendance.models import Course, Enrolment, Section, Student, User
from tests.support.factories import make_course, make_section
from tests.support.rosters import (
    SAMPLES,
    SDS_SAMPLE,
    TODAY,
    all_rows,
    enrolments,
    load,
    problems,
    write_export,
    zipped,
)

pytestmark = pytest.mark.django_db


def test_sds_sample_is_imported_completely():
    report = load(SDS_SAMPLE)

    assert list(Course.objects.values_list("code", "title")) == [
        ("B10", "Biology 10 2021"),
        ("CS101", "Computer Science 101"),
    ]
    assert list(
        Section.objects.values_list("course__code", "name", "term__name", "external_id", "teachers__username")
    ) == [
        ("B10", "Biology 10", "2021 School Year", "112002", "kfein@classrmtest31.org"),
        ("CS101", "Computer Science 101", "Fall Semester", "112001", "jjonzer@classrmtest31.org"),
    ]
    assert list(
        Student.objects.order_by("student_id").values_list("student_id", "name", "email", "user__username")
    ) == [
        ("114001", "Jack Craig", "jcraig@classrmtest31.org", "jcraig@classrmtest31.org"),
        ("114003", "Fred Hutch", "fhutch@classrmtest31.org", "fhutch@classrmtest31.org"),
        ("114004", "Alice Smithee", "asmithee@classrmtest31.org", "asmithee@classrmtest31.org"),
        ("114008", "Simon Miller", "smiller@classrmtest31.org", "smiller@classrmtest31.org"),
    ]
    assert list(
        User.objects.filter(is_teacher=True)
        .order_by("username")
        .values_list("username", "first_name", "last_name")
    ) == [("jjonzer@classrmtest31.org", "Jason", "Jonzer"), ("kfein@classrmtest31.org", "Kristen", "Fein")]
    assert User.objects.count() == 6
    assert not any(
        user.has_usable_password() or user.check_password("P@ssword123") for user in User.objects.all()
    )
    assert enrolments() == [
        ("Biology 10", "114001", "114001", TODAY, None),
        ("Biology 10", "114003", "114003", TODAY, None),
        ("Biology 10", "114004", "114004", TODAY, None),
        ("Computer Science 101", "114008", "114008", TODAY, None),
    ]
    assert report.notes == ["users.csv: users without an enrolment, ignored: 2"]


def test_sds_sample_as_a_zip_changes_nothing(tmp_path):
    load(SDS_SAMPLE)
    before = all_rows()
    archive = tmp_path / "sds.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in SDS_SAMPLE.iterdir():
            file.write(path, f"export/{path.name.upper()}")

    report = load(archive, on=datetime.date(2026, 12, 1))

    assert all_rows() == before
    assert report.lines == []


def test_upload_is_imported_like_a_file():
    load(zipped({path.name: path.read_bytes() for path in SDS_SAMPLE.glob("*.csv")}))

    assert Student.objects.count() == 4


def test_oneroster_1_1_columns_are_understood(tmp_path):
    load(write_export(tmp_path))

    assert list(
        Section.objects.values_list("course__code", "course__title", "name", "term__name", "external_id")
    ) == [("MATH1", "Algebra I", "Algebra", "Fall 2026", "c1")]
    assert list(Student.objects.values_list("student_id", "name", "user__username")) == [
        ("1001", "Ann Lee", "ann")
    ]
    assert list(Section.objects.get().teachers.values_list("username", flat=True)) == ["prof"]


def test_user_name_that_is_an_address_is_also_the_email(tmp_path):
    load(
        write_export(
            tmp_path, users="u1,,,,student,ann@example.edu,Ann,Lee,,\nu2,,,,teacher,prof,Kim,Fein,,\n"
        )
    )

    assert dict(User.objects.values_list("username", "email")) == {
        "ann@example.edu": "ann@example.edu",
        "prof": "",
    }


def test_enrolment_dates_are_saved_and_updated(tmp_path):
    def with_dates(begin, end):
        return write_export(tmp_path, enrollments=f"e1,active,c1,o1,u1,student,false,{begin},{end}\n")

    load(with_dates("2026-09-01", "2027-01-31"))
    assert enrolments() == [
        ("Algebra", "1001", "1001", datetime.date(2026, 9, 1), datetime.date(2027, 1, 31))
    ]

    load(with_dates("2026-09-08", ""))
    assert enrolments() == [("Algebra", "1001", "1001", datetime.date(2026, 9, 8), None)]

    load(with_dates("2026-09-08", "2026-10-01"))
    before = all_rows()
    load(with_dates("2026-09-08", "2026-10-01"))
    assert all_rows() == before
    assert enrolments() == [
        ("Algebra", "1001", "1001", datetime.date(2026, 9, 8), datetime.date(2026, 10, 1))
    ]


def test_student_who_left_and_returned_has_two_enrolments(tmp_path):
    left = "e1,active,c1,o1,u1,student,false,2026-09-01,{}\n"
    load(write_export(tmp_path, enrollments=left.format("")))
    folder = write_export(
        tmp_path, enrollments=left.format("2026-09-20") + "e2,active,c1,o1,u1,student,false,2026-10-01,\n"
    )

    load(folder)
    before = all_rows()
    load(folder)

    assert all_rows() == before
    assert enrolments() == [
        ("Algebra", "1001", "1001", datetime.date(2026, 9, 1), datetime.date(2026, 9, 20)),
        ("Algebra", "1001", "1001", datetime.date(2026, 10, 1), None),
    ]


def test_student_ended_by_an_import_returns_on_the_day_of_the_next(tmp_path):
    enrolled = "e1,active,c1,o1,u1,student,false,2026-09-01,\n"
    load(write_export(tmp_path, enrollments=enrolled))
    load(write_export(tmp_path, enrollments=""), end_missing=True)

    load(write_export(tmp_path, enrollments=enrolled), on=datetime.date(2026, 10, 9))
    before = all_rows()
    load(write_export(tmp_path, enrollments=enrolled), on=datetime.date(2026, 10, 10))

    assert all_rows() == before
    assert enrolments() == [
        ("Algebra", "1001", "1001", datetime.date(2026, 9, 1), TODAY),
        ("Algebra", "1001", "1001", datetime.date(2026, 10, 9), None),
    ]


def test_one_row_per_term_gives_one_enrolment_per_term():
    day = datetime.date
    load(SAMPLES / "oneroster-one-enrolment-per-term")
    before = all_rows()
    again = load(SAMPLES / "oneroster-one-enrolment-per-term", on=day(2027, 1, 10))

    assert all_rows() == before
    assert again.lines == []
    assert [row[2:] for row in enrolments()] == [
        (student_id, start, end)
        for student_id in ("70001", "70002")
        for start, end in (
            (day(2026, 8, 17), day(2026, 12, 18)),
            (day(2027, 1, 5), day(2027, 5, 28)),
        )
    ]


def test_next_term_added_later_leaves_the_enrolment_of_this_term(tmp_path):
    fall = "e1,active,c1,o1,u1,student,false,2026-08-17,2026-12-18\n"
    spring = "e2,active,c1,o1,u1,student,false,2027-01-05,2027-05-28\n"
    load(write_export(tmp_path, enrollments=fall))

    load(write_export(tmp_path, enrollments=spring))

    assert [str(row[3]) for row in enrolments()] == ["2026-08-17", "2027-01-05"]


def test_identical_row_is_ignored_with_a_note():
    report = load(SAMPLES / "oneroster-same-enrolment-twice")

    assert enrolments() == [("Algebra P1", "70001", "70001", TODAY, None)]
    assert "enrollments.csv: the same as another row, ignored: 1" in report.notes


def test_rows_with_overlapping_dates_are_a_problem_in_the_columns_of_the_file(tmp_path):
    row = "e{},active,c1,o1,u1,student,false,{},{}\n"
    folder = write_export(
        tmp_path,
        enrollments=row.format(1, "2026-08-17", "2026-12-18")
        + row.format(2, "2026-12-18", "2027-05-28")
        + row.format(3, "2026-12-01", ""),
    )

    assert problems(folder) == [
        (
            "enrollments.csv",
            4,
            "userSourcedId",
            "Ann Lee (1001) is listed twice in MATH1 · Algebra · Fall 2026; the other is in line 2. "
            "Their dates overlap.",
        )
    ]


def test_roll_number_of_two_students_names_the_column_of_the_file(tmp_path):
    load(write_export(tmp_path, enrollments="e1,,c1,o1,u1,student,,,\n"))
    Enrolment.objects.update(roll_number="1002")
    users = "u1,,,,student,ann,Ann,Lee,1001,\nu3,,,,student,bob,Bob,Ray,1002,\n"
    rows = "e1,,c1,o1,u1,student,,,\ne2,,c1,o1,u3,student,,,\n"

    found = problems(write_export(tmp_path, users=users, enrollments=rows))

    assert {column for _file, _line, column, _reason in found} == {"userSourcedId"}


@pytest.mark.parametrize(
    ("status", "is_problem"), [("pending", True), ("INACTIVE", False), ("toBeDeleted", False)]
)
@pytest.mark.parametrize("role", ["student", "teacher"])
def test_row_that_is_not_active_enrols_and_assigns_nobody(tmp_path, status, is_problem, role):
    user = {"student": "u1", "teacher": "u2"}[role]
    folder = write_export(tmp_path, enrollments=f"e1,{status},c1,o1,{user},{role},,,\n")

    if is_problem:
        assert [row[:3] for row in problems(folder)] == [("enrollments.csv", 2, "status")]
    else:
        report = load(folder)
        assert "enrollments.csv: deleted or inactive, ignored: 1" in report.notes
    assert not Enrolment.objects.exists()
    assert not User.objects.exists()


def test_bad_email_is_left_out_with_a_note_if_the_row_has_a_user_name(tmp_path):
    users = "u1,,,,student,ann,Ann,Lee,1001,ann at home\nu2,,,,teacher,prof,Kim,Fein,,none\n"

    report = load(write_export(tmp_path, users=users))

    assert dict(User.objects.values_list("username", "email")) == {"ann": "", "prof": ""}
    assert report.notes[:2] == [
        "users.csv, line 2, column “email”: “ann at home” is not an e-mail address. Left out.",
        "users.csv, line 3, column “email”: “none” is not an e-mail address. Left out.",
    ]


def test_bad_email_is_a_problem_if_nothing_else_finds_the_account(tmp_path):
    users = "u1,,,,student,,Ann,Lee,1001,ann at home\n"

    assert problems(write_export(tmp_path, users=users, enrollments="e1,,c1,o1,u1,student,,,\n")) == [
        ("users.csv", 2, "email", "“ann at home” is not an e-mail address.")
    ]


def test_past_enrolment_creates_no_student(tmp_path):
    report = load(
        write_export(tmp_path, enrollments="e1,active,c1,o1,u1,student,false,2025-09-01,2026-06-30\n")
    )

    assert not Student.objects.exists()
    assert f"{Section.objects.get()}: enrolments that ended before, ignored: 1" in report.notes


def test_user_to_be_deleted_counts_as_missing(tmp_path):
    load(write_export(tmp_path))

    load(
        write_export(
            tmp_path,
            users="u1,tobedeleted,true,o1,student,ann,Ann,Lee,1001,\nu2,active,true,o1,teacher,prof,Kim,Fein,,\n",
        ),
        end_missing=True,
    )

    assert enrolments() == [("Algebra", "1001", "1001", TODAY, TODAY)]


def test_class_to_be_deleted_is_left_alone(tmp_path):
    load(write_export(tmp_path))
    before = all_rows()

    report = load(write_export(tmp_path, classes="c1,tobedeleted,Algebra,k1,ALG-1,t1\n"), end_missing=True)

    assert all_rows() == before
    assert report.notes[0] == "enrollments.csv: deleted or inactive, ignored: 2"


def test_section_is_found_by_its_external_id_and_renamed(tmp_path):
    load(write_export(tmp_path))
    key = Section.objects.get().pk

    report = load(write_export(tmp_path, classes="c1,active,Algebra for all,k1,,t2\n"))

    assert list(Section.objects.values_list("pk", "name", "term__name")) == [
        (key, "Algebra for all", "Spring 2027")
    ]
    assert [str(line) for line in report.lines] == [
        "term created: Spring 2027",
        "section changed: MATH1 · Algebra · Fall 2026 (name: Algebra → Algebra for all; term: Fall 2026 → Spring 2027)",
    ]


def test_section_added_by_hand_is_found_by_name_and_gets_its_external_id(tmp_path):
    section = make_section(
        course=make_course(code="MATH1", title="Algebra I"), name="Algebra", term="Fall 2026"
    )

    load(write_export(tmp_path))

    section.refresh_from_db()
    assert section.external_id == "c1"
    assert Section.objects.count() == 1


def test_section_with_the_same_name_and_another_external_id_is_refused(tmp_path):
    load(write_export(tmp_path))

    ((file, line, column, reason),) = problems(
        write_export(tmp_path, classes="c9,active,Algebra,k1,,t1\n", enrollments="")
    )
    assert (file, line, column) == ("classes.csv", 2, "title")
    assert reason.endswith("with the external ids 'c1' and 'c9'.")


def test_classes_can_swap_titles(tmp_path):
    two = "c1,active,{},k1,,t1\nc2,active,{},k1,,t1\n"
    load(write_export(tmp_path, classes=two.format("X", "Y")))

    load(write_export(tmp_path, classes=two.format("Y", "X")))

    assert dict(Section.objects.values_list("external_id", "name")) == {"c1": "Y", "c2": "X"}


def test_classes_with_one_title_get_unique_names(tmp_path):
    load(
        write_export(
            tmp_path,
            classes="c1,active,Algebra,k1,P1,t1\nc2,active,Algebra,k1,P2,t1\nc3,active,Algebra,k1,,t1\n",
        )
    )

    assert dict(Section.objects.values_list("external_id", "name")) == {
        "c1": "Algebra (P1)",
        "c2": "Algebra (P2)",
        "c3": "Algebra (c3)",
    }


def test_courses_and_academic_sessions_are_optional(tmp_path):
    folder = write_export(tmp_path, classes="c1,active,Algebra,k1,ALG-1,t1\nc2,active,Logic,,LOG-1,\n")
    (folder / "courses.csv").unlink()
    (folder / "academicSessions.csv").unlink()

    load(folder)

    assert list(
        Section.objects.order_by("external_id").values_list("course__code", "course__title", "term__name")
    ) == [
        ("k1", "Algebra", "t1"),
        ("LOG-1", "Logic", None),
    ]


def test_all_broken_references_are_reported(tmp_path):
    folder = write_export(
        tmp_path,
        classes="c1,active,Algebra,k1,,t1\nc2,active,Logic,k9,,t1\nc3,active,Sets,k1,,t9\n",
        enrollments="e1,,c9,o1,u1,student,,,\ne2,,c1,o1,u9,student,,,\ne3,,c1,o1,u1,studnt,,,\ne4,,c1,o1,u1,student,,1.9.2026,\n",
    )

    assert problems(folder) == [
        ("classes.csv", 3, "courseSourcedId", "There is no course k9 in courses.csv."),
        ("classes.csv", 4, "termSourcedIds", "There is no session t9 in academicSessions.csv."),
        ("enrollments.csv", 2, "classSourcedId", "There is no class c9 in classes.csv."),
        ("enrollments.csv", 3, "userSourcedId", "There is no user u9 in users.csv."),
        ("enrollments.csv", 4, "role", "“studnt” is not a known role, such as student or teacher."),
        ("enrollments.csv", 5, "beginDate", "“1.9.2026” is not a date. Write it as 2026-09-01."),
    ]


def test_other_roles_are_ignored_with_a_note(tmp_path):
    report = load(write_export(tmp_path, enrollments="e1,,c1,o1,u1,guardian,,,\ne2,,c1,o1,u2,aide,,,\n"))

    assert not User.objects.exists()
    assert report.notes == [
        "enrollments.csv: role guardian, ignored: 1",
        "users.csv: users without an enrolment, ignored: 1",
        "Assistants without a teacher's account, ignored: 1",
    ]


@pytest.mark.parametrize(
    "role", ["Teacher", "professor", "faculty", "instructor", "lecturer", "adjunct", "substitute"]
)
def test_teaching_roles_make_teachers(tmp_path, role):
    load(write_export(tmp_path, enrollments=f"e1,,c1,o1,u2,{role},,,\n"))

    assert User.objects.get(is_teacher=True) in Section.objects.get().teachers.all()


def test_user_can_teach_one_class_and_study_in_another(tmp_path):
    load(
        write_export(
            tmp_path,
            classes="c1,active,Algebra,k1,,t1\nc2,active,Logic,k1,,t1\n",
            enrollments="e1,,c1,o1,u1,student,,,\ne2,,c2,o1,u1,teacher,,,\n",
        )
    )

    user = User.objects.get()
    assert user.is_teacher
    assert Student.objects.get().user == user


def test_disabled_account_is_not_created(tmp_path):
    load(
        write_export(
            tmp_path,
            users="u1,active,false,o1,student,ann,Ann,Lee,1001,\nu2,active,false,o1,teacher,prof,Kim,Fein,,\n",
        )
    )

    assert Student.objects.get().user is None
    assert not User.objects.exists()


def test_two_users_with_one_identifier_are_refused(tmp_path):
    folder = write_export(
        tmp_path,
        users="u1,,,,student,ann,Ann,Lee,1001,\nu2,,,,student,bob,Bob,Ray,1001,\nu2,,,,student,eve,Eve,Ray,1003,\n",
        enrollments="e1,,c1,o1,u1,student,,,\ne2,,c1,o1,u2,student,,,\n",
    )

    assert problems(folder) == [
        ("users.csv", 3, "identifier", "The user in line 2 also has the student id 1001."),
        ("users.csv", 4, "sourcedId", "The id u2 is also used in line 3."),
    ]


def test_missing_file_is_named(tmp_path):
    folder = tmp_path / "sds"
    shutil.copytree(SDS_SAMPLE, folder)
    (folder / "enrollments.csv").unlink()

    ((file, _line, _column, reason),) = problems(folder)
    assert file == "sds"
    assert reason.startswith("Missing: enrollments.csv.")
