"""The student's pages: one state for each session, joining and typing codes without scripts, and own attendance."""

import datetime
import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from attendance.models import Method, Status
from config.context_processors import BACKGROUND_HEADER
from qrsessions.models import SessionStatus
from tests.support import factories
from tests.support.classes import code_of, correct, open_page, token_of
from tests.support.pages import browser_of, shown, states_of
from tests.support.postgres.database import everything_written

NOW = datetime.datetime(2026, 10, 5, 8, 4, 12, tzinfo=datetime.UTC)


# --- States -----------------------------------------------------------------------------------------------


def test_page_without_open_session_says_that_it_updates_itself(taught_class):
    page = open_page(taught_class)

    assert states_of(page) == []
    assert "Your class will appear here" in shown(page)
    assert '<meta http-equiv="refresh" content="10">' in page


def test_open_session_can_be_joined(taught_class):
    session = taught_class.open()

    page = open_page(taught_class)

    assert states_of(page) == ["join"]
    assert f"Join {session.meeting.section.course.code} · {session.meeting.section.name}" in shown(page)
    assert "0 of 3 joined" in shown(page)


@pytest.mark.parametrize("step", [None, "lock"])
def test_student_who_joined_waits_for_the_start(taught_class, step):
    session = taught_class.open()
    taught_class.join(session)
    if step:
        taught_class.step(session, step)

    page = open_page(taught_class)

    assert states_of(page) == ["waiting"]
    assert "You have joined" in shown(page)
    assert "1 of 3 joined" in shown(page)


def test_student_who_joined_can_scan_while_the_session_is_active(taught_class):
    session = taught_class.open()
    taught_class.join(session)
    taught_class.step(session, "start")

    page = open_page(taught_class)

    assert states_of(page) == ["scan"]
    assert 'inputmode="numeric" autocomplete="one-time-code"' in page
    assert '<meta http-equiv="refresh" content="45">' in page


def test_student_after_the_lock_sees_what_to_do(taught_class):
    session = taught_class.open()
    taught_class.step(session, "lock")
    assert states_of(open_page(taught_class)) == ["locked"]

    taught_class.step(session, "start")
    page = open_page(taught_class)
    assert states_of(page) == ["not_joined"]
    assert "Your teacher can see your scan and admit you" in shown(page)


def test_open_policy_allows_a_scan_without_joining(taught_class):
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")

    assert states_of(open_page(taught_class)) == ["scan"]


def test_marked_student_sees_when_and_how_many_are_here(taught_class, settings, time_machine):
    settings.TIME_ZONE = "Europe/Berlin"
    time_machine.move_to(NOW, tick=False)
    session = taught_class.open()
    taught_class.join(session)
    taught_class.step(session, "start")
    taught_class.mark(session)

    page = open_page(taught_class)

    assert states_of(page) == ["present"]
    assert "You are present" in shown(page)
    assert "10:04:12" in shown(page)
    assert "1 of 3 present" in shown(page)
    assert "You can put your phone away." in shown(page)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("present", "You are present"),
        ("late", "You are present (late)"),
        ("excused", "You are excused"),
        ("absent", "You are marked absent"),
    ],
)
def test_mark_by_hand_is_shown_as_entered(taught_class, status, words):
    session = taught_class.open()
    correct(taught_class, session, status)

    page = open_page(taught_class)

    assert states_of(page) == [status]
    assert words in shown(page)


def test_each_open_session_has_a_card(taught_class):
    taught_class.join(taught_class.open())
    other = factories.make_section(students=[taught_class.students[0]])
    factories.make_session(section=other)

    assert sorted(states_of(open_page(taught_class))) == ["join", "waiting"]


def test_session_that_ended_today_is_listed_with_its_outcome(taught_class):
    session = taught_class.open()
    taught_class.join(session)
    taught_class.step(session, "start")
    taught_class.mark(session)
    taught_class.step(session, "end")

    assert states_of(open_page(taught_class)) == []
    assert re.search(r"Earlier today .* present \d\d:\d\d", shown(open_page(taught_class)))
    assert re.search(r"Earlier today .* absent", shown(open_page(taught_class, 1)))


def test_page_holds_every_state_for_the_script(taught_class):
    page = open_page(taught_class)

    held = re.findall(r'<template data-state="(\w+)"><article', re.sub(r">\s+<", "><", page))
    assert held == [
        *Status.values,
        "scan",
        "choose",
        "join",
        "waiting",
        "not_joined",
        "locked",
        "ended",
        "other",
    ]
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\bsrc=)", page)


