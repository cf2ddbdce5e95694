"""The demo institution: what it contains, that a second run adds nothing, and that real data stays untouched."""

import csv
import datetime
import re
import stat
import unicodedata
from collections import Counter
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count
from django.utils import timezone

from attendance.demo.institution import NameTaken, seed
from attendance.demo.names import demo_name
from attendance.models import ApiToken, Course, Enrolment, Role, Section, Student, User
from attendance.models.api_tokens import hash_of
from tests.support.factories import make_course, make_section, make_student, make_term, make_user, user_of

pytestmark = pytest.mark.django_db

TODAY = datetime.date(2026, 10, 5)
ONE_HASH = 1


def seed_small(*, sections=3, students=10, password="for the demo", today=TODAY, tokens_at=None):
    return seed(sections=sections, students=students, password=password, today=today, tokens_at=tokens_at)


def rows_of(sign_ins):
    """The sign-ins with the section's name instead of its id."""
    section_names = dict(Section.objects.values_list("pk", "name"))
    return [
        (sign_in.role, sign_in.username, section_names.get(sign_in.section), sign_in.roll_number)
        for sign_in in sign_ins
    ]


def run(*args):
    output = StringIO()
    call_command("seed_demo", *args, stdout=output)
    return output.getvalue()


def all_rows():
    """All rows of the tables that the demo writes."""
    return [
        list(model._default_manager.order_by("pk").values())
        for model in (User, Student, Course, Section, Enrolment, ApiToken)
    ]


# --- What it creates --------------------------------------------------------------------------------------


def test_demo_spreads_the_students_over_the_sections():
    sign_ins = seed_small()

    assert rows_of(sign_ins) == [
        ("admin", "admin", None, ""),
        ("teacher", "teacher", "A", ""),
        ("teacher", "teacher", "B", ""),
        ("teacher", "teacher", "C", ""),
        ("teacher", "teacher2", "A", ""),
        ("teacher", "teacher2", "B", ""),
        ("student", "student1", "A", "01"),
        ("student", "student2", "B", "01"),
        ("student", "student3", "C", "01"),
        ("student", "student4", "A", "02"),
        ("student", "student5", "B", "02"),
        ("student", "student6", "C", "02"),
        ("student", "student7", "A", "03"),
        ("student", "student8", "B", "03"),
        ("student", "student9", "C", "03"),
        ("student", "student10", "A", "04"),
    ]


def test_demo_users_have_their_roles_and_students():
    seed_small()

    assert {user.username: user.role for user in User.objects.exclude(username__startswith="student")} == {
        "admin": Role.ADMIN,
        "teacher": Role.TEACHER,
        "teacher2": Role.TEACHER,
    }
    assert User.objects.get(username="admin").is_staff
    student = Student.objects.get(student_id="S0010")
    user = user_of(student)
    assert (user.username, student.email, user.email, user.role) == (
        "student10",
        "student10@example.edu",
        "student10@example.edu",
        Role.STUDENT,
    )
    assert student.name == user.display_name == demo_name(10)


@pytest.mark.parametrize(
    ("today", "term", "from_date"),
    [
        (datetime.date(2026, 8, 1), "Autumn 2026", datetime.date(2026, 8, 1)),
        (datetime.date(2026, 12, 31), "Autumn 2026", datetime.date(2026, 8, 1)),
        (datetime.date(2027, 1, 1), "Spring 2027", datetime.date(2027, 1, 1)),
        (datetime.date(2027, 7, 31), "Spring 2027", datetime.date(2027, 1, 1)),
    ],
)
def test_demo_belongs_to_the_current_term(today, term, from_date):
    seed_small(sections=1, students=1, today=today)

    section = Section.objects.get()
    enrolment = Enrolment.objects.get()
    assert (str(section.course), section.term_name) == ("CS101 Computer Science", term)
    assert (enrolment.from_date, enrolment.to_date) == (from_date, None)
    assert Enrolment.objects.holding_on(today).exists()


