"""Scanning in the page: a camera that sees the real screen of the hall, in good light and bad."""

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from attendance.models import AttendanceRecord, Section, Student, User
from qrsessions.models import QRSession, SessionStatus
from tests import factories
from tests.e2e import camera
from tests.e2e.conftest import PHONE, PROJECTOR
from tests.e2e.scanner_pages import camera_browser, film_of_code

pytestmark = pytest.mark.django_db(transaction=True)

PHONES_PER_VIDEO = 2
# Notes when the page says it, by the page's own clock.
NOTE_PRESENT = """
new MutationObserver(() => {
  const heading = [...document.querySelectorAll("h2")].find((one) => one.textContent === "You are present");
  if (heading && !window.presentAt) window.presentAt = performance.now();
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
WAITED = "presentAt - performance.getEntriesByName('scanner-first-picture')[0].startTime"


@pytest.fixture
def section() -> Section:
    return factories.make_section(students=PHONES_PER_VIDEO, teachers=[factories.make_teacher()])


@pytest.fixture
def session(section: Section, settings) -> QRSession:
    # A video shows one code for ever.
    settings.QR_STEPS_ACCEPTED = 100
    return factories.make_session(section=section, status=SessionStatus.ACTIVE, join_policy="open")


@pytest.fixture(scope="module")
def milliseconds(pytestconfig: pytest.Config) -> Iterator[dict[str, list[float]]]:
    found: dict[str, list[float]] = {}
    yield found
    lines = ["", "From the first picture to 'You are present', median in ms:"]
    together = [time for times in found.values() for time in times]
    for name, times in [*found.items(), ("all", together)]:
        lines.append(f"  {name}: {statistics.median(times or [0]):.0f} of {len(times)}")
    capture = pytestconfig.pluginmanager.get_plugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        sys.stdout.write("\n".join(lines) + "\n")


def let_in(context: BrowserContext, user: User, origin: str) -> Page:
    """A page that is signed in, without the time that a person needs for that."""
    client = Client()
    client.force_login(user)
    value = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": value, "url": origin}])
    return context.new_page()


@pytest.mark.parametrize("name", camera.VARIANTS)
def test_code_on_the_screen_marks(
    name: str,
    browser,
    browser_type,
    browser_type_launch_args,
    live_server,
    section,
    session,
    milliseconds,
    tmp_path,
):
    projector = browser.new_context(base_url=live_server.url, **PROJECTOR)
    screen = let_in(projector, section.teachers.get(), live_server.url)
    screen.goto(f"/teach/sessions/{session.public_id}/screen/")
    expect(screen.get_by_role("img", name="QR code to scan")).to_be_visible()
    film = film_of_screen(name, screen.screenshot(), tmp_path)
    projector.close()

    with camera_browser(browser_type, browser_type_launch_args, film) as phones:
        for student in factories.students_of(section):
            milliseconds.setdefault(name, []).append(time_to_present(phones, student, live_server.url))

    records = AttendanceRecord.objects.values_list("roll_number", "status", "method")
    assert sorted(records) == [("01", "present", "qr"), ("02", "present", "qr")]


def film_of_screen(name: str, screenshot: bytes, folder: Path) -> Path:
    share, degrees, seen = camera.VARIANTS[name]
    picture = camera.scene(*camera.qr_of(screenshot), code_share=share, degrees=degrees)
    return camera.film(seen(picture), folder / "film.mjpeg")


def time_to_present(phones, student: Student, origin: str) -> float:
    context = phones.new_context(base_url=origin, **PHONE)
    phone = let_in(context, factories.user_of(student), origin)
    phone.add_init_script(NOTE_PRESENT)
    phone.goto("/student/")
    expect(phone.get_by_role("heading", name="You are present")).to_be_visible(timeout=20000)
    milliseconds = float(phone.evaluate(WAITED))
    context.close()
    return milliseconds


def test_code_of_something_else_is_refused_in_words(
    browser_type, browser_type_launch_args, live_server, section, session, tmp_path
):
    film = film_of_code("TICKET 4711 ZONE A", tmp_path / "film.mjpeg")
    with camera_browser(browser_type, browser_type_launch_args, film) as phones:
        phone = let_in(
            phones.new_context(base_url=live_server.url, **PHONE), student_of(section), live_server.url
        )
        phone.goto("/student/")
        words = phone.locator("[data-say=message]")
        expect(words).to_contain_text("This is not the code of a class", timeout=20000)
        expect(phone.get_by_role("button", name="Close the camera")).to_be_visible()
        phone.context.close()
    assert not AttendanceRecord.objects.filter(marked_at__isnull=False).exists()


def test_only_a_page_with_the_scanner_may_run_its_decoder(client, section):
    client.force_login(student_of(section))
    with_scanner, without = client.get("/student/"), client.get("/student/attendance/")
    assert "worker-src 'self'" in with_scanner["Content-Security-Policy"]
    assert "script-src 'self' 'wasm-unsafe-eval'" in with_scanner["Content-Security-Policy"]
    assert "wasm-unsafe-eval" not in without["Content-Security-Policy"]


def student_of(section: Section) -> User:
    return factories.user_of(factories.students_of(section)[0])