def test_names_of_the_roster_are_text(taught_class):
    taught_class.section.course.title = "<script>alert(1)</script>"
    taught_class.section.course.save()
    taught_class.open()

    assert "<script>alert" not in open_page(taught_class)


def test_page_needs_the_same_queries_for_one_session_and_for_three(taught_class, django_assert_num_queries):
    def read():
        # Besides the prepared statements, which Django does not count.
        with django_assert_num_queries(3):
            client.get(reverse("qrsessions:student"))

    client = browser_of(taught_class.students[0])
    taught_class.open()
    # The first read repairs the sets.
    client.get(reverse("qrsessions:student"))
    read()
    for _ in range(2):
        factories.make_session(section=factories.make_section(students=[taught_class.students[0]]))
    client.get(reverse("qrsessions:student"))
    read()


# --- Who it is for ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["qrsessions:student", "qrsessions:attendance"])
@pytest.mark.django_db
def test_teacher_gets_an_explanation(client, name):
    client.force_login(factories.make_teacher())

    response = client.get(reverse(name))

    assert response.status_code == 200
    assert "This page is for students" in response.content.decode()


@pytest.mark.django_db
def test_account_without_a_student_sees_whom_to_ask(client):
    client.force_login(factories.make_user())

    page = client.get(reverse("qrsessions:student")).content.decode()

    assert "You are not on a roster yet" in page


@pytest.mark.parametrize("name", ["student", "attendance", "student-join", "student-code", "claim"])
@pytest.mark.django_db
def test_page_leads_to_the_sign_in_and_back(client, name):
    address = reverse(f"qrsessions:{name}")

    response = client.get(address)

    assert response.status_code == 302
    assert response.headers["Location"] == f"{reverse('account_login')}?next={address}"


@pytest.mark.parametrize("name", ["student-join", "student-code"])
def test_button_that_was_left_for_a_sign_in_leads_to_the_page(taught_class, name):
    response = browser_of(taught_class.students[0]).get(reverse(f"qrsessions:{name}"))

    assert (response.status_code, response.headers["Location"]) == (303, reverse("qrsessions:student"))


# --- The join address -------------------------------------------------------------------------------------


def join_address(public_id: str) -> str:
    return reverse("qrsessions:join-address", args=[public_id])


def test_join_address_in_the_qr_code_is_in_capitals():
    assert join_address("7GK2QM9X") == "/J/7GK2QM9X"


@pytest.mark.parametrize("address", ["/J/{}", "/j/{}"])
@pytest.mark.parametrize("letters", [str.upper, str.lower])
def test_join_address_redirects_to_the_page_and_changes_nothing(taught_class, address, letters):
    session = taught_class.open()
    before = everything_written()

    response = browser_of(taught_class.students[0]).get(address.format(letters(session.public_id)))

    assert (response.status_code, response.headers["Location"]) == (
        303,
        f"/student/?join={session.public_id}",
    )
    assert everything_written() == before


def test_join_address_of_a_group_leads_to_the_students_session(taught_class):
    own, other = taught_class.section, factories.make_section(students=1)
    group_session = factories.make_group_session(sections=[other, own])
    session = own.meetings.get()
    member = other.meetings.get()
    browser = browser_of(taught_class.students[0])

    answers = [browser.get(join_address(one.public_id)) for one in (group_session, session, member)]

    assert [answer.headers["Location"] for answer in answers] == [f"/student/?join={session.public_id}"] * 3


def test_page_knows_which_session_is_wanted(taught_class):
    taught_class.open()
    page = browser_of(taught_class.students[0]).get(reverse("qrsessions:student"), {"join": '7GK2QM9X"><b>'})

    assert 'data-join="7GK2QM9X&quot;&gt;&lt;b&gt;"' in page.content.decode()


def test_page_that_a_script_fetches_leaves_the_message_for_the_student(taught_class):
    browser = browser_of(taught_class.students[0])
    browser.get("/j/7GK2QM9X")
    pages = [
        browser.get(reverse("qrsessions:student"), headers=headers).text
        for headers in ({BACKGROUND_HEADER: "1"}, {}, {})
    ]

    assert ["does not belong to any class" in page for page in pages] == [False, True, False]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda taught_class: "7GK2QM9X", "This code does not belong to any class."),
        (lambda taught_class: "G0000000", "This code does not belong to any class."),
        (
            lambda taught_class: (
                factories.make_session(section=taught_class.section, status=SessionStatus.ENDED).public_id
            ),
            "This class has ended. You can no longer join it.",
        ),
        (
            lambda taught_class: factories.make_session().public_id,
            "You are not on the roster of ",
        ),
    ],
    ids=["none", "no group", "ended", "not enrolled"],
)
def test_join_address_of_no_open_session_explains_why(taught_class, make, words):
    public_id = make(taught_class)
    before = everything_written()

    response = browser_of(taught_class.students[0]).get(join_address(public_id), follow=True)

    assert response.redirect_chain == [("/student/", 303)]
    assert words.replace("\u0027", "&#x27;") in response.content.decode()
    assert everything_written() == before