def test_demo_users_sign_in_with_the_password_and_the_token():
    sign_ins = seed_small(password="three green apples", tokens_at=timezone.now())

    for user in User.objects.filter(username__in=["admin", "student1"]):
        assert user.check_password("three green apples")
    assert User.objects.values("password").distinct().count() == ONE_HASH
    assert {sign_in.password for sign_in in sign_ins} == {"three green apples"}
    assert {sign_in.username: hash_of(sign_in.token) for sign_in in sign_ins} == dict(
        ApiToken.objects.values_list("user__username", "key_hash")
    )


def test_demo_names_are_unique_and_in_many_scripts():
    names = [demo_name(number) for number in range(1, 2561)]

    assert len(set(names)) == len(names)
    assert all(name and len(name) <= 60 for name in names)
    assert demo_name(1) == "Emma Smith"
    scripts = {unicodedata.name(letter).split()[0] for letter in "".join(names) if letter.isalpha()}
    assert scripts >= {"LATIN", "DEVANAGARI", "CJK", "ARABIC", "CYRILLIC", "GREEK", "HIRAGANA"}


def test_demo_names_sections_beyond_z():
    seed_small(sections=28, students=1)

    assert [section.name for section in Section.objects.order_by("pk")][-3:] == ["Z", "AA", "AB"]


# --- Run again --------------------------------------------------------------------------------------------


def test_demo_run_again_adds_nothing():
    first = seed_small()
    before = all_rows()

    assert seed_small() == first
    assert all_rows() == before


def test_demo_run_with_more_fills_the_smallest_sections():
    first = seed_small(sections=2, students=4)

    second = seed_small(sections=4, students=12)

    assert [sign_in for sign_in in first if sign_in not in second] == []
    assert Student.objects.count() == 12
    sizes = Section.objects.annotate(size=Count("enrolments")).values_list("name", "size")
    assert dict(sizes) == {"A": 3, "B": 3, "C": 3, "D": 3}
    assert Counter(sign_in.username for sign_in in second)["teacher"] == 4


def test_demo_run_with_fewer_keeps_the_rest_and_returns_those_asked_for():
    seed_small()
    before = all_rows()

    fewer = seed_small(sections=1, students=2)

    assert all_rows() == before
    assert [row for row in rows_of(fewer) if row[0] == "student"] == [
        ("student", "student1", "A", "01"),
        ("student", "student2", "B", "01"),
    ]


def test_demo_run_again_sets_the_new_password():
    seed_small(password="the first one")

    seed_small(password="the second one", students=11)

    assert User.objects.get(username="teacher").check_password("the second one")
    assert User.objects.values("password").distinct().count() == ONE_HASH


def test_demo_leaves_an_ended_enrolment_ended():
    seed_small()
    Enrolment.objects.filter(student__student_id="S0001").update(to_date=TODAY)

    again = seed_small()

    assert Enrolment.objects.filter(student__student_id="S0001").count() == 1
    assert "student1" not in {sign_in.username for sign_in in again}


def test_demo_continues_after_roll_numbers_given_by_hand():
    seed_small(sections=1, students=2)
    by_hand = Enrolment.objects.get(roll_number="02")
    by_hand.roll_number = "09"
    by_hand.save()

    seed_small(sections=1, students=3)

    assert Enrolment.objects.get(student__student_id="S0003").roll_number == "10"


# --- Beside real data -------------------------------------------------------------------------------------


TAKEN = {
    "username": lambda: make_user(username="admin", email="dean@university.edu"),
    "username in another case": lambda: make_user(username="Teacher", email="t@university.edu"),
    "email": lambda: make_user(username="somebody", email="student2@example.edu"),
    "student id": lambda: make_student(student_id="S0003"),
    "section": lambda: make_section(
        course=make_course(code="CS101"),
        name="A",
        term=make_term(first_day=datetime.date(2026, 8, 1), last_day=datetime.date(2026, 12, 31)),
    ),
}


@pytest.mark.parametrize("make_taken", TAKEN.values(), ids=TAKEN.keys())
def test_demo_never_takes_over_real_rows(make_taken):
    make_taken()
    before = all_rows()

    with pytest.raises(NameTaken):
        seed_small()

    assert all_rows() == before


def test_demo_leaves_other_rows_alone():
    user, section = make_user(), make_section(students=2)
    before = (user.password, list(section.enrolments.values()), list(section.teachers.all()))

    seed_small()

    user.refresh_from_db()
    assert (user.password, list(section.enrolments.values()), list(section.teachers.all())) == before
    assert not ApiToken.objects.filter(user=user).exists()


