"""Importing OneRoster and School Data Sync exports."""

import datetime
import shutil
import zipfile

import pytest

from attendance.models import Course, Section, Student, User
from tests.attendance.rosters import (
    SDS_SAMPLE,
    TODAY,
    enrolments,
    everything,
    load,
    problems,
    write_layout,
    zipped,
)
from tests.factories import make_course, make_section

pytestmark = pytest.mark.django_db

USERS = "sourcedId,status,enabledUser,orgSourcedIds,role,username,givenName,familyName,identifier,email\n"
CLASSES = "sourcedId,status,title,courseSourcedId,classCode,termSourcedIds\n"
ENROLLMENTS = "sourcedId,status,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\n"


def one_roster(
    folder,
    *,
    users="u1,active,true,o1,student,ann,Ann,Lee,1001,ann@example.edu\nu2,active,true,o1,teacher,prof,Kim,Fein,,prof@example.edu\n",
    classes="c1,active,Algebra,k1,ALG-1,t1\n",
    enrollments="e1,active,c1,o1,u1,student,false,,\ne2,active,c1,o1,u2,teacher,true,,\n",
    **files,
):
    return write_layout(
        folder / "export",
        users=USERS + users,
        classes=CLASSES + classes,
        enrollments=ENROLLMENTS + enrollments,
        **{
            "courses": "sourcedId,title,courseCode\nk1,Algebra I,MATH1\n",
            "academicSessions": "sourcedId,title,type\nt1,Fall 2026,term\nt2,Spring 2027,term\n",
            **files,
        },
    )


