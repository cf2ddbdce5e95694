"""The student's pages: one clear state for each session, joining and typed codes without a script, the own attendance."""

import datetime
import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attendance.models import Method, Status
from qrsessions import correcting, tokens
from qrsessions.models import SessionStatus
from tests import factories
from tests.qrsessions.conftest import everything_written, token_of

NOW = datetime.datetime(2026, 10, 5, 8, 4, 12, tzinfo=datetime.UTC)


def browser_of(student, **options) -> Client:
    client = Client(**options)
    client.force_login(student.user)
    return client


def states_of(page: str) -> list[str]:
    """The state of each session that the page shows; not those that wait in a <template>."""
    return re.findall(r'<article [^>]*data-session="[^"]+" data-state="(\w+)"', page)


def shown(page: str) -> str:
    """The page without its templates, as text."""
    body = re.sub(r"(?s)<template.*?</template>|<noscript>.*?</noscript>", "", page)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body))


def open_page(klass, number: int = 0) -> str:
    response = browser_of(klass.students[number]).get(reverse("qrsessions:student"))
    assert response.status_code == 200
    return response.content.decode()


def correct(klass, session, status: str, number: int = 0) -> None:
    correcting.correct(
        session=session,
        student=klass.students[number],
        status=Status(status),
        note="",
        by=klass.teacher,
        at=timezone.now(),
    )


def code_of(session) -> str:
    return tokens.make_code(public_id=session.public_id, secret=session.secret, at=timezone.now())


# --- States -----------------------------------------------------------------------------------------------


def test_nothing_open_says_that_the_page_goes_on_by_itself(klass):
    page = open_page(klass)

    assert states_of(page) == []
    assert "This page shows it by itself" in shown(page)
    assert '<meta http-equiv="refresh" content="10">' in page


def test_open_session_can_be_joined(klass):
    session = klass.open()

    page = open_page(klass)

    assert states_of(page) == ["join"]
    assert f"Join {session.meeting.section.course.code} · {session.meeting.section.name}" in shown(page)
    assert "0 of 3 have joined" in shown(page)


@pytest.mark.parametrize("step", [None, "lock"])
def test_who_joined_waits_for_the_start(klass, step):
    session = klass.open()
    klass.join(session)
    if step:
        klass.step(session, step)

    page = open_page(klass)

    assert states_of(page) == ["waiting"]
    assert "You are in" in shown(page)
    assert "1 of 3 have joined" in shown(page)


def test_who_joined_scans_while_attendance_is_taken(klass):
    session = klass.open()
    klass.join(session)
    klass.step(session, "start")

    page = open_page(klass)

    assert states_of(page) == ["scan"]
    assert 'inputmode="numeric" autocomplete="one-time-code"' in page
    assert '<meta http-equiv="refresh" content="45">' in page


def test_who_came_after_the_lock_is_told_what_to_do(klass):
    session = klass.open()
    klass.step(session, "lock")
    assert states_of(open_page(klass)) == ["locked"]

    klass.step(session, "start")
    page = open_page(klass)
    assert states_of(page) == ["not_joined"]
    assert "your teacher sees your scan and can admit you" in shown(page)


def test_open_policy_lets_scan_without_joining(klass):
    session = klass.open(join_policy="open")
    klass.step(session, "start")

    assert states_of(open_page(klass)) == ["scan"]


def test_marked_student_sees_when_and_how_many_are_here(klass, settings, time_machine):
    settings.TIME_ZONE = "Europe/Berlin"
    time_machine.move_to(NOW, tick=False)
    session = klass.open()
    klass.join(session)
    klass.step(session, "start")
    klass.mark(session)

    page = open_page(klass)

    assert states_of(page) == ["present"]
    assert "You are present" in shown(page)
    assert "10:04:12" in shown(page)
    assert "1 of 3 are here" in shown(page)
    assert "You can put your phone away." in shown(page)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("present", "You are present"),
        ("late", "You are present, and late"),
        ("excused", "You are excused"),
        ("absent", "You are entered as absent"),
    ],
)
def test_what_the_teacher_entered_is_shown_as_it_is(klass, status, words):
    session = klass.open()
    correct(klass, session, status)

    page = open_page(klass)

    assert states_of(page) == [status]
    assert words in shown(page)


