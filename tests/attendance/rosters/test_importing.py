"""Importing plain CSV rosters: what is saved, what is reported and what is refused."""

import datetime
import io
import threading

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from attendance.models import Course, Enrolment, Meeting, Section, Student, User
from attendance.rosters.report import Action, Kind
from tests.support.factories import make_admin, make_record
from tests.support.rosters import HEADER, TODAY, all_rows, enrolments, load, problems, write

pytestmark = pytest.mark.django_db

LATER = datetime.date(2026, 10, 12)
ANN = "CS101,A,1001,07,Ann,ann@example.edu"
BOB = "CS101,A,1002,08,Bob,bob@example.edu"


def test_import_creates_missing_rows(tmp_path):
    roster = write(
        tmp_path,
        "CS101,Computing,A,Fall,1001,07,Ann Lee,Ann@example.edu,prof@example.edu;tutor",
        "CS101,Computing,B,Fall,1002,,Bob,,",
        header="course,course title,section,term,student_id,roll_number,name,email,teacher",
    )

    report = load(roster)

    assert list(Course.objects.values_list("code", "title")) == [("CS101", "Computing")]
    assert list(
        Section.objects.order_by("name").values_list("course__code", "name", "term__name", "external_id")
    ) == [
        ("CS101", "A", "Fall", ""),
        ("CS101", "B", "Fall", ""),
    ]
    assert list(
        Student.objects.order_by("student_id").values_list("student_id", "name", "email", "user__username")
    ) == [
        ("1001", "Ann Lee", "Ann@example.edu", "Ann@example.edu"),
        ("1002", "Bob", "", "1002"),
    ]
    assert list(
        User.objects.order_by("username").values_list("username", "email", "is_teacher", "first_name")
    ) == [
        ("1002", "", False, "Bob"),
        ("Ann@example.edu", "ann@example.edu", False, "Ann Lee"),
        ("prof@example.edu", "prof@example.edu", True, ""),
        ("tutor", "", True, ""),
    ]
    assert not any(user.has_usable_password() for user in User.objects.all())
    assert set(Section.objects.get(name="A").teachers.values_list("username", flat=True)) == {
        "prof@example.edu",
        "tutor",
    }
    assert enrolments() == [("A", "1001", "07", TODAY, None), ("B", "1002", "1002", TODAY, None)]
    assert report.summary() == [
        "terms: 1 created",
        "courses: 1 created",
        "sections: 2 created",
        "teachers: 2 created",
        "students: 2 created",
        "assignments: 2 created",
        "enrolments: 2 created",
    ]


def test_importing_twice_changes_nothing(tmp_path):
    roster = write(
        tmp_path,
        "CS101,A,1001,07,Ann,ann@example.edu,prof@example.edu",
        "CS101,A,1002,,Bob,,tutor",
        header="course,section,student_id,roll_number,name,email,teacher",
    )
    load(roster)
    before = all_rows()

    report = load(roster, on=LATER)

    assert all_rows() == before
    assert report.lines == []
    assert {action for _kind, action in report.counts} == {Action.UNCHANGED}


def test_dry_run_reports_the_same_and_writes_nothing(tmp_path):
    roster = write(tmp_path, ANN, BOB)
    before = all_rows()

    dry = load(roster, dry_run=True)

    assert all_rows() == before
    real = load(roster)
    assert (dry.counts, dry.lines, dry.notes) == (real.counts, real.lines, real.notes)


def test_course_title_defaults_to_the_code_until_one_is_imported(tmp_path):
    load(write(tmp_path, ANN))
    assert Course.objects.get().title == "CS101"

    load(write(tmp_path, "CS101,Computing,A,1001,Ann", header="course,course_title,section,student_id,name"))
    load(write(tmp_path, ANN))

    assert Course.objects.get().title == "Computing"


def test_department_of_a_course_stays(tmp_path):
    load(write(tmp_path, ANN))
    Course.objects.update(department="Science")

    load(
        write(
            tmp_path,
            "CS101,Computing,A,1001,07,Ann",
            header="course,course title,section,student_id,roll_number,name",
        )
    )

    assert Course.objects.values_list("title", "department").get() == ("Computing", "Science")


