"""Phones that lose their network on any page, or whose browser can't run the page's scripts."""

import re

import pytest
from playwright.sync_api import Page, expect

from attendance.models import AttendanceRecord, Section, Student
from tests.support import factories
from tests.support.browser.pages import PHONE, axe_violations, fits_width, page_opener, wait_until
from tests.support.browser.phones import (
    CAMERA,
    open_camera,
    open_student_page,
    show_to_camera,
    wait_for_offline_copy,
)
from tests.support.browser.phones import code_of as qr_of
from tests.support.classes import active_session, code_of

pytestmark = pytest.mark.django_db(transaction=True)

NO_CONNECTION = "No connection"


@pytest.fixture
def section() -> Section:
    return factories.make_section(students=3, teachers=[factories.make_teacher()])


@pytest.fixture
def student(section: Section) -> Student:
    return factories.students_of(section)[0]


def heading(phone: Page, name: str):
    return phone.get_by_role("heading", name=name, exact=True)


def go_offline(phone: Page) -> None:
    wait_for_offline_copy(phone)
    wait_until(phone, "caches.match('/offline/').then(Boolean)")
    wait_until(phone, "navigator.serviceWorker.controller !== null")
    phone.context.set_offline(True)


# --- Lost network -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("button", ["Not you? Sign out", "Sign out"])
def test_signing_out_offline_keeps_the_page_and_the_scan(open_phone, section, student, settings, button):
    settings.QR_STEP_SECONDS = 60
    session = active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)
    go_offline(phone)
    open_camera(phone)
    show_to_camera(phone, qr_of(session))
    expect(phone.get_by_text("is saved and is being sent")).to_be_visible()

    if button == "Sign out":
        phone.locator("[data-menu] summary").click()
    phone.get_by_role("button", name=button, exact=True).click()

    expect(phone.get_by_text("There is no connection, so you are still signed in.")).to_be_in_viewport()
    expect(phone.get_by_text("is saved and is being sent")).to_be_visible()
    assert axe_violations(phone) == []
    phone.context.set_offline(False)
    expect(heading(phone, "You are present")).to_be_visible()
    phone.get_by_role("button", name="Not you? Sign out").click()
    expect(heading(phone, "Sign in")).to_be_visible()
    assert phone.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('rollcall:'))") == []


@pytest.mark.parametrize("link", ["My attendance", "My QR code"])
def test_other_pages_offline_say_so_and_lead_back(open_phone, section, student, link):
    active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)
    go_offline(phone)

    if link == "My QR code":
        phone.locator("[data-menu] summary").click()
    phone.get_by_role("link", name=link).click()

    expect(heading(phone, NO_CONNECTION)).to_be_visible()
    assert fits_width(phone)
    assert axe_violations(phone) == []
    phone.get_by_role("link", name="Go to my page").click()
    expect(heading(phone, "Scan the code on the screen")).to_be_visible()
    phone.go_back()
    phone.context.set_offline(False)
    phone.get_by_role("link", name="Try again").click()
    expect(heading(phone, link)).to_be_visible()


def test_form_sent_offline_says_so_and_leads_back(open_phone, section, student):
    active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)
    go_offline(phone)
    phone.context.set_offline(False)
    phone.goto("/accounts/password/change/")
    phone.context.set_offline(True)

    for label in ("Current Password", "New Password", "New Password (again)"):
        phone.get_by_label(label, exact=True).fill("right-horse-9")
    phone.locator("main form button[type=submit]").click()

    expect(heading(phone, NO_CONNECTION)).to_be_visible()
    phone.get_by_role("link", name="Go to my page").click()
    expect(heading(phone, "Scan the code on the screen")).to_be_visible()


# --- Old browsers and broken scripts ----------------------------------------------------------------------

# Some of what Safari 15.0 and Chrome 90 do not have.
OLD_BROWSER = """
delete Array.prototype.at;
delete String.prototype.at;
delete Array.prototype.findLast;
delete Object.hasOwn;
delete window.structuredClone;
delete window.reportError;
delete window.requestIdleCallback;
delete window.HTMLDialogElement;
delete SubmitEvent.prototype.submitter;
delete AbortSignal.prototype.reason;
delete AbortSignal.timeout;
delete HTMLVideoElement.prototype.requestVideoFrameCallback;
delete HTMLFormElement.prototype.requestSubmit;
"""


@pytest.fixture
def open_broken_phone(browser, live_server):
    """A phone with a camera whose page may have uncaught errors."""
    with page_opener(browser, live_server.url, may_scripts_fail=True) as open_page:
        yield lambda script="": open_page(script=CAMERA + script, **PHONE)


def test_old_browser_scans(open_phone, section, student):
    session = active_session(section, student)
    phone = open_phone(script=CAMERA + OLD_BROWSER)
    open_student_page(phone, student)

    open_camera(phone)
    show_to_camera(phone, qr_of(session))

    expect(heading(phone, "You are present")).to_be_visible()


def test_old_browser_joins_the_chosen_section(open_phone, student):
    teacher = factories.make_teacher()
    sections = [
        factories.make_section(name=name, students=[student], teachers=[teacher])
        for name in ("First", "Second")
    ]
    factories.make_group_session(sections=sections, status="created", opened_by=teacher)
    phone = open_phone(script=CAMERA + OLD_BROWSER)
    open_student_page(phone, student)

    phone.get_by_role("button", name=re.compile("Second")).click()

    expect(heading(phone, "You have joined")).to_be_visible()
    expect(phone.locator("[data-cards] [data-text=section]").first).to_have_text("Second")


def test_failing_script_shows_the_typed_code_as_the_way_out(open_broken_phone, section, student):
    session = active_session(section, student)
    # Scanning needs it.
    phone = open_broken_phone("delete String.prototype.trim")
    open_student_page(phone, student)
    way_out = phone.get_by_text("This page does not fully work in this browser")
    expect(way_out).to_be_hidden()

    open_camera(phone)
    show_to_camera(phone, qr_of(session))

    expect(way_out).to_be_visible()
    phone.get_by_label("Can't scan? Type the 8-digit code on the screen.").fill(code_of(session))
    phone.get_by_role("button", name="Send code").click()
    expect(heading(phone, "You are present")).to_be_visible()
    assert list(AttendanceRecord.objects.values_list("status", "method")) == [("present", "code")]


@pytest.mark.parametrize(
    "answer", [{"body": "const = 1;", "content_type": "text/javascript"}, {"status": 404}]
)
def test_script_that_does_not_run_shows_the_typed_code_as_the_way_out(
    open_broken_phone, section, student, answer
):
    session = active_session(section, student)
    phone = open_broken_phone()
    phone.route("**/js/lib/poll.js", lambda route: route.fulfill(**answer))
    open_student_page(phone, student)

    expect(phone.get_by_text("This page does not fully work in this browser")).to_be_visible()
    assert axe_violations(phone) == []
    phone.get_by_label("Can't scan? Type the 8-digit code on the screen.").fill(code_of(session))
    phone.get_by_role("button", name="Send code").click()

    expect(heading(phone, "You are present")).to_be_visible()