def test_each_open_session_has_a_card(klass):
    klass.join(klass.open())
    other = factories.make_section(students=[klass.students[0]])
    factories.make_session(section=other)

    assert sorted(states_of(open_page(klass))) == ["join", "waiting"]


def test_session_that_ended_today_is_listed_with_its_outcome(klass):
    session = klass.open()
    klass.join(session)
    klass.step(session, "start")
    klass.mark(session)
    klass.step(session, "end")

    assert states_of(open_page(klass)) == []
    assert re.search(r"Earlier today .* present \d\d:\d\d", shown(open_page(klass)))
    assert re.search(r"Earlier today .* absent", shown(open_page(klass, 1)))


def test_page_holds_every_state_for_the_script(klass):
    page = open_page(klass)

    held = re.findall(r'<template data-state="(\w+)"><article', re.sub(r">\s+<", "><", page))
    assert held == [*Status.values, "scan", "choose", "join", "waiting", "not_joined", "locked", "ended"]
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\bsrc=)", page)


def test_names_of_the_roster_are_text(klass):
    klass.section.course.title = "<script>alert(1)</script>"
    klass.section.course.save()
    klass.open()

    assert "<script>alert" not in open_page(klass)


def test_page_costs_the_same_for_one_session_and_for_three(klass, django_assert_num_queries):
    def read():
        # And the statement of own_sessions.py, which Django does not count.
        with django_assert_num_queries(2):
            client.get(reverse("qrsessions:student"))

    client = browser_of(klass.students[0])
    klass.open()
    # The first read heals the sets.
    client.get(reverse("qrsessions:student"))
    read()
    for _ in range(2):
        factories.make_session(section=factories.make_section(students=[klass.students[0]]))
    client.get(reverse("qrsessions:student"))
    read()


# --- Who it is for ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["qrsessions:student", "qrsessions:attendance"])
@pytest.mark.django_db
def test_teacher_gets_an_explanation(client, name):
    client.force_login(factories.make_teacher())

    response = client.get(reverse(name))

    assert response.status_code == 200
    assert "This is for students" in response.content.decode()


@pytest.mark.django_db
def test_account_without_a_student_is_told_whom_to_ask(client):
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
def test_button_that_was_left_for_a_sign_in_leads_to_the_page(klass, name):
    response = browser_of(klass.students[0]).get(reverse(f"qrsessions:{name}"))

    assert (response.status_code, response.headers["Location"]) == (303, reverse("qrsessions:student"))


# --- The join address -------------------------------------------------------------------------------------


def join_address(public_id: str) -> str:
    return reverse("qrsessions:join-address", args=[public_id])


def test_join_address_in_the_qr_code_is_in_capitals():
    assert join_address("7GK2QM9X") == "/J/7GK2QM9X"


@pytest.mark.parametrize("address", ["/J/{}", "/j/{}"])
@pytest.mark.parametrize("letters", [str.upper, str.lower])
def test_join_address_leads_to_the_page_and_changes_nothing(klass, address, letters):
    session = klass.open()
    before = everything_written()

    response = browser_of(klass.students[0]).get(address.format(letters(session.public_id)))

    assert (response.status_code, response.headers["Location"]) == (
        303,
        f"/student/?join={session.public_id}",
    )
    assert everything_written() == before


def test_join_address_of_a_group_leads_to_the_own_session(klass):
    own, other = klass.section, factories.make_section(students=1)
    group_session = factories.make_group_session(sections=[other, own])
    session = own.meetings.get()
    member = other.meetings.get()
    browser = browser_of(klass.students[0])

    answers = [browser.get(join_address(one.public_id)) for one in (group_session, session, member)]

    assert [answer.headers["Location"] for answer in answers] == [f"/student/?join={session.public_id}"] * 3


