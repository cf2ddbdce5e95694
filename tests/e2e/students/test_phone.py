"""The student's page: joining, scanning, no network, and shared phones."""

import re
from typing import Any, Literal

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from attendance.models import AttendanceRecord
from qrsessions.models import QRSession, RefusedScan, SessionStatus
from qrsessions.services import lifecycle
from qrsessions.services.scanning import MARKS
from tests.support import factories
from tests.support.browser.pages import (
    axe_violations,
    sign_in,
    wait_until,
)
from tests.support.browser.phones import (
    code_of,
    let_pass,
    open_camera,
    open_student_page,
    poll_now,
    show_nothing_to_camera,
    show_to_camera,
    wait_for_offline_copy,
)
from tests.support.classes import active_session, token_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def section():
    return factories.make_section(students=3, teachers=[factories.make_teacher()])


@pytest.fixture
def student(section):
    return factories.students_of(section)[0]


def open_session(section) -> QRSession:
    """Open a session as a teacher does, so that open pages notice."""
    return lifecycle.open_session(section=section, by=section.teachers.get(), at=timezone.now())


def take(session: QRSession, step: str) -> None:
    lifecycle.take_step(session=session, step=step, by=session.opened_by, at=timezone.now())


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def heading(phone: Page, name: str):
    return phone.get_by_role("heading", name=name, exact=True)


def marks() -> list[tuple[Any, ...]]:
    return list(AttendanceRecord.objects.order_by("pk").values_list("student", "status", "method"))


# --- Joining ----------------------------------------------------------------------------------------------


def test_join_code_joins_after_signing_in(open_phone, section, student):
    session = factories.make_session(section=section)
    factories.make_session(section=factories.make_section(students=[student]))
    phone = open_phone()

    phone.goto(f"/J/{session.public_id}")
    sign_in(phone, student.user)

    expect(heading(phone, "You have joined")).to_be_visible()
    assert list(AttendanceRecord.objects.values_list("meeting", "student")) == [(session.pk, student.pk)]
    assert phone.url.endswith("/student/")


def test_opening_the_page_joins_the_only_session(open_phone, section, student):
    factories.make_session(section=section)
    phone = open_phone()

    open_student_page(phone, student)

    expect(heading(phone, "You have joined")).to_be_visible()


def test_opening_the_page_joins_none_of_two_sessions(open_phone, section, student):
    factories.make_session(section=section)
    factories.make_session(section=factories.make_section(students=[student]))
    phone = open_phone()

    open_student_page(phone, student)
    poll_now(phone)

    expect(heading(phone, "Your class is open")).to_have_count(2)
    assert marks() == []


@pytest.mark.parametrize("status", [SessionStatus.LOCKED, SessionStatus.ACTIVE])
def test_opening_the_page_joins_nothing_while_in_another_class(open_phone, section, student, status):
    session = factories.make_session(section=section, status=status)
    factories.make_record(meeting=session.meeting, student=student, roll_number="01")
    factories.make_session(section=factories.make_section(students=[student]))
    phone = open_phone()

    open_student_page(phone, student)
    expect(heading(phone, "Your class is open")).to_be_visible()
    phone.wait_for_load_state("networkidle")
    poll_now(phone)

    expect(heading(phone, "Your class is open")).to_be_visible()
    assert AttendanceRecord.objects.count() == 1


def test_session_that_opens_later_is_joined_only_by_the_button(open_phone, section, student):
    phone = open_phone()
    open_student_page(phone, student)
    expect(heading(phone, "No class is open for you right now")).to_be_visible()
    phone.wait_for_load_state("networkidle")

    open_session(section)
    poll_now(phone)
    expect(heading(phone, "Your class is open")).to_be_visible()
    poll_now(phone)
    assert marks() == []

    phone.get_by_role("button", name=re.compile("^Join")).click()
    expect(heading(phone, "You have joined")).to_be_visible()


def test_unknown_join_code_is_refused(open_phone, student):
    phone = open_phone()
    refusal = phone.get_by_text("This code does not belong to any class.")

    phone.goto("/j/zzzzzzzz")
    sign_in(phone, student.user)
    expect(refusal).to_be_visible()

    phone.goto("/student/")
    expect(refusal).to_have_count(0)
    phone.goto("/J/G0000000")
    expect(refusal).to_be_visible()


def test_copy_for_offline_use_leaves_the_reason_for_the_page_that_is_opened(open_phone, student):
    phone = open_phone()
    open_student_page(phone, student)
    wait_for_offline_copy(phone)
    phone.evaluate("caches.delete('rollcall-page')")

    phone.request.get("/j/zzzzzzzz", max_redirects=0)
    phone.evaluate("navigator.serviceWorker.ready.then(({ active }) => active.postMessage('keep-page'))")
    wait_for_offline_copy(phone)

    phone.goto("/student/")
    expect(phone.get_by_text("This code does not belong to any class.")).to_be_visible()