def test_changes_are_saved_and_reported(tmp_path):
    load(write(tmp_path, ANN, BOB))

    report = load(write(tmp_path, "CS101,A,1001,7,Anne,anne@example.edu", BOB), on=LATER)

    student = Student.objects.select_related("user").get(student_id="1001")
    assert (student.name, student.email) == ("Anne", "anne@example.edu")
    assert student.user is not None
    assert (student.user.email, student.user.username, student.user.first_name) == (
        "anne@example.edu",
        "anne@example.edu",
        "Anne",
    )
    assert enrolments() == [("A", "1001", "7", TODAY, None), ("A", "1002", "08", TODAY, None)]
    assert [str(line) for line in report.lines] == [
        "student changed: Ann (1001) (name: Ann → Anne; email: ann@example.edu → anne@example.edu)",
        "enrolment changed: CS101 · A: 7 Anne (roll number: 07 → 7)",
    ]


def test_former_address_can_no_longer_sign_in(tmp_path):
    load(write(tmp_path, ANN))
    user = User.objects.get(email="ann@example.edu")
    EmailAddress.objects.create(user=user, email="ann@example.edu", verified=True, primary=True)

    load(write(tmp_path, "CS101,A,1001,07,Ann,anne@example.edu"))

    assert not EmailAddress.objects.exists()


def test_empty_email_keeps_the_known_one(tmp_path):
    load(write(tmp_path, ANN))

    load(write(tmp_path, "CS101,A,1001,07,Ann,"))

    assert Student.objects.get().email == "ann@example.edu"


def test_roll_number_stays_if_the_file_has_no_column_for_it(tmp_path):
    load(write(tmp_path, ANN))

    load(write(tmp_path, "CS101,A,1001,Ann", header="course,section,student_id,name"))
    assert enrolments()[0][2] == "07"

    load(write(tmp_path, "CS101,A,1001,,Ann,"))
    assert enrolments()[0][2] == "1001"


def test_records_keep_their_roll_number(tmp_path):
    load(write(tmp_path, ANN))
    meeting = Meeting.objects.create(
        section=Section.objects.get(),
        starts_at=datetime.datetime(2026, 10, 5, 8, tzinfo=datetime.UTC),
        date=TODAY,
    )
    record = make_record(meeting=meeting, student=Student.objects.get(), roll_number="07")

    load(write(tmp_path, "CS101,A,1001,99,Ann,"))

    record.refresh_from_db()
    assert record.roll_number == "07"
    assert enrolments()[0][2] == "99"


# --- Students not in the roster ---------------------------------------------------------------------------


def test_missing_student_is_reported_and_stays_enrolled(tmp_path):
    load(write(tmp_path, ANN, BOB))
    before = all_rows()

    report = load(write(tmp_path, ANN), on=LATER)

    assert all_rows() == before
    assert [str(line) for line in report.lines] == ["enrolment missing: CS101 · A: 08 Bob (since 2026-10-05)"]


def test_end_missing_ends_enrolments_only_in_the_named_sections(tmp_path):
    load(write(tmp_path, ANN, BOB, "CS101,B,1003,1,Eve,"))

    report = load(write(tmp_path, ANN), on=LATER, end_missing=True)

    assert enrolments() == [
        ("A", "1001", "07", TODAY, None),
        ("A", "1002", "08", TODAY, LATER),
        ("B", "1003", "1", TODAY, None),
    ]
    assert [str(line) for line in report.lines] == ["enrolment ended: CS101 · A: 08 Bob (on 2026-10-12)"]


def test_returning_student_gets_a_new_enrolment(tmp_path):
    both, one = write(tmp_path, ANN, BOB), write(tmp_path, ANN, name="one.csv")
    load(both)
    load(one, on=LATER, end_missing=True)

    load(both, on=datetime.date(2026, 11, 2))
    load(both, on=datetime.date(2026, 11, 3))

    assert enrolments()[1:] == [
        ("A", "1002", "08", TODAY, LATER),
        ("A", "1002", "08", datetime.date(2026, 11, 2), None),
    ]


def test_student_can_leave_and_return_on_one_day(tmp_path):
    both, one = write(tmp_path, ANN, BOB), write(tmp_path, ANN, name="one.csv")
    for roster in (both, one, both, one, both):
        load(roster, end_missing=True)

    assert enrolments()[1:] == [("A", "1002", "08", TODAY, TODAY)] * 2 + [("A", "1002", "08", TODAY, None)]


def test_future_enrolment_is_ended_on_its_first_day(tmp_path):
    load(write(tmp_path, ANN, BOB), on=LATER)

    load(write(tmp_path, ANN), end_missing=True)

    assert enrolments()[1] == ("A", "1002", "08", LATER, LATER)