def test_page_knows_which_session_is_wanted(klass):
    klass.open()
    page = browser_of(klass.students[0]).get(reverse("qrsessions:student"), {"join": '7GK2QM9X"><b>'})

    assert 'data-join="7GK2QM9X&quot;&gt;&lt;b&gt;"' in page.content.decode()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda klass: "7GK2QM9X", "There is no class behind this code."),
        (lambda klass: "G0000000", "There is no class behind this code."),
        (
            lambda klass: factories.make_session(section=klass.section, status=SessionStatus.ENDED).public_id,
            "This class has ended; it can\u0027t be joined any more.",
        ),
        (
            lambda klass: factories.make_session().public_id,
            "You are not on the list of this section.",
        ),
    ],
    ids=["none", "no group", "ended", "not enrolled"],
)
def test_join_address_that_leads_nowhere_says_why(klass, make, words):
    public_id = make(klass)
    before = everything_written()

    response = browser_of(klass.students[0]).get(join_address(public_id), follow=True)

    assert response.redirect_chain == [("/student/", 303)]
    assert words.replace("\u0027", "&#x27;") in response.content.decode()
    assert everything_written() == before


@pytest.mark.parametrize("address", ["/j/7GK2QM9", "/j/7GK2QM9XX", "/j/7GK2-M9X", "/j/"])
def test_join_address_of_another_shape_is_404(client, address):
    assert client.get(address).status_code == 404


def test_post_to_the_join_address_is_refused(klass):
    session = klass.open()

    assert browser_of(klass.students[0]).post(join_address(session.public_id)).status_code == 405


def test_join_address_leads_through_the_sign_in_and_back(klass):
    address = join_address(klass.open().public_id)

    response = Client().get(address)

    assert (response.status_code, response.headers["Location"]) == (302, f"/accounts/login/?next={address}")


def test_teacher_at_the_join_address_gets_an_explanation(klass):
    session = klass.open()
    client = Client()
    client.force_login(klass.teacher)

    response = client.get(join_address(session.public_id))

    assert response.status_code == 403
    assert "This is for students" in response.content.decode()


# --- A phone that two students share ----------------------------------------------------------------------


@pytest.mark.parametrize("call", ["join", "mark", "me"])
def test_page_of_somebody_else_is_refused(klass, call):
    """The page was made for one student, and another one has signed in since, in a second tab."""
    session = klass.open(join_policy="open")
    klass.step(session, "start")
    before = everything_written()
    client, page_of = klass.as_student[0], {"X-Rollcall-User": str(klass.students[1].user.pk)}

    if call == "join":
        answer = client.post(f"/api/v1/sessions/{session.public_id}/join/", headers=page_of)
    elif call == "mark":
        answer = client.post("/api/v1/mark/", {"token": token_of(session)}, format="json", headers=page_of)
    else:
        answer = client.get("/api/v1/me/session/", headers=page_of)

    assert (answer.status_code, answer.json()["code"]) == (409, "other_user")
    assert everything_written() == before


def test_page_says_whose_it_is_and_signs_out(klass):
    page = open_page(klass)

    assert f'data-user="{klass.students[0].user.pk}"' in page
    student = klass.students[0]
    assert f"You are {student.name} ({student.student_id})." in shown(page)
    assert "Not you? Sign out" in shown(page)


def test_csrf_refusal_names_the_cookies(klass):
    response = browser_of(klass.students[0], enforce_csrf_checks=True).post(
        reverse("qrsessions:student-join")
    )

    assert response.status_code == 403
    assert "it blocks cookies" in response.content.decode()


# --- Joining and typing without a script ------------------------------------------------------------------


def test_join_by_form(klass):
    session = klass.open()

    response = browser_of(klass.students[0]).post(
        reverse("qrsessions:student-join"), {"session": session.public_id.lower()}
    )

    assert (response.status_code, response.headers["Location"]) == (303, reverse("qrsessions:student"))
    assert states_of(open_page(klass)) == ["waiting"]


@pytest.mark.parametrize("session", ["", "ZZZZZZZZ", "x" * 500, "\x00", "💥"])
def test_join_of_no_session_says_so(klass, session):
    before = everything_written()

    response = browser_of(klass.students[0]).post(
        reverse("qrsessions:student-join"), {"session": session}, follow=True
    )

    assert response.status_code == 200
    assert "This session does not exist." in response.content.decode()
    assert everything_written() == before