# --- The command ------------------------------------------------------------------------------------------


def test_command_creates_the_demo_and_prints_how_to_sign_in():
    output = run("--sections", "2", "--students", "3")

    assert (Section.objects.count(), Student.objects.count()) == (2, 3)
    assert "student1 to student3" in output
    assert "One student of each section: student1 (A), student2 (B)" in output
    assert "rollcall-demo" in output
    assert User.objects.get(username="student3").check_password("rollcall-demo")


def test_command_writes_tokens_readable_only_by_the_owner(tmp_path):
    path = tmp_path / "tokens.csv"
    path.write_text("an older and longer file\n" * 100)
    path.chmod(0o644)

    run("--sections", "2", "--students", "3", "--tokens", str(path))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sections = {section.name: str(section.pk) for section in Section.objects.all()}
    tokens = {row["username"]: row["token"] for row in rows}
    assert {username: hash_of(key) for username, key in tokens.items()} == dict(
        ApiToken.objects.values_list("user__username", "key_hash")
    )
    assert rows == [
        {
            "role": role,
            "username": username,
            "password": "rollcall-demo",
            "token": tokens[username],
            "section": sections.get(section, ""),
            "roll_number": roll_number,
        }
        for role, username, section, roll_number in [
            ("admin", "admin", "", ""),
            ("teacher", "teacher", "A", ""),
            ("teacher", "teacher", "B", ""),
            ("teacher", "teacher2", "A", ""),
            ("teacher", "teacher2", "B", ""),
            ("student", "student1", "A", "01"),
            ("student", "student2", "B", "01"),
            ("student", "student3", "A", "02"),
        ]
    ]


def test_command_run_again_writes_the_same_file_with_new_tokens(tmp_path):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"

    run("--sections", "2", "--students", "3", "--tokens", str(first))
    run("--sections", "2", "--students", "3", "--tokens", str(second))

    with first.open(newline="", encoding="utf-8") as one, second.open(newline="", encoding="utf-8") as other:
        before, after = list(csv.DictReader(one)), list(csv.DictReader(other))
    old, new = [{row.pop("token") for row in rows} for rows in (before, after)]
    assert before == after
    assert old.isdisjoint(new)
    # The first file's go on working.
    assert set(ApiToken.objects.values_list("key_hash", flat=True)) == {hash_of(key) for key in old | new}


def test_command_outside_the_embedded_database_sets_a_random_password(tmp_path, settings):
    settings.EMBEDDED_DATABASE = False
    path, passwords = tmp_path / "tokens.csv", []

    for _ in range(2):
        output = run("--sections", "1", "--students", "1", "--tokens", str(path))
        with path.open(newline="", encoding="utf-8") as file:
            row = list(csv.DictReader(file))[-1]
        # No character that starts a spreadsheet formula or needs quoting in CSV.
        assert re.fullmatch(r"[0-9a-f]{24}", row["password"])
        assert row["password"] in output
        assert User.objects.get(username="student1").check_password(row["password"])
        passwords.append(row["password"])

    assert passwords[0] != passwords[1]


@pytest.mark.parametrize("number", ["0", "-1", "many", "1.5", "٣", ""])
def test_command_refuses_invalid_numbers(number):
    with pytest.raises(CommandError, match="is not a whole number of at least 1"):
        run("--students", number)

    assert not User.objects.exists()


def test_command_refuses_an_unwritable_file(tmp_path):
    with pytest.raises(CommandError, match="No such file or directory"):
        run("--sections", "1", "--students", "1", "--tokens", str(tmp_path / "missing" / "tokens.csv"))

    assert not User.objects.exists()


def test_command_names_what_is_taken():
    make_user(username="admin", email="dean@university.edu")

    with pytest.raises(CommandError, match=r"“admin”.*Nothing was changed"):
        run("--sections", "1", "--students", "1")


def test_command_creates_hundreds_with_few_queries(django_assert_max_num_queries):
    with django_assert_max_num_queries(40):
        run("--sections", "10", "--students", "600")

    assert Enrolment.objects.count() == 600