# --- Scanning ---------------------------------------------------------------------------------------------


def test_scanner_appears_when_attendance_starts_and_a_scan_marks(open_phone, section, student):
    session = factories.make_session(section=section)
    phone = open_phone()
    open_student_page(phone, student)
    expect(heading(phone, "You have joined")).to_be_visible()

    take(session, "start")
    poll_now(phone)
    expect(heading(phone, "Scan the code on the screen")).to_be_visible()
    open_camera(phone)
    session.refresh_from_db()
    show_to_camera(phone, code_of(session))

    expect(heading(phone, "You are present")).to_be_visible()
    assert marks() == [(student.pk, "present", "qr")]


def test_unrelated_code_is_refused(open_phone, section, student):
    active_session(section, student)
    phone = open_phone()
    phone.clock.install()
    open_student_page(phone, student)
    refusal = phone.get_by_text("This is not a class code.").locator("visible=true")

    open_camera(phone)
    for text in (
        "https://bus.example.com/ticket/0123456789ABCDEFGHJK",
        "HTTPS://ATTEND.EXAMPLE.EDU/A/TOOSHORT",
        "♥",
    ):
        show_to_camera(phone, text)
        expect(refusal).to_be_visible()
        show_nothing_to_camera(phone)
        # The refusal is shown for 6 s.
        let_pass(phone, seconds=1, reading="pictures")
        phone.clock.fast_forward(6000)
        expect(refusal).to_have_count(0)
    assert marks() == [(student.pk, None, None)]


def test_scan_of_another_class_is_refused_and_the_next_scan_works(open_phone, section, student):
    session = active_session(section, student)
    other = factories.make_session(section=factories.make_section(students=1), status="active")
    phone = open_phone()
    open_student_page(phone, student)

    open_camera(phone)
    show_to_camera(phone, code_of(other))
    section_name = f"{other.meeting.section.course.code} · {other.meeting.section.name}"
    refusal = phone.get_by_text(f"You are not on the roster of {section_name}.")
    expect(refusal.locator("visible=true")).to_be_visible()
    show_to_camera(phone, code_of(session))

    expect(heading(phone, "You are present")).to_be_visible()


def test_just_expired_code_shows_no_message(open_phone, section, student):
    session = active_session(section, student)
    QRSession.objects.update(created_at=timezone.now() - timezone.timedelta(hours=1))
    phone = open_phone()
    open_student_page(phone, student)

    open_camera(phone)
    with phone.expect_response("**/api/v1/mark/") as refused:
        show_to_camera(phone, code_of(session, steps_ago=3))
    assert refused.value.json()["code"] == "token_expired"
    expect(phone.locator("[data-word]").locator("visible=true")).to_have_count(0)
    show_to_camera(phone, code_of(session))

    expect(heading(phone, "You are present")).to_be_visible()