@pytest.mark.parametrize("address", ["/j/7GK2QM9", "/j/7GK2QM9XX", "/j/7GK2-M9X", "/j/"])
def test_join_address_of_another_shape_is_404(client, address):
    assert client.get(address).status_code == 404


def test_post_to_the_join_address_is_refused(taught_class):
    session = taught_class.open()

    assert browser_of(taught_class.students[0]).post(join_address(session.public_id)).status_code == 405


def test_join_address_leads_through_the_sign_in_and_back(taught_class):
    address = join_address(taught_class.open().public_id)

    response = Client().get(address)

    assert (response.status_code, response.headers["Location"]) == (302, f"/accounts/login/?next={address}")


def test_teacher_at_the_join_address_gets_an_explanation(taught_class):
    session = taught_class.open()
    client = Client()
    client.force_login(taught_class.teacher)

    response = client.get(join_address(session.public_id))

    assert response.status_code == 403
    assert "This page is for students" in response.content.decode()


# --- A phone that two students share ----------------------------------------------------------------------


@pytest.mark.parametrize("call", ["join", "mark", "me"])
def test_page_of_somebody_else_is_refused(taught_class, call):
    """One student's page is still open when another signs in from a second tab."""
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    before = everything_written()
    client, page_of = taught_class.as_student[0], {"X-Rollcall-User": str(taught_class.students[1].user.pk)}

    if call == "join":
        answer = client.post(f"/api/v1/sessions/{session.public_id}/join/", headers=page_of)
    elif call == "mark":
        answer = client.post("/api/v1/mark/", {"token": token_of(session)}, format="json", headers=page_of)
    else:
        answer = client.get("/api/v1/me/session/", headers=page_of)

    assert (answer.status_code, answer.json()["code"]) == (409, "other_user")
    assert everything_written() == before


def test_page_shows_the_signed_in_student_and_signs_out(taught_class):
    page = open_page(taught_class)

    assert f'data-user="{taught_class.students[0].user.pk}"' in page
    student = taught_class.students[0]
    assert f"You are {student.name} ({student.student_id})." in shown(page)
    assert "Not you? Sign out" in shown(page)


def test_csrf_refusal_names_the_cookies(taught_class):
    response = browser_of(taught_class.students[0], enforce_csrf_checks=True).post(
        reverse("qrsessions:student-join")
    )

    assert response.status_code == 403
    assert "It may be blocking cookies" in response.content.decode()


# --- Joining and typing without a script ------------------------------------------------------------------


def test_join_by_form(taught_class):
    session = taught_class.open()

    response = browser_of(taught_class.students[0]).post(
        reverse("qrsessions:student-join"), {"session": session.public_id.lower()}
    )

    assert (response.status_code, response.headers["Location"]) == (303, reverse("qrsessions:student"))
    assert states_of(open_page(taught_class)) == ["waiting"]


@pytest.mark.parametrize("session", ["", "ZZZZZZZZ", "x" * 500, "\x00", "💥"])
def test_join_of_an_unknown_session_shows_a_message(taught_class, session):
    before = everything_written()

    response = browser_of(taught_class.students[0]).post(
        reverse("qrsessions:student-join"), {"session": session}, follow=True
    )

    assert response.status_code == 200
    assert "This session does not exist." in response.content.decode()
    assert everything_written() == before


def test_join_after_the_lock_shows_what_to_do(taught_class):
    session = taught_class.open()
    taught_class.step(session, "lock")
    before = everything_written()

    response = browser_of(taught_class.students[0]).post(
        reverse("qrsessions:student-join"), {"session": session.public_id}, follow=True
    )

    assert "Joining is locked." in response.content.decode()
    assert everything_written() == before


def test_join_without_enrolment_is_refused(taught_class):
    session = taught_class.open()
    stranger = factories.make_student()
    before = everything_written()

    response = browser_of(stranger).post(
        reverse("qrsessions:student-join"), {"session": session.public_id}, follow=True
    )

    name = f"{taught_class.section.course.code} · {taught_class.section.name}"
    assert f"You are not on the roster of {name}." in unescape(response.content.decode())
    assert everything_written() == before


