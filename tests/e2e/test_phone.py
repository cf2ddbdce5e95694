"""The phone from the door to "you are present": joining, scanning, dead zones, shared phones."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from attendance.models import AttendanceRecord
from qrsessions import lifecycle
from qrsessions.limits import MARKS
from qrsessions.models import QRSession, RefusedScan, SessionStatus
from tests import factories
from tests.e2e.conftest import PHONE, sign_in
from tests.e2e.phones import (
    CAMERA,
    ask_now,
    be_ready_for_a_dead_zone,
    code_of,
    hold_before,
    open_camera,
    open_student_page,
    wait_until,
)
from tests.qrsessions.conftest import token_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def open_phone(browser: Browser, live_server):
    """A phone in a browser context of its own. Scripts that fail end the test; answers that refuse, and dead zones, don't."""
    contexts, problems = [], []

    def keep_errors(message: ConsoleMessage) -> None:
        if (
            message.type == "error"
            and "Failed to load resource" not in message.text
            and "ERR_" not in message.text
        ):
            problems.append(message.text)

    def open_phone(**options) -> Page:
        context = browser.new_context(base_url=live_server.url, **{**PHONE, **options})
        contexts.append(context)
        context.add_init_script(CAMERA)
        context.on("page", lambda page: page.on("pageerror", lambda error: problems.append(str(error))))
        context.on("console", keep_errors)
        return context.new_page()

    yield open_phone
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def section():
    return factories.make_section(students=3, teachers=[factories.make_teacher()])


@pytest.fixture
def student(section):
    return factories.students_of(section)[0]


def open_session(section) -> QRSession:
    """As a teacher does, so that pages that are open hear of it."""
    return lifecycle.open_session(section=section, by=section.teachers.get(), at=timezone.now())


def take(session: QRSession, step: str) -> None:
    lifecycle.take_step(session=session, step=step, by=session.opened_by, at=timezone.now())


def heading(phone: Page, name: str):
    return phone.get_by_role("heading", name=name, exact=True)


def marks() -> list[tuple[Any, ...]]:
    return list(AttendanceRecord.objects.order_by("pk").values_list("student", "status", "method"))


def active_session(section, student) -> QRSession:
    """A session that takes attendance, which the student joined."""
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    factories.make_record(meeting=session.meeting, student=student, roll_number="01")
    return session


# --- Joining ----------------------------------------------------------------------------------------------


def test_join_code_leads_through_the_sign_in_to_the_list_of_the_room(open_phone, section, student):
    session = factories.make_session(section=section)
    factories.make_session(section=factories.make_section(students=[student]))
    phone = open_phone()

    phone.goto(f"/J/{session.public_id}")
    sign_in(phone, student.user)

    expect(heading(phone, "You are in")).to_be_visible()
    assert list(AttendanceRecord.objects.values_list("meeting", "student")) == [(session.pk, student.pk)]
    assert phone.url.endswith("/student/")


def test_opening_the_page_joins_the_only_session(open_phone, section, student):
    factories.make_session(section=section)
    phone = open_phone()

    open_student_page(phone, student)

    expect(heading(phone, "You are in")).to_be_visible()


def test_of_two_sessions_none_is_joined_unasked(open_phone, section, student):
    factories.make_session(section=section)
    factories.make_session(section=factories.make_section(students=[student]))
    phone = open_phone()

    open_student_page(phone, student)
    ask_now(phone)

    expect(heading(phone, "Your class is open")).to_have_count(2)
    assert marks() == []


def test_session_that_opens_later_waits_for_the_button(open_phone, section, student):
    phone = open_phone()
    open_student_page(phone, student)
    expect(heading(phone, "Nothing is open for you now")).to_be_visible()
    phone.wait_for_load_state("networkidle")

    open_session(section)
    ask_now(phone)
    expect(heading(phone, "Your class is open")).to_be_visible()
    ask_now(phone)
    assert marks() == []

    phone.get_by_role("button", name=re.compile("^Join")).click()
    expect(heading(phone, "You are in")).to_be_visible()


