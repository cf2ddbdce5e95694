"""The sign-in page in a real browser: it waits its turn, with and without a script, and loses no scan."""

import datetime
import re
from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from attendance.models import AttendanceRecord, Method
from config.accounts import password_hashers
from config.accounts.limits import SIGN_IN_DEVICE
from qrsessions.models import JoinPolicy, SessionStatus
from tests.support import factories
from tests.support.browser.pages import (
    PHONE,
    axe_violations,
    fits_width,
    is_failed_request,
    page_opener,
    sign_in,
)
from tests.support.classes import token_of
from tests.support.factories import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = "Many people are signing in right now."


class NoTurn:
    """Stands for a turn to hash that never comes."""

    def acquire(self, *, timeout: float) -> bool:
        return False


@pytest.fixture
def open_page(browser: Browser, live_server) -> Iterator[Callable[..., Page]]:
    """Open a page in its own browser context. Script errors fail the test, refused requests do not."""
    with page_opener(browser, live_server.url, is_expected=is_failed_request) as open_page:
        yield open_page


def fill(page: Page, username: str, password: str = PASSWORD) -> None:
    page.get_by_label("User name or e-mail").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_page_waits_its_turn_and_the_scan_before_it_counts(open_page, monkeypatch):
    section = factories.make_section(students=1)
    student = factories.students_of(section)[0]
    session = factories.make_session(
        section=section, status=SessionStatus.ACTIVE, join_policy=JoinPolicy.OPEN
    )
    phone = open_page(**PHONE)
    scanned_at = timezone.now()
    phone.goto(f"/A/{token_of(session)}")

    with monkeypatch.context() as busy:
        busy.setattr(password_hashers, "_lock", NoTurn())
        fill(phone, factories.user_of(student).username)
        expect(phone.get_by_text(WAITING)).to_be_visible()
        expect(phone.get_by_role("button", name="Sign in")).to_be_disabled()
        violations, fits = axe_violations(phone), fits_width(phone)

    expect(phone.get_by_text("You are present")).to_be_visible()
    record = AttendanceRecord.objects.get(student=student)
    assert (violations, fits) == ([], True)
    assert record.method == Method.CLAIM
    assert record.marked_at is not None
    assert abs(record.marked_at - scanned_at) < datetime.timedelta(seconds=30)


def test_page_tries_again_while_the_server_does_not_answer(open_page):
    teacher = factories.make_teacher()
    page = open_page()
    page.goto("/accounts/login/")
    page.context.set_offline(True)
    fill(page, teacher.username)
    expect(page.get_by_text("The server is not responding.")).to_be_visible()

    page.context.set_offline(False)

    page.wait_for_url("**/teach/")


def test_wrong_password_is_said_in_place_and_may_be_corrected(open_page):
    teacher = factories.make_teacher()
    page = open_page(**PHONE)
    page.goto("/accounts/login/?next=/accounts/sign-ins/")

    fill(page, teacher.username, "wrong")
    expect(page.get_by_role("alert").filter(has_text="Wrong user name or password.")).to_be_visible()
    expect(page.get_by_label("User name or e-mail")).to_have_value(teacher.username)
    expect(page.get_by_label("Password")).to_be_focused()
    violations = axe_violations(page)
    sign_in(page, teacher)

    page.wait_for_url("**/accounts/sign-ins/")
    assert violations == []


def test_scan_that_waits_for_the_sign_in_counts_down_until_it_has_expired(open_page):
    section = factories.make_section(students=1)
    session = factories.make_session(
        section=section, status=SessionStatus.ACTIVE, join_policy=JoinPolicy.OPEN
    )
    phone = open_page(**PHONE)
    phone.clock.install()
    phone.goto(f"/A/{token_of(session)}")
    notice = phone.locator("[data-kept-scan]")
    expect(notice).to_contain_text(
        re.compile(r"Your scan from \d\d:\d\d:\d\d is saved\. Time left to sign in: 2:5\d")
    )
    violations, fits = axe_violations(phone), fits_width(phone)

    phone.clock.fast_forward(60_000)
    expect(notice).to_contain_text(re.compile(r"sign in: 1:5\d"))
    phone.clock.fast_forward(125_000)

    expect(phone.get_by_text("has expired. Sign in, then scan the code on the screen again.")).to_be_visible()
    expect(phone.get_by_text("is kept")).to_be_hidden()
    assert (violations, fits) == ([], True)