# --- Roll numbers that change hands ------------------------------------------------------------------------


def test_two_students_can_swap_roll_numbers(tmp_path):
    load(write(tmp_path, ANN, BOB))

    load(write(tmp_path, "CS101,A,1001,08,Ann,", "CS101,A,1002,07,Bob,"), on=LATER)

    assert enrolments() == [("A", "1001", "08", TODAY, None), ("A", "1002", "07", TODAY, None)]


def test_roll_number_can_pass_to_a_new_student(tmp_path):
    load(write(tmp_path, ANN))

    load(write(tmp_path, "CS101,A,1001,99,Ann,", "CS101,A,1002,07,Bob,"), on=LATER)

    assert enrolments() == [("A", "1001", "99", TODAY, None), ("A", "1002", "07", LATER, None)]


def test_roll_number_of_a_student_who_stays_is_refused(tmp_path):
    load(write(tmp_path, ANN))

    assert problems(write(tmp_path, "CS101,A,1002,07,Bob,")) == [
        (
            "roster.csv",
            2,
            "roll_number",
            "The roll number 07 in CS101 · A is held by Ann (1001), who is not in the roster and stays enrolled. "
            "Add a line for them, or end their enrolment (--end-missing).",
        )
    ]


def test_roll_number_of_an_ended_enrolment_can_go_to_a_new_student(tmp_path):
    load(write(tmp_path, ANN))

    load(write(tmp_path, "CS101,A,1002,07,Bob,"), on=LATER, end_missing=True)

    assert enrolments() == [("A", "1001", "07", TODAY, LATER), ("A", "1002", "07", LATER, None)]


def test_roll_number_of_an_ended_enrolment_can_go_to_another_student_from_that_day(tmp_path):
    load(write(tmp_path, ANN, BOB))
    roster = write(tmp_path, "CS101,A,1002,07,Bob,")

    load(roster, on=LATER, end_missing=True)
    before = all_rows()
    load(roster, on=datetime.date(2026, 11, 1), end_missing=True)

    assert all_rows() == before
    assert enrolments() == [
        ("A", "1001", "07", TODAY, LATER),
        ("A", "1002", "08", TODAY, LATER),
        ("A", "1002", "07", LATER, None),
    ]


def test_unreadable_line_hides_conflicts_with_missing_students(tmp_path):
    load(write(tmp_path, ANN, BOB))

    assert problems(write(tmp_path, "CS101,A,,99,Ann,", "CS101,A,1002,07,Bob,")) == [
        ("roster.csv", 2, "student_id", "The cell is empty.")
    ]


def _holding(date: datetime.date) -> set[tuple[str, str]]:
    return set(Enrolment.objects.holding_on(date).values_list("student__student_id", "roll_number"))


any_rosters = given(st.lists(st.permutations([1, 2, 3, 4, None, None]), min_size=1, max_size=4))


class AnyRosters(HypothesisTestCase):
    @any_rosters
    @settings(max_examples=10, deadline=None)
    def test_any_series_of_imports_ends_as_the_last_roster_says(self, rosters):
        self._check(rosters)

    @pytest.mark.slow
    @any_rosters
    @settings(max_examples=100, deadline=None)
    def test_many_more_series_of_imports_end_as_the_last_roster_says(self, rosters):
        self._check(rosters)

    def _check(self, rosters):
        days = [TODAY + datetime.timedelta(days=number) for number in range(len(rosters))]
        for on, numbers in zip(days, rosters, strict=True):
            given_numbers = {(f"S{student}", str(number)) for student, number in enumerate(numbers) if number}
            roster = "\n".join(
                (HEADER, *(f"CS101,A,{student},{number},Ann," for student, number in given_numbers))
            )
            before = {day: _holding(day) for day in days if day < on}

            load(io.BytesIO(roster.encode()), on=on, end_missing=True)

            assert _holding(on) == given_numbers
            for day, holding_before in before.items():
                # Past enrolments stay, though a number that nobody else used may have changed.
                assert {student for student, _ in _holding(day)} == {student for student, _ in holding_before}
            state = all_rows()
            load(io.BytesIO(roster.encode()), on=on, end_missing=True)
            assert all_rows() == state


# --- What is refused --------------------------------------------------------------------------------------