def test_join_after_the_lock_says_what_to_do(klass):
    session = klass.open()
    klass.step(session, "lock")
    before = everything_written()

    response = browser_of(klass.students[0]).post(
        reverse("qrsessions:student-join"), {"session": session.public_id}, follow=True
    )

    assert "Joining is locked." in response.content.decode()
    assert everything_written() == before


def test_join_without_enrolment_is_refused(klass):
    session = klass.open()
    stranger = factories.make_student()
    before = everything_written()

    response = browser_of(stranger).post(
        reverse("qrsessions:student-join"), {"session": session.public_id}, follow=True
    )

    assert "You are not on the list of this section." in response.content.decode()
    assert everything_written() == before


@pytest.mark.parametrize("name", ["student-join", "student-code"])
def test_post_without_csrf_is_refused(klass, name):
    session = klass.open()
    before = everything_written()

    response = browser_of(klass.students[0], enforce_csrf_checks=True).post(
        reverse(f"qrsessions:{name}"), {"session": session.public_id, "code": "12345678"}
    )

    assert response.status_code == 403
    assert everything_written() == before


@pytest.mark.parametrize("name", ["student-join", "student-code"])
def test_teacher_does_not_join_or_type(klass, name):
    session = klass.open()
    client = Client()
    client.force_login(klass.teacher)

    response = client.post(reverse(f"qrsessions:{name}"), {"session": session.public_id, "code": "12345678"})

    assert response.status_code == 403


def test_typed_code_marks(klass):
    session = klass.open()
    klass.join(session)
    klass.step(session, "start")
    code = code_of(session)

    response = browser_of(klass.students[0]).post(
        reverse("qrsessions:student-code"), {"session": session.public_id, "code": f"{code[:4]} {code[4:]}"}
    )

    assert (response.status_code, response.headers["Location"]) == (303, reverse("qrsessions:student"))
    record = session.meeting.records.get(student=klass.students[0])
    assert (record.status, record.method) == (Status.PRESENT, Method.CODE)
    assert states_of(open_page(klass)) == ["present"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("", "Type the eight digits"),
        ("123", "A code has eight digits."),
        ("٤٤٤٤٤٤٤٤", "A code has eight digits."),
        ("1" * 500, "A code has eight digits."),
        ("\x00", "Null characters are not allowed."),
    ],
)
def test_code_that_is_none_is_refused_in_words(klass, code, words):
    session = klass.open()
    klass.join(session)
    klass.step(session, "start")
    before = everything_written()

    response = browser_of(klass.students[0]).post(
        reverse("qrsessions:student-code"), {"session": session.public_id, "code": code}, follow=True
    )

    assert response.status_code == 200
    assert words in response.content.decode()
    assert everything_written() == before


def test_sixth_code_within_a_minute_is_429(klass):
    session = klass.open()
    klass.join(session)
    klass.step(session, "start")
    client = browser_of(klass.students[0])
    wrong = f"{(int(code_of(session)) + 1) % 10**8:08d}"

    answers = [
        client.post(reverse("qrsessions:student-code"), {"session": session.public_id, "code": wrong})
        for _ in range(6)
    ]

    assert [answer.status_code for answer in answers] == [303] * 5 + [429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert "A moment, please" in answers[-1].content.decode()


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

    assert re.findall(r"[\d.]+ %", page) == ["66.7 %", "0 %"]
    assert re.findall(r"\d of \d class(?:es)?", page) == ["2 of 3 classes", "0 of 1 class"]
    assert re.findall(r"\d+ Oct 2026 (\w+)", page) == ["present", "absent", "late", "excused"]


@pytest.mark.django_db
@pytest.mark.parametrize("sections", [1, 3])
def test_attendance_costs_the_same_for_every_number_of_sections(client, django_assert_num_queries, sections):
    student = factories.make_student()
    for _ in range(sections):
        section = factories.make_section(students=[student])
        session = factories.make_session(section=section, status=SessionStatus.ENDED)
        factories.make_record(meeting=session.meeting, student=student, status=Status.PRESENT)
    client.force_login(student.user)

    with django_assert_num_queries(2):
        client.get(reverse("qrsessions:attendance"))