def test_too_many_attempts_count_down_and_can_be_tried_again(open_page):
    teacher = factories.make_teacher()
    page = open_page(viewport={"width": 320, "height": 700}, color_scheme="dark")
    page.clock.install()
    page.goto("/accounts/login/")
    for _ in range(SIGN_IN_DEVICE.times + 1):
        fill(page, teacher.username, "wrong")
        expect(page.locator(".errorlist")).to_be_visible()
        expect(page.get_by_label("Password")).to_have_value("")
    error = page.get_by_role("alert").locator(":visible").first
    expect(error).to_contain_text(re.compile(r"Try again in [45]:\d\d\. Or sign in with a code by e-mail\."))
    violations, fits = axe_violations(page), fits_width(page)

    page.clock.fast_forward(301_000)

    expect(page.get_by_text("You can try again now.")).to_be_visible()
    expect(page.get_by_text("Too many attempts.")).to_be_hidden()
    assert (violations, fits) == ([], True)


def test_password_is_shown_and_hidden_by_the_keyboard_and_sent_hidden(open_page):
    teacher = factories.make_teacher()
    page = open_page(**PHONE)
    page.goto("/accounts/login/")
    field = page.get_by_label("Password")
    field.fill(PASSWORD)

    field.press("Tab")
    expect(page.get_by_role("button", name="Show password")).to_be_focused()
    page.keyboard.press("Space")
    expect(field).to_have_attribute("type", "text")
    expect(page.get_by_role("status").filter(has_text="Your password is visible.")).to_be_attached()
    expect(page.get_by_role("button", name="Hide password")).to_be_focused()
    violations, fits = axe_violations(page), fits_width(page)
    page.get_by_label("User name or e-mail").fill(teacher.username)
    with page.expect_request("**/accounts/login/"):
        page.get_by_role("button", name="Sign in").click()
        # The browser must not keep it among the texts that it offers.
        assert field.get_attribute("type") == "password"

    page.wait_for_url("**/teach/")
    assert (violations, fits) == ([], True)


@pytest.mark.parametrize(("link", "heading"), [("code by e-mail", "by e-mail"), ("Forgot", "Reset")])
def test_typed_address_is_carried_to_the_pages_that_ask_for_it(open_page, link, heading):
    page = open_page(**PHONE)
    page.goto("/accounts/login/")
    page.get_by_label("User name or e-mail").fill("asha@example.edu")

    page.get_by_role("link", name=link).click()

    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_value("asha@example.edu")
    assert "asha" not in page.url
    page.reload()
    expect(page.get_by_label("E-mail")).to_have_value("")


def test_user_name_is_not_carried_as_an_address(open_page):
    page = open_page()
    page.goto("/accounts/login/")
    page.get_by_label("User name or e-mail").fill("asha")

    page.get_by_role("link", name="code by e-mail").click()

    expect(page.get_by_role("heading", name="by e-mail")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_value("")


# As in a browser that keeps no cookies and yet says that it does.
BLOCKED = "Object.defineProperty(Document.prototype, 'cookie', { get: () => '', set() {} })"
# As in a frame without the right to keep anything.
FORBIDDEN = """
  const forbid = () => { throw new DOMException("Forbidden", "SecurityError"); };
  Object.defineProperty(Document.prototype, "cookie", { get: forbid, set: forbid });
  Object.defineProperty(window, "sessionStorage", { get: forbid });
"""


@pytest.mark.parametrize("script", [BLOCKED, FORBIDDEN])
def test_blocked_cookies_are_noticed_before_anything_is_typed(open_page, script):
    page = open_page(script=script, **PHONE)

    for path in ("login/", "login/code/"):
        page.goto(f"/accounts/{path}")

        expect(page.get_by_role("alert"), path).to_contain_text("Allow cookies for this site")
        assert (axe_violations(page), fits_width(page)) == ([], True)


def test_browser_that_keeps_cookies_is_told_nothing_and_keeps_no_test_cookie(open_page):
    page = open_page()
    page.goto("/accounts/login/")
    # The script ran.
    expect(page.get_by_role("button", name="Show password")).to_be_visible()

    expect(page.get_by_role("alert")).to_have_count(0)
    assert not [one for one in page.context.cookies() if "test" in one["name"]]


def test_without_a_script_a_page_asks_to_send_it_again(open_page, monkeypatch):
    teacher = factories.make_teacher()
    page = open_page(**PHONE, java_script_enabled=False)
    page.goto("/accounts/login/")

    with monkeypatch.context() as busy:
        busy.setattr(password_hashers, "_lock", NoTurn())
        fill(page, teacher.username)
        expect(page.get_by_text("Wait a few seconds, go back and send it again.")).to_be_visible()

    page.go_back()
    fill(page, teacher.username)

    page.wait_for_url("**/teach/")