def test_duplicate_students_and_roll_numbers_are_refused_with_both_lines(tmp_path):
    roster = write(tmp_path, ANN, ANN, "CS101,A,1001,99,Ann,", "CS101,A,1002,07,Bob,", "CS101,B,1001,07,Ann,")

    assert problems(roster) == [
        ("roster.csv", 3, "student_id", "Ann (1001) is listed twice in CS101 · A; the other is in line 2."),
        ("roster.csv", 4, "student_id", "Ann (1001) is listed twice in CS101 · A; the other is in line 2."),
        (
            "roster.csv",
            5,
            "roll_number",
            "The roll number 07 in CS101 · A is also given to Ann (1001) in line 2.",
        ),
    ]


def test_student_id_used_as_anothers_roll_number_is_refused(tmp_path):
    assert problems(write(tmp_path, "CS101,A,1001,,Ann,", "CS101,A,1002,1001,Bob,")) == [
        (
            "roster.csv",
            3,
            "roll_number",
            "The roll number 1001 in CS101 · A is also given to Ann (1001) in line 2.",
        )
    ]


def test_problems_in_the_file_and_in_the_database_are_reported_together(tmp_path):
    make_admin(email="root@example.edu", username="root")

    assert problems(write(tmp_path, ANN, "CS101,A,1002,08,,", "CS101,A,1003,09,Eve,ROOT@example.edu")) == [
        ("roster.csv", 3, "name", "The cell is empty."),
        (
            "roster.csv",
            4,
            "email",
            "The account “root” belongs to an administrator and cannot become a student's account.",
        ),
    ]


# --- The command ------------------------------------------------------------------------------------------


def run(*arguments: object) -> str:
    out = io.StringIO()
    call_command("import_roster", *map(str, arguments), stdout=out)
    return out.getvalue()


@time_machine.travel("2026-10-05T10:00:00Z", tick=False)
def test_command_prints_what_it_did(tmp_path):
    assert run(write(tmp_path, ANN)).splitlines() == [
        "course created: CS101",
        "section created: CS101 · A",
        "student created: Ann (1001)",
        "enrolment created: CS101 · A: 07 Ann (from 2026-10-05)",
        "terms: none",
        "courses: 1 created",
        "sections: 1 created",
        "teachers: none",
        "students: 1 created",
        "assignments: none",
        "enrolments: 1 created",
        "Imported.",
    ]


def test_command_says_that_a_dry_run_changed_nothing(tmp_path):
    assert run(write(tmp_path, ANN), "--dry-run").endswith("Dry run: nothing was changed.\n")
    assert not Student.objects.exists()


def test_command_prints_every_problem_and_fails(tmp_path):
    out = io.StringIO()

    with pytest.raises(CommandError, match=r"^The roster has 2 problems. Nothing was imported\.$"):
        call_command("import_roster", str(write(tmp_path, "CS101,A,,,Ann,", ANN, "CS101,A,1,,,")), stdout=out)

    assert out.getvalue().splitlines() == [
        "roster.csv, line 2, column “student_id”: The cell is empty.",
        "roster.csv, line 4, column “name”: The cell is empty.",
    ]


def test_command_prints_the_first_200_problems(tmp_path):
    out = io.StringIO()

    with pytest.raises(CommandError):
        call_command("import_roster", str(write(tmp_path, *["CS101,A,,,Ann,"] * 250)), stdout=out)

    lines = out.getvalue().splitlines()
    assert len(lines) == 201
    assert lines[-1] == "… and 50 more (--verbosity 2 shows all)"


# --- Size and concurrency ---------------------------------------------------------------------------------


def test_thousands_of_students_need_few_queries(tmp_path, django_assert_max_num_queries):
    roster = write(tmp_path, *(f"CS{n % 20},A,{n},{n},Student {n},s{n}@example.edu" for n in range(2000)))

    with django_assert_max_num_queries(40):
        load(roster)
    with django_assert_max_num_queries(25):
        report = load(roster, on=LATER)

    assert report.counts[Kind.ENROLMENT, Action.UNCHANGED] == 2000


@pytest.mark.django_db(transaction=True)
def test_concurrent_imports_create_everything_once(tmp_path):
    roster = write(tmp_path, *(f"CS101,A,{n},{n},Student {n},s{n}@example.edu" for n in range(50)))
    reports = []
    barrier = threading.Barrier(2)

    def run_import() -> None:
        try:
            barrier.wait(timeout=30)
            reports.append(load(roster))
        finally:
            connection.close()

    threads = [threading.Thread(target=run_import) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert sorted(report.counts[Kind.STUDENT, Action.CREATED] for report in reports) == [0, 50]
    assert Enrolment.objects.count() == 50