@pytest.mark.parametrize(
    ("address", "words"),
    [("/j/zzzzzzzz", "There is no class behind this code."), ("/J/G0000000", "There is no class")],
)
def test_join_code_of_no_class_says_so(open_phone, student, address, words):
    phone = open_phone()

    phone.goto(address)
    sign_in(phone, student.user)

    expect(phone.get_by_text(words)).to_be_visible()


# --- Scanning ---------------------------------------------------------------------------------------------


def test_waiting_turns_into_the_scanner_and_a_scan_into_the_mark(open_phone, section, student):
    session = factories.make_session(section=section)
    phone = open_phone()
    open_student_page(phone, student)
    expect(heading(phone, "You are in")).to_be_visible()

    take(session, "start")
    ask_now(phone)
    expect(heading(phone, "Scan the code on the screen")).to_be_visible()
    open_camera(phone)
    session.refresh_from_db()
    hold_before(phone, code_of(session))

    expect(heading(phone, "You are present")).to_be_visible()
    assert marks() == [(student.pk, "present", "qr")]


@pytest.mark.parametrize(
    "text",
    ["https://bus.example.com/ticket/0123456789ABCDEFGHJK", "HTTPS://ATTEND.EXAMPLE.EDU/A/TOOSHORT", "♥"],
)
def test_code_of_something_else_is_told_apart(open_phone, section, student, text):
    active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)

    open_camera(phone)
    hold_before(phone, text)

    expect(phone.get_by_text("This is not the code of a class.").locator("visible=true")).to_be_visible()
    assert marks() == [(student.pk, None, None)]


def test_code_of_another_class_is_refused_and_the_right_one_is_taken_next(open_phone, section, student):
    session = active_session(section, student)
    other = factories.make_session(section=factories.make_section(students=1), status="active")
    phone = open_phone()
    open_student_page(phone, student)

    open_camera(phone)
    hold_before(phone, code_of(other))
    expect(
        phone.get_by_text("You are not on the list of this section.").locator("visible=true")
    ).to_be_visible()
    hold_before(phone, code_of(session))

    expect(heading(phone, "You are present")).to_be_visible()


def test_code_that_is_just_over_is_no_reason_for_words(open_phone, section, student):
    session = active_session(section, student)
    QRSession.objects.update(created_at=timezone.now() - timezone.timedelta(hours=1))
    phone = open_phone()
    open_student_page(phone, student)

    open_camera(phone)
    with phone.expect_response("**/api/v1/mark/") as refused:
        hold_before(phone, code_of(session, steps_ago=3))
    assert refused.value.json()["code"] == "token_expired"
    expect(phone.locator("[data-word]").locator("visible=true")).to_have_count(0)
    hold_before(phone, code_of(session))

    expect(heading(phone, "You are present")).to_be_visible()


def test_scan_without_joining_is_kept_for_the_teacher(open_phone, section, student):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    phone = open_phone()
    open_student_page(phone, student)
    expect(heading(phone, "You had not joined in time")).to_be_visible()

    open_camera(phone)
    hold_before(phone, code_of(session))

    expect(phone.locator("[data-scanner-status]")).to_contain_text(
        "You had not joined before joining was locked."
    )
    assert list(RefusedScan.objects.values_list("student", "method")) == [(student.pk, "qr")]


def test_scan_beyond_the_limit_waits_and_is_kept(open_phone, section, student):
    session = active_session(section, student)
    for _ in range(MARKS.times):
        MARKS.allow(str(student.pk))
    phone = open_phone()
    open_student_page(phone, student)

    open_camera(phone)
    hold_before(phone, code_of(session))

    expect(phone.get_by_text(re.compile(r"Your scan is kept and is sent again in \d+ s\."))).to_be_visible()