@pytest.mark.parametrize("steps_ago", [[3], [9, 8, 7, 6]], ids=["frozen", "delayed"])
def test_expired_code_that_stays_in_view_is_called_expired(open_phone, section, student, steps_ago):
    """A frozen picture shows one expired code. A delayed stream shows one after the other, each only for a while."""
    session = active_session(section, student)
    QRSession.objects.update(created_at=timezone.now() - timezone.timedelta(hours=1))
    phone = open_phone()
    phone.clock.install()
    open_student_page(phone, student)
    expired = phone.get_by_text("This code has expired. Is the picture on the screen frozen?")

    open_camera(phone)
    for step in steps_ago:
        with phone.expect_response("**/api/v1/mark/"):
            show_to_camera(phone, code_of(session, steps_ago=step))
        let_pass(phone, seconds=6 // len(steps_ago) + 1)
    expect(expired).to_be_visible()
    # Until the code is gone.
    let_pass(phone, seconds=4)
    expect(expired).to_be_visible()
    expect(phone.get_by_text("No code found yet.")).to_be_hidden()
    show_to_camera(phone, code_of(session))

    expect(heading(phone, "You are present")).to_be_visible()


def test_hint_below_the_picture_fits_a_scan_that_is_being_sent(open_phone, section, student):
    active_session(section, student)
    phone = open_phone()
    phone.clock.install()
    open_student_page(phone, student)
    open_camera(phone)
    status = phone.locator("[data-scanner-status]")

    phone.context.set_offline(True)
    show_to_camera(phone, "HTTPS://ATTEND.EXAMPLE.EDU/A/0123456789ABCDEFGHJK")
    expect(status).to_contain_text("Your scan is being sent.", use_inner_text=True)
    show_nothing_to_camera(phone)
    # "No code found yet" comes after 8 s.
    let_pass(phone, seconds=9, reading="pictures")

    expect(status).to_contain_text("Your scan is being sent.", use_inner_text=True)


def test_scan_without_joining_is_recorded_for_the_teacher(open_phone, section, student):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    phone = open_phone()
    open_student_page(phone, student)
    expect(heading(phone, "You did not join in time")).to_be_visible()

    open_camera(phone)
    show_to_camera(phone, code_of(session))

    expect(phone.locator("[data-scanner-status]")).to_contain_text(
        "You had not joined before joining was locked."
    )
    assert list(RefusedScan.objects.values_list("student", "method")) == [(student.pk, "qr")]


def test_rate_limited_scan_is_kept_and_retried(open_phone, section, student):
    session = active_session(section, student)
    for _ in range(MARKS.times):
        MARKS.allow(str(student.pk))
    phone = open_phone()
    open_student_page(phone, student)

    open_camera(phone)
    show_to_camera(phone, code_of(session))

    expect(
        phone.get_by_text(re.compile(r"Your scan is saved and will be sent again in \d+ s\."))
    ).to_be_visible()


def test_end_of_the_session_closes_the_camera_and_shows_the_result(open_phone, section, student):
    session = active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)
    open_camera(phone)
    stream = phone.evaluate_handle("document.querySelector('video').srcObject.getTracks()[0]")

    take(session, "end")
    poll_now(phone)

    expect(heading(phone, "This class has ended")).to_be_visible()
    expect(phone.get_by_text("You are marked absent.")).to_be_visible()
    assert stream.evaluate("track => track.readyState") == "ended"


def test_ended_class_is_shown_below_another_one_that_is_open(open_phone, section, student):
    other = factories.make_section(students=[student], teachers=[factories.make_teacher()])
    session = active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)
    expect(heading(phone, "Scan the code on the screen")).to_be_visible()

    open_session(other)
    take(session, "end")
    poll_now(phone)

    headings = phone.locator("[data-cards] h2")
    expect(headings).to_have_text(["Your class is open", "This class has ended"])
    expect(phone.get_by_text("You are marked absent.")).to_be_visible()
    # Also on a page that is opened afterwards.
    phone.reload()
    expect(heading(phone, "You have joined")).to_be_visible()
    expect(phone.get_by_text("Earlier today")).to_be_visible()
    row = phone.locator("[data-earlier-list] li")
    expect(row).to_have_text([re.compile(f"{section.course.code} · {section.name}\\s+absent", re.IGNORECASE)])


# --- Lost network -----------------------------------------------------------------------------------------


def test_offline_scan_is_kept_and_sent_later(open_phone, section, student, settings):
    settings.QR_STEP_SECONDS = 60
    session = active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)
    open_camera(phone)

    phone.context.set_offline(True)
    show_to_camera(phone, code_of(session))
    expect(
        phone.get_by_text(re.compile(r"Your scan from \d\d:\d\d:\d\d is saved and is being sent"))
    ).to_be_visible()
    assert marks() == [(student.pk, None, None)]
    phone.context.set_offline(False)

    expect(heading(phone, "You are present")).to_be_visible()
    expect(phone.get_by_text("is saved and is being sent")).to_be_hidden()
    assert marks() == [(student.pk, "present", "qr")]
    assert phone.evaluate("Object.keys(localStorage).filter(key => key.includes('scans'))") == []


def test_scan_sent_too_late_is_refused_with_the_delay(open_phone, section, student):
    session = active_session(section, student)
    QRSession.objects.update(created_at=timezone.now() - timezone.timedelta(hours=1))
    phone = open_phone()
    phone.clock.install()
    open_student_page(phone, student)
    open_camera(phone)

    phone.context.set_offline(True)
    # Instead of waiting, it shows the code of 15 s ago.
    show_to_camera(phone, code_of(session, steps_ago=3))
    expect(phone.get_by_text("is saved and is being sent")).to_be_visible()
    phone.clock.fast_forward(15000)
    phone.context.set_offline(False)

    too_late = phone.get_by_text(re.compile(r"arrived too late: it reached the server after \d+ s"))
    expect(too_late).to_contain_text(re.compile("after (1[5-9]|[2-9][0-9]) s"))
    assert marks() == [(student.pk, None, None)]


