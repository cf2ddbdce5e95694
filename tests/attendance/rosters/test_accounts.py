"""Importing rosters: which account each student and teacher has afterwards, and who can sign in."""

import re

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from attendance.models import Section, Student, User
from attendance.rosters.report import Action, Kind
from tests.support.factories import make_student, make_teacher, make_user, user_of
from tests.support.rosters import SAMPLES, all_rows, load, problems, write

pytestmark = pytest.mark.django_db

ANN = "CS101,A,1001,07,Ann,ann@example.edu"
BOB = "CS101,A,1002,08,Bob,bob@example.edu"
WITH_TEACHER = "course,section,student_id,name,email,teacher"


@pytest.fixture(autouse=True)
def no_attempts():
    cache.clear()


def test_existing_accounts_are_linked_ignoring_case(tmp_path):
    by_email = make_user(username="someone", email="ANN@Example.edu")
    by_name = make_user(username="1002", email="")
    teacher = make_user(username="Prof", email="prof@example.edu")

    load(
        write(
            tmp_path,
            "CS101,A,1001,Ann,ann@example.edu,PROF@example.edu",
            "CS101,A,1002,Bob,,prof",
            header="course,section,student_id,name,email,teacher",
        )
    )

    assert dict(Student.objects.values_list("student_id", "user")) == {
        "1001": by_email.pk,
        "1002": by_name.pk,
    }
    assert User.objects.count() == 3
    teacher.refresh_from_db()
    assert teacher.is_teacher
    assert list(Section.objects.get().teachers.all()) == [teacher]


def test_existing_student_without_an_account_gets_one(tmp_path):
    student = make_student(student_id="1001", name="Ann", with_user=False)

    report = load(write(tmp_path, ANN))

    student.refresh_from_db()
    assert student.user is not None
    assert student.user.email == "ann@example.edu"
    assert report.counts[Kind.STUDENT, Action.CHANGED] == 1


def test_two_students_can_swap_addresses(tmp_path):
    load(write(tmp_path, ANN, BOB))
    users = dict(Student.objects.values_list("student_id", "user"))

    load(write(tmp_path, "CS101,A,1001,07,Ann,bob@example.edu", "CS101,A,1002,08,Bob,ann@example.edu"))

    assert dict(Student.objects.values_list("student_id", "user")) == users
    assert set(User.objects.values_list("student__student_id", "email", "username")) == {
        ("1001", "bob@example.edu", "bob@example.edu"),
        ("1002", "ann@example.edu", "ann@example.edu"),
    }


def test_address_given_up_can_go_to_a_new_student(tmp_path):
    load(write(tmp_path, ANN))

    load(write(tmp_path, "CS101,A,1001,07,Ann,anne@example.edu", "CS101,A,1002,08,Bob,ann@example.edu"))

    assert dict(User.objects.values_list("student__student_id", "email")) == {
        "1001": "anne@example.edu",
        "1002": "ann@example.edu",
    }


def test_address_chosen_by_the_user_is_kept(tmp_path):
    user = make_user(username="ann", email="mine@example.org")
    make_student(student_id="1001", name="Ann", email="ann@example.edu", user=user)

    load(write(tmp_path, "CS101,A,1001,07,Ann,anne@example.edu"))

    user.refresh_from_db()
    assert user.email == "mine@example.org"
    assert Student.objects.get().email == "anne@example.edu"


def test_teacher_who_is_also_a_student_stays_a_teacher(tmp_path):
    make_teacher(username="ann", email="ann@example.edu")

    load(write(tmp_path, ANN))

    assert User.objects.get().is_teacher


def test_teacher_who_is_also_a_student_keeps_both_changes_of_one_import(tmp_path):
    ann = make_user(username="ann", email="ann@example.edu")
    make_student(student_id="1001", name="Ann", email="ann@example.edu", user=ann)

    load(
        write(
            tmp_path,
            "CS101,A,1001,Anne,anne@example.edu,",
            "CS102,A,1002,Bob,,ann",
            header=WITH_TEACHER,
        )
    )

    ann.refresh_from_db()
    assert (ann.is_teacher, ann.email) == (True, "anne@example.edu")


# --- Addresses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed", ["Wanda.Pell@Example.edu", "wanda.pell@example.edu", "WANDA.PELL@EXAMPLE.EDU"]
)
def test_address_with_capitals_gets_a_code_that_signs_in(client, typed):
    load(SAMPLES / "email-mixed-case.csv")
    assert Student.objects.get(student_id="41001").email == "Wanda.Pell@Example.edu"

    client.post(reverse("account_request_login_code"), {"email": typed})

    (message,) = mail.outbox
    assert message.to == ["wanda.pell@example.edu"]
    (code,) = re.findall(r"^\s*([\d-]{9})\s*$", message.body, re.MULTILINE)
    client.post(reverse("account_confirm_login_code"), {"code": code})
    assert client.session["_auth_user_id"] == str(user_of(Student.objects.get(student_id="41001")).pk)