def test_session_that_ends_closes_the_camera_and_says_what_became_of_it(open_phone, section, student):
    session = active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)
    open_camera(phone)
    stream = phone.evaluate_handle("document.querySelector('video').srcObject.getTracks()[0]")

    take(session, "end")
    ask_now(phone)

    expect(heading(phone, "This class has ended")).to_be_visible()
    expect(phone.get_by_text("You are entered as absent.")).to_be_visible()
    assert stream.evaluate("track => track.readyState") == "ended"


# --- Weak network -----------------------------------------------------------------------------------------


def test_scan_without_a_network_is_kept_and_delivered(open_phone, section, student, settings):
    settings.QR_STEP_SECONDS = 60
    session = active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)
    open_camera(phone)

    phone.context.set_offline(True)
    hold_before(phone, code_of(session))
    expect(
        phone.get_by_text(re.compile(r"Your scan of \d\d:\d\d:\d\d is kept and is being sent"))
    ).to_be_visible()
    assert marks() == [(student.pk, None, None)]
    phone.context.set_offline(False)

    expect(heading(phone, "You are present")).to_be_visible()
    expect(phone.get_by_text("is kept and is being sent")).to_be_hidden()
    assert marks() == [(student.pk, "present", "qr")]
    assert phone.evaluate("Object.keys(localStorage).filter(key => key.includes('scans'))") == []


def test_scan_that_comes_too_late_is_told_so(open_phone, section, student, settings):
    settings.QR_STEP_SECONDS = 1
    session = active_session(section, student)
    QRSession.objects.update(created_at=timezone.now() - timezone.timedelta(hours=1))
    phone = open_phone()
    open_student_page(phone, student)
    open_camera(phone)

    phone.context.set_offline(True)
    hold_before(phone, code_of(session))
    expect(phone.get_by_text("is kept and is being sent")).to_be_visible()
    phone.wait_for_timeout(3000)
    phone.context.set_offline(False)

    expect(
        phone.get_by_text(re.compile(r"came too late: it reached the server \d+ s after it was made"))
    ).to_be_visible()
    assert marks() == [(student.pk, None, None)]


def test_reload_in_a_dead_zone_shows_the_last_state_and_keeps_the_scan(
    open_phone, section, student, settings
):
    settings.QR_STEP_SECONDS = 60
    session = factories.make_session(section=section)
    phone = open_phone()
    open_student_page(phone, student)
    expect(heading(phone, "You are in")).to_be_visible()
    be_ready_for_a_dead_zone(phone)
    take(session, "start")
    ask_now(phone)
    expect(heading(phone, "Scan the code on the screen")).to_be_visible()

    phone.context.set_offline(True)
    phone.reload()
    expect(heading(phone, "Scan the code on the screen")).to_be_visible()
    expect(phone.get_by_text(re.compile(r"No connection since \d\d:\d\d\."))).to_be_visible()
    open_camera(phone)
    session.refresh_from_db()
    hold_before(phone, code_of(session))
    expect(phone.get_by_text("is kept and is being sent")).to_be_visible()
    phone.reload()
    expect(phone.get_by_text("is kept and is being sent")).to_be_visible()

    phone.context.set_offline(False)
    expect(heading(phone, "You are present")).to_be_visible()
    expect(phone.get_by_text("No connection since")).to_be_hidden()
    assert marks() == [(student.pk, "present", "qr")]


def test_scan_of_the_camera_app_in_a_dead_zone_is_kept(open_phone, section, student, settings):
    settings.QR_STEP_SECONDS = 60
    session = active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)
    be_ready_for_a_dead_zone(phone)

    phone.context.set_offline(True)
    phone.goto(f"/A/{token_of(session)}")
    expect(phone.get_by_text("is kept and is being sent")).to_be_visible()
    phone.context.set_offline(False)

    expect(heading(phone, "You are present")).to_be_visible()


# --- Tabs, history, shared phones -------------------------------------------------------------------------