@pytest.mark.parametrize("name", ["student-join", "student-code"])
def test_post_without_csrf_is_refused(taught_class, name):
    session = taught_class.open()
    before = everything_written()

    response = browser_of(taught_class.students[0], enforce_csrf_checks=True).post(
        reverse(f"qrsessions:{name}"), {"session": session.public_id, "code": "12345678"}
    )

    assert response.status_code == 403
    assert everything_written() == before


@pytest.mark.parametrize("name", ["student-join", "student-code"])
def test_teacher_does_not_join_or_type(taught_class, name):
    session = taught_class.open()
    client = Client()
    client.force_login(taught_class.teacher)

    response = client.post(reverse(f"qrsessions:{name}"), {"session": session.public_id, "code": "12345678"})

    assert response.status_code == 403


def test_typed_code_marks(taught_class):
    session = taught_class.open()
    taught_class.join(session)
    taught_class.step(session, "start")
    code = code_of(session)

    response = browser_of(taught_class.students[0]).post(
        reverse("qrsessions:student-code"), {"session": session.public_id, "code": f"{code[:4]} {code[4:]}"}
    )

    assert (response.status_code, response.headers["Location"]) == (303, reverse("qrsessions:student"))
    record = session.meeting.records.get(student=taught_class.students[0])
    assert (record.status, record.method) == (Status.PRESENT, Method.CODE)
    assert states_of(open_page(taught_class)) == ["present"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("", "Type the eight digits"),
        ("123", "The code has eight digits."),
        ("٤٤٤٤٤٤٤٤", "The code has eight digits."),
        ("1" * 500, "The code has eight digits."),
        ("\x00", "Null characters are not allowed."),
    ],
)
def test_malformed_code_is_refused_with_a_message(taught_class, code, words):
    session = taught_class.open()
    taught_class.join(session)
    taught_class.step(session, "start")
    before = everything_written()

    response = browser_of(taught_class.students[0]).post(
        reverse("qrsessions:student-code"), {"session": session.public_id, "code": code}, follow=True
    )

    assert response.status_code == 200
    assert words in response.content.decode()
    assert everything_written() == before


def test_sixth_code_within_a_minute_is_429(taught_class):
    session = taught_class.open()
    taught_class.join(session)
    taught_class.step(session, "start")
    client = browser_of(taught_class.students[0])
    wrong = f"{(int(code_of(session)) + 1) % 10**8:08d}"

    answers = [
        client.post(reverse("qrsessions:student-code"), {"session": session.public_id, "code": wrong})
        for _ in range(6)
    ]

    assert [answer.status_code for answer in answers] == [303] * 5 + [429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert "One moment, please" in answers[-1].content.decode()


# --- My attendance ----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_attendance_before_the_first_class(client):
    client.force_login(factories.make_student().user)

    assert "No class has ended yet" in client.get(reverse("qrsessions:attendance")).content.decode()


@pytest.mark.django_db
def test_attendance_lists_each_section_with_its_percentage(client):
    student, course = factories.make_student(), factories.make_course()
    for name, statuses in (
        ("A", [Status.PRESENT, Status.ABSENT, Status.LATE]),
        ("B", [Status.EXCUSED]),
    ):
        section = factories.make_section(course=course, name=name, students=[student])
        for days, status in enumerate(statuses):
            at = NOW - datetime.timedelta(days=days)
            session = factories.make_session(section=section, status=SessionStatus.ENDED, at=at)
            factories.make_record(meeting=session.meeting, student=student, status=status)
    client.force_login(student.user)

    page = shown(client.get(reverse("qrsessions:attendance")).content.decode())

    # The percentage, and how it comes about.
    assert re.findall(r"[\d.]+%", page) == ["66.7%", "66.7%"]
    assert re.findall(r"\d of \d class(?:es)?", page) == [
        "2 of 3 classes",
        "2 of 3 classes",
        "0 of 0 classes",
    ]
    assert re.findall(r"\d+ Oct 2026, \d\d:\d\d (\w+)", page) == ["present", "absent", "late", "excused"]


@pytest.mark.django_db
@pytest.mark.parametrize("sections", [1, 3])
def test_attendance_costs_the_same_for_every_number_of_sections(client, django_assert_num_queries, sections):
    student = factories.make_student()
    for _ in range(sections):
        section = factories.make_section(students=[student])
        session = factories.make_session(section=section, status=SessionStatus.ENDED)
        factories.make_record(meeting=session.meeting, student=student, status=Status.PRESENT)
    client.force_login(student.user)

    with django_assert_num_queries(8):
        client.get(reverse("qrsessions:attendance"))