def test_offline_reload_shows_the_last_state_and_keeps_the_scan(open_phone, section, student, settings):
    settings.QR_STEP_SECONDS = 60
    session = factories.make_session(section=section)
    phone = open_phone()
    open_student_page(phone, student)
    expect(heading(phone, "You have joined")).to_be_visible()
    wait_for_offline_copy(phone)
    take(session, "start")
    poll_now(phone)
    expect(heading(phone, "Scan the code on the screen")).to_be_visible()

    phone.context.set_offline(True)
    phone.reload()
    expect(heading(phone, "Scan the code on the screen")).to_be_visible()
    expect(phone.get_by_text(re.compile(r"No connection since \d\d:\d\d\."))).to_be_visible()
    open_camera(phone)
    session.refresh_from_db()
    show_to_camera(phone, code_of(session))
    expect(phone.get_by_text("is saved and is being sent")).to_be_visible()
    phone.reload()
    expect(phone.get_by_text("is saved and is being sent")).to_be_visible()

    phone.context.set_offline(False)
    expect(heading(phone, "You are present")).to_be_visible()
    expect(phone.get_by_text("No connection since")).to_be_hidden()
    assert marks() == [(student.pk, "present", "qr")]


def test_offline_scan_from_the_camera_app_is_kept(open_phone, section, student, settings):
    settings.QR_STEP_SECONDS = 60
    session = active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)
    wait_for_offline_copy(phone)

    phone.context.set_offline(True)
    phone.goto(f"/A/{token_of(session)}")
    expect(phone.get_by_text("is saved and is being sent")).to_be_visible()
    phone.context.set_offline(False)

    expect(heading(phone, "You are present")).to_be_visible()


# --- Tabs, history, shared phones -------------------------------------------------------------------------


def test_second_tab_and_back_button_show_the_current_state(open_phone, section, student):
    session = factories.make_session(section=section)
    phone = open_phone()
    open_student_page(phone, student)
    expect(heading(phone, "You have joined")).to_be_visible()
    second = phone.context.new_page()
    second.goto("/student/")
    expect(heading(second, "You have joined")).to_be_visible()

    take(session, "start")
    second.goto("/student/attendance/")
    second.go_back()
    expect(heading(second, "Scan the code on the screen")).to_be_visible()
    session.refresh_from_db()
    phone.goto(f"/A/{token_of(session)}")
    expect(heading(phone, "You are present")).to_be_visible()
    poll_now(second)
    expect(heading(second, "You are present")).to_be_visible()
    phone.go_back()

    expect(heading(phone, "You are present")).to_be_visible()
    assert marks() == [(student.pk, "present", "qr")]


def test_signing_out_clears_stored_data(open_phone, section, student):
    active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)
    wait_for_offline_copy(phone)

    phone.get_by_role("button", name="Not you? Sign out").click()

    expect(phone.get_by_role("heading", name="Sign in")).to_be_visible()
    wait_until(phone, "caches.open('rollcall-page').then(async (cache) => !(await cache.match('/student/')))")
    assert phone.evaluate("Object.keys(localStorage)") == []


def test_open_page_never_acts_for_the_next_student(open_phone, section, student):
    """Two students share a phone: the page of the first is still open in a tab when the second has signed in."""
    session = factories.make_session(section=section, status="active", join_policy="open")
    other = factories.students_of(section)[1]
    phone = open_phone()
    open_student_page(phone, student)
    expect(phone.get_by_text(student.name)).to_be_visible()
    open_camera(phone)
    phone.context.set_offline(True)
    show_to_camera(phone, code_of(session))
    expect(phone.get_by_text("is saved and is being sent")).to_be_visible()

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


# --- For everybody ----------------------------------------------------------------------------------------


def test_student_pages_are_accessible(open_phone, section, student):
    phone = open_phone()
    found = []

    def check(state: str) -> None:
        for scheme in SCHEMES:
            phone.emulate_media(color_scheme=scheme)
            found.extend((state, scheme, *violation) for violation in axe_violations(phone))

    open_student_page(phone, student)
    check("none")
    session = open_session(section)
    poll_now(phone)
    expect(heading(phone, "Your class is open")).to_be_visible()
    check("join")
    phone.get_by_role("button", name=re.compile("^Join")).click()
    expect(heading(phone, "You have joined")).to_be_visible()
    check("waiting")
    take(session, "start")
    poll_now(phone)
    expect(heading(phone, "Scan the code on the screen")).to_be_visible()
    check("scan")
    open_camera(phone)
    check("camera")
    show_to_camera(phone, "bus ticket")
    expect(phone.get_by_text("This is not a class code.").locator("visible=true")).to_be_visible()
    check("not ours")
    take(session, "end")
    poll_now(phone)
    expect(heading(phone, "This class has ended")).to_be_visible()
    check("ended")
    for address in ("/student/attendance/", "/A/0123456789ABCDEFGHJK"):
        phone.goto(address)
        check(address)
    assert found == []