def test_second_tab_and_back_do_no_harm(open_phone, section, student):
    session = factories.make_session(section=section)
    phone = open_phone()
    open_student_page(phone, student)
    expect(heading(phone, "You are in")).to_be_visible()
    second = phone.context.new_page()
    second.goto("/student/")
    expect(heading(second, "You are in")).to_be_visible()

    take(session, "start")
    second.goto("/student/attendance/")
    second.go_back()
    expect(heading(second, "Scan the code on the screen")).to_be_visible()
    session.refresh_from_db()
    phone.goto(f"/A/{token_of(session)}")
    expect(heading(phone, "You are present")).to_be_visible()
    ask_now(second)
    expect(heading(second, "You are present")).to_be_visible()
    phone.go_back()

    expect(heading(phone, "You are present")).to_be_visible()
    assert marks() == [(student.pk, "present", "qr")]


def test_signing_out_forgets_the_student(open_phone, section, student):
    active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)
    be_ready_for_a_dead_zone(phone)

    phone.get_by_role("button", name="Not you? Sign out").click()

    expect(phone.get_by_role("heading", name="Sign in")).to_be_visible()
    wait_until(phone, "caches.open('rollcall-page').then(async (cache) => !(await cache.match('/student/')))")
    assert phone.evaluate("Object.keys(localStorage)") == []


def test_page_of_one_student_acts_for_no_other(open_phone, section, student):
    """Two students share a phone: the page of the first is still open in a tab when the second has signed in."""
    session = factories.make_session(section=section, status="active", join_policy="open")
    other = factories.students_of(section)[1]
    phone = open_phone()
    open_student_page(phone, student)
    expect(phone.get_by_text(student.name)).to_be_visible()
    open_camera(phone)
    phone.context.set_offline(True)
    hold_before(phone, code_of(session))
    expect(phone.get_by_text("is kept and is being sent")).to_be_visible()

    phone.context.clear_cookies(name="sessionid")
    phone.context.add_cookies(
        [{"name": "sessionid", "value": session_key_of(other), "url": phone.evaluate("location.origin")}]
    )
    phone.context.set_offline(False)

    expect(phone.get_by_text(other.name)).to_be_visible()
    assert marks() == []


def session_key_of(student) -> str:
    client = Client()
    client.force_login(student.user)
    return client.cookies["sessionid"].value


def test_blocked_cookies_are_named(open_phone):
    phone = open_phone()
    phone.add_init_script("Object.defineProperty(Navigator.prototype, 'cookieEnabled', { get: () => false })")

    phone.goto("/accounts/login/")

    expect(phone.get_by_text("Your browser blocks cookies")).to_be_visible()


# --- For everybody ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_student_pages_are_accessible(open_phone, section, student, scheme):
    phone = open_phone(color_scheme=scheme)
    found = []

    def look(state: str) -> None:
        # What fades in has the contrast of its end.
        phone.wait_for_timeout(400)
        violations = Axe().run(phone).response["violations"]
        found.extend((state, one["id"], [node["html"] for node in one["nodes"]]) for one in violations)

    open_student_page(phone, student)
    look("none")
    session = open_session(section)
    ask_now(phone)
    expect(heading(phone, "Your class is open")).to_be_visible()
    look("join")
    phone.get_by_role("button", name=re.compile("^Join")).click()
    expect(heading(phone, "You are in")).to_be_visible()
    look("waiting")
    take(session, "start")
    ask_now(phone)
    expect(heading(phone, "Scan the code on the screen")).to_be_visible()
    look("scan")
    open_camera(phone)
    look("camera")
    hold_before(phone, "bus ticket")
    expect(phone.get_by_text("This is not the code of a class.").locator("visible=true")).to_be_visible()
    look("not ours")
    take(session, "end")
    ask_now(phone)
    expect(heading(phone, "This class has ended")).to_be_visible()
    look("ended")
    for address in ("/student/attendance/", "/A/0123456789ABCDEFGHJK"):
        phone.goto(address)
        look(address)
    assert found == []