def test_the_sds_sample_is_imported_whole():
    report = load(SDS_SAMPLE)

    assert list(Course.objects.values_list("code", "title")) == [
        ("B10", "Biology 10 2021"),
        ("CS101", "Computer Science 101"),
    ]
    assert list(
        Section.objects.values_list("course__code", "name", "term", "external_id", "teachers__username")
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
    assert report.notes == ["users.csv: without an enrolment, ignored: 2"]


def test_the_sample_as_a_zip_is_the_same_and_changes_nothing(tmp_path):
    load(SDS_SAMPLE)
    before = everything()
    archive = tmp_path / "sds.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in SDS_SAMPLE.iterdir():
            file.write(path, f"export/{path.name.upper()}")

    report = load(archive, on=datetime.date(2026, 12, 1))

    assert everything() == before
    assert report.lines == []


def test_an_upload_is_imported_like_a_file():
    load(zipped({path.name: path.read_bytes() for path in SDS_SAMPLE.glob("*.csv")}))

    assert Student.objects.count() == 4


def test_columns_of_one_roster_1_1_are_understood(tmp_path):
    load(one_roster(tmp_path))

    assert list(
        Section.objects.values_list("course__code", "course__title", "name", "term", "external_id")
    ) == [("MATH1", "Algebra I", "Algebra", "Fall 2026", "c1")]
    assert list(Student.objects.values_list("student_id", "name", "user__username")) == [
        ("1001", "Ann Lee", "ann")
    ]
    assert list(Section.objects.get().teachers.values_list("username", flat=True)) == ["prof"]


def test_a_user_name_that_is_an_address_serves_as_the_email(tmp_path):
    load(
        one_roster(tmp_path, users="u1,,,,student,ann@example.edu,Ann,Lee,,\nu2,,,,teacher,prof,Kim,Fein,,\n")
    )

    assert dict(User.objects.values_list("username", "email")) == {
        "ann@example.edu": "ann@example.edu",
        "prof": "",
    }


def test_dates_of_enrolments_are_kept_and_followed(tmp_path):
    def with_dates(begin, end):
        return one_roster(tmp_path, enrollments=f"e1,active,c1,o1,u1,student,false,{begin},{end}\n")

    load(with_dates("2026-09-01", "2027-01-31"))
    assert enrolments() == [
        ("Algebra", "1001", "1001", datetime.date(2026, 9, 1), datetime.date(2027, 1, 31))
    ]

    load(with_dates("2026-09-08", ""))
    assert enrolments() == [("Algebra", "1001", "1001", datetime.date(2026, 9, 8), None)]

    load(with_dates("2026-09-08", "2026-10-01"))
    before = everything()
    load(with_dates("2026-09-08", "2026-10-01"))
    assert everything() == before
    assert enrolments() == [
        ("Algebra", "1001", "1001", datetime.date(2026, 9, 8), datetime.date(2026, 10, 1))
    ]


def test_who_left_and_came_back_has_two_enrolments(tmp_path):
    left = "e1,active,c1,o1,u1,student,false,2026-09-01,{}\n"
    load(one_roster(tmp_path, enrollments=left.format("")))
    folder = one_roster(
        tmp_path, enrollments=left.format("2026-09-20") + "e2,active,c1,o1,u1,student,false,2026-10-01,\n"
    )

    load(folder)
    before = everything()
    load(folder)

    assert everything() == before
    assert enrolments() == [
        ("Algebra", "1001", "1001", datetime.date(2026, 9, 1), datetime.date(2026, 9, 20)),
        ("Algebra", "1001", "1001", datetime.date(2026, 10, 1), None),
    ]


def test_who_was_ended_here_comes_back_from_the_day_of_the_import(tmp_path):
    enrolled = "e1,active,c1,o1,u1,student,false,2026-09-01,\n"
    load(one_roster(tmp_path, enrollments=enrolled))
    load(one_roster(tmp_path, enrollments=""), end_missing=True)

    load(one_roster(tmp_path, enrollments=enrolled), on=datetime.date(2026, 10, 9))
    before = everything()
    load(one_roster(tmp_path, enrollments=enrolled), on=datetime.date(2026, 10, 10))

    assert everything() == before
    assert enrolments() == [
        ("Algebra", "1001", "1001", datetime.date(2026, 9, 1), TODAY),
        ("Algebra", "1001", "1001", datetime.date(2026, 10, 9), None),
    ]


def test_an_enrolment_of_the_past_makes_nobody_a_student(tmp_path):
    report = load(
        one_roster(tmp_path, enrollments="e1,active,c1,o1,u1,student,false,2025-09-01,2026-06-30\n")
    )

    assert not Student.objects.exists()
    assert f"{Section.objects.get()}: enrolments that ended before, ignored: 1" in report.notes


def test_what_is_to_be_deleted_counts_as_missing(tmp_path):
    load(one_roster(tmp_path))

    load(
        one_roster(
            tmp_path,
            users="u1,tobedeleted,true,o1,student,ann,Ann,Lee,1001,\nu2,active,true,o1,teacher,prof,Kim,Fein,,\n",
        ),
        end_missing=True,
    )

    assert enrolments() == [("Algebra", "1001", "1001", TODAY, TODAY)]


def test_a_class_to_be_deleted_is_left_alone(tmp_path):
    load(one_roster(tmp_path))
    before = everything()

    report = load(one_roster(tmp_path, classes="c1,tobedeleted,Algebra,k1,ALG-1,t1\n"), end_missing=True)

    assert everything() == before
    assert report.notes[0] == "enrollments.csv: deleted (tobedeleted), ignored: 2"


def test_a_section_is_known_by_its_external_id_and_renamed(tmp_path):
    load(one_roster(tmp_path))
    key = Section.objects.get().pk

    report = load(one_roster(tmp_path, classes="c1,active,Algebra for all,k1,,t2\n"))

    assert list(Section.objects.values_list("pk", "name", "term")) == [
        (key, "Algebra for all", "Spring 2027")
    ]
    assert [line.details for line in report.lines] == [
        "name: Algebra → Algebra for all; term: Fall 2026 → Spring 2027"
    ]


def test_a_section_made_by_hand_is_found_by_name_and_gets_its_external_id(tmp_path):
    section = make_section(
        course=make_course(code="MATH1", title="Algebra I"), name="Algebra", term="Fall 2026"
    )

    load(one_roster(tmp_path))

    section.refresh_from_db()
    assert section.external_id == "c1"
    assert Section.objects.count() == 1


def test_a_section_of_the_same_name_and_another_external_id_is_refused(tmp_path):
    load(one_roster(tmp_path))

    ((file, line, column, reason),) = problems(
        one_roster(tmp_path, classes="c9,active,Algebra,k1,,t1\n", enrollments="")
    )
    assert (file, line, column) == ("classes.csv", 2, "title")
    assert reason.endswith("with the external ids 'c1' and 'c9'.")


def test_classes_may_swap_their_titles(tmp_path):
    two = "c1,active,{},k1,,t1\nc2,active,{},k1,,t1\n"
    load(one_roster(tmp_path, classes=two.format("X", "Y")))

    load(one_roster(tmp_path, classes=two.format("Y", "X")))

    assert dict(Section.objects.values_list("external_id", "name")) == {"c1": "Y", "c2": "X"}


def test_classes_of_one_title_are_told_apart(tmp_path):
    load(
        one_roster(
            tmp_path,
            classes="c1,active,Algebra,k1,P1,t1\nc2,active,Algebra,k1,P2,t1\nc3,active,Algebra,k1,,t1\n",
        )
    )

    assert dict(Section.objects.values_list("external_id", "name")) == {
        "c1": "Algebra (P1)",
        "c2": "Algebra (P2)",
        "c3": "Algebra (c3)",
    }


def test_courses_and_sessions_may_be_left_out(tmp_path):
    folder = one_roster(tmp_path, classes="c1,active,Algebra,k1,ALG-1,t1\nc2,active,Logic,,LOG-1,\n")
    (folder / "courses.csv").unlink()
    (folder / "academicSessions.csv").unlink()

    load(folder)

    assert list(
        Section.objects.order_by("external_id").values_list("course__code", "course__title", "term")
    ) == [
        ("k1", "Algebra", "t1"),
        ("LOG-1", "Logic", ""),
    ]


def test_references_to_nothing_are_all_told(tmp_path):
    folder = one_roster(
        tmp_path,
        classes="c1,active,Algebra,k1,,t1\nc2,active,Logic,k9,,t1\nc3,active,Sets,k1,,t9\n",
        enrollments="e1,,c9,o1,u1,student,,,\ne2,,c1,o1,u9,student,,,\ne3,,c1,o1,u1,studnt,,,\ne4,,c1,o1,u1,student,,1.9.2026,\n",
    )

    assert problems(folder) == [
        ("classes.csv", 3, "courseSourcedId", "There is no course k9 in courses.csv."),
        ("classes.csv", 4, "termSourcedIds", "There is no session t9 in academicSessions.csv."),
        ("enrollments.csv", 2, "classSourcedId", "There is no class c9 in classes.csv."),
        ("enrollments.csv", 3, "userSourcedId", "There is no user u9 in users.csv."),
        ("enrollments.csv", 4, "role", "“studnt” is no role that is known: student, teacher, …"),
        ("enrollments.csv", 5, "beginDate", "“1.9.2026” is not a date. Write it as 2026-09-01."),
    ]


def test_other_roles_are_ignored_with_a_note(tmp_path):
    report = load(one_roster(tmp_path, enrollments="e1,,c1,o1,u1,guardian,,,\ne2,,c1,o1,u2,aide,,,\n"))

    assert not User.objects.exists()
    assert report.notes == [
        "enrollments.csv: role aide, ignored: 1",
        "enrollments.csv: role guardian, ignored: 1",
        "users.csv: without an enrolment, ignored: 2",
    ]


@pytest.mark.parametrize(
    "role", ["Teacher", "professor", "faculty", "instructor", "lecturer", "adjunct", "substitute"]
)
def test_these_roles_teach(tmp_path, role):
    load(one_roster(tmp_path, enrollments=f"e1,,c1,o1,u2,{role},,,\n"))

    assert User.objects.get(is_teacher=True) in Section.objects.get().teachers.all()


def test_somebody_may_teach_one_class_and_be_taught_in_another(tmp_path):
    load(
        one_roster(
            tmp_path,
            classes="c1,active,Algebra,k1,,t1\nc2,active,Logic,k1,,t1\n",
            enrollments="e1,,c1,o1,u1,student,,,\ne2,,c2,o1,u1,teacher,,,\n",
        )
    )

    user = User.objects.get()
    assert user.is_teacher
    assert Student.objects.get().user == user


def test_an_account_that_is_not_enabled_is_not_opened(tmp_path):
    load(
        one_roster(
            tmp_path,
            users="u1,active,false,o1,student,ann,Ann,Lee,1001,\nu2,active,false,o1,teacher,prof,Kim,Fein,,\n",
        )
    )

    assert Student.objects.get().user is None
    assert not User.objects.exists()


def test_two_users_of_one_identifier_are_refused(tmp_path):
    folder = one_roster(
        tmp_path,
        users="u1,,,,student,ann,Ann,Lee,1001,\nu2,,,,student,bob,Bob,Ray,1001,\nu2,,,,student,eve,Eve,Ray,1003,\n",
        enrollments="e1,,c1,o1,u1,student,,,\ne2,,c1,o1,u2,student,,,\n",
    )

    assert problems(folder) == [
        ("users.csv", 3, "identifier", "The user in line 2 has the student id 1001 too."),
        ("users.csv", 4, "sourcedId", "The id u2 is given in line 3 too."),
    ]


def test_a_missing_file_is_named(tmp_path):
    folder = tmp_path / "sds"
    shutil.copytree(SDS_SAMPLE, folder)
    (folder / "enrollments.csv").unlink()

    ((file, _line, _column, reason),) = problems(folder)
    assert file == "sds"
    assert reason.startswith("Missing: enrollments.csv.")