def test_address_with_capitals_works_for_password_reset_and_api(client):
    load(SAMPLES / "email-mixed-case.csv")
    user = user_of(Student.objects.get(student_id="41001"))
    user.set_password("right-horse-9")
    user.save()

    client.post(reverse("account_login"), {"login": "Wanda.Pell@Example.edu", "password": "right-horse-9"})
    assert client.session["_auth_user_id"] == str(user.pk)

    Client().post(reverse("account_reset_password"), {"email": "Wanda.Pell@example.EDU"})
    assert [message.to for message in mail.outbox] == [["wanda.pell@example.edu"]]

    answer = Client().post(
        "/api/v1/auth/token/",
        {"username": "WANDA.pell@example.edu", "password": "right-horse-9"},
        content_type="application/json",
    )
    assert (answer.status_code, answer.json()["role"]) == (200, "student")


def test_any_way_of_writing_a_user_stores_the_address_in_lower_case():
    saved = make_user(email="Sven@Example.edu")
    (bulk,) = User.objects.bulk_create([User(username="bulk", email="BULK@example.edu")])
    updated = make_user()
    User.objects.filter(pk=updated.pk).update(email="UPDATED@example.edu")

    assert dict(User.objects.values_list("pk", "email")) == {
        saved.pk: "sven@example.edu",
        bulk.pk: "bulk@example.edu",
        updated.pk: "updated@example.edu",
    }
    assert User.objects.get(email="BULK@Example.edu") == bulk


def test_students_of_one_family_address_are_both_enrolled_and_it_signs_in_the_first():
    report = load(SAMPLES / "siblings.csv")
    before = all_rows()

    again = load(SAMPLES / "siblings.csv")

    assert all_rows() == before
    assert set(
        Student.objects.values_list(
            "student_id", "email", "user__username", "user__email", "enrolments__section__name"
        )
    ) == {
        ("SB1", "marten.family@example.org", "marten.family@example.org", "marten.family@example.org", "A"),
        ("SB2", "marten.family@example.org", "SB2", "", "A"),
        ("SB3", "pia@example.org", "pia@example.org", "pia@example.org", "B"),
    }
    shared = (
        "siblings.csv, line 3: marten.family@example.org is already the sign-in address of the student SB1, "
        "so it cannot be used for the account “SB2”."
    )
    without = "New accounts without an e-mail address: 1. They can sign in only after an administrator has set a password."
    assert report.notes == [shared, without]
    assert again.notes == [shared]


def test_address_of_an_enrolled_student_is_left_out_of_a_new_students_account(tmp_path):
    make_student(student_id="S9", user=make_user(username="ann", email="ann@example.edu"))

    load(write(tmp_path, ANN))

    assert set(User.objects.values_list("username", "email", "student__student_id")) == {
        ("ann", "ann@example.edu", "S9"),
        ("1001", "", "1001"),
    }


def test_student_who_takes_over_a_siblings_address_keeps_the_own_one(tmp_path):
    load(write(tmp_path, ANN, BOB))

    load(write(tmp_path, ANN, "CS101,A,1002,08,Bob,ann@example.edu", "CS101,A,1003,09,Eve,bob@example.edu"))

    assert set(User.objects.values_list("student__student_id", "email")) == {
        ("1001", "ann@example.edu"),
        ("1002", "bob@example.edu"),
        ("1003", ""),
    }


def test_address_of_a_teacher_who_is_another_user_is_refused(tmp_path):
    make_teacher(username="prof", email="prof@example.edu")
    make_student(student_id="1001", name="Ann", email="", user=make_user(username="ann", email=""))

    assert problems(write(tmp_path, "CS101,A,1001,07,Ann,PROF@example.edu")) == [
        ("roster.csv", 2, "email", "PROF@example.edu is already the address of the account “prof”.")
    ]


def test_student_without_an_address_is_noted():
    report = load(SAMPLES / "no-email.csv")

    assert User.objects.get().username == "NE1"
    assert report.notes == [
        "New accounts without an e-mail address: 1. They can sign in only after an administrator has set a password."
    ]


# --- Who is remembered as signed in -----------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_import_is_seen_by_the_next_request_of_who_is_signed_in(client, tmp_path):
    client.force_login(make_user(username="ann", email="ann@example.edu"))
    asked = [client.get("/api/v1/me/session/").status_code, client.get("/api/v1/sections/").status_code]

    load(write(tmp_path, ANN))
    load(write(tmp_path, "CS101,A,1002,Bob,,ann", header=WITH_TEACHER))

    assert asked == [403, 403]
    # Another role ends the sign-in.
    assert client.get("/api/v1/me/session/").status_code == 401
    client.force_login(User.objects.get(username="ann"))
    assert client.get("/api/v1/me/session/").status_code == 200
    assert client.get("/api/v1/sections/").status_code == 200
