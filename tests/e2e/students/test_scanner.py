"""Scanning in the page: the camera sees the real screen, in good light and bad."""

import statistics
import sys
from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from attendance.models import AttendanceRecord, Section, Student, User
from qrsessions.models import QRSession, SessionStatus
from tests.support import factories
from tests.support.browser import films
from tests.support.browser.pages import PHONE, PROJECTOR
from tests.support.browser.scanner_page import camera_browser, film_of_code

pytestmark = pytest.mark.django_db(transaction=True)

# Records when the heading appears, by the page's own clock.
NOTE_PRESENT = """
new MutationObserver(() => {
  const heading = [...document.querySelectorAll("h2")].find((one) => one.textContent === "You are present");
  if (heading && !window.presentAt) window.presentAt = performance.now();
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
MS_TO_PRESENT = "presentAt - performance.getEntriesByName('scanner-first-picture')[0].startTime"


@pytest.fixture
def section() -> Section:
    return factories.make_section(students=len(films.VARIANTS), teachers=[factories.make_teacher()])


@pytest.fixture
def session(section: Section, settings) -> QRSession:
    # The video shows the same code throughout.
    settings.QR_STEPS_ACCEPTED = 100
    return factories.make_session(section=section, status=SessionStatus.ACTIVE, join_policy="open")


@pytest.fixture
def milliseconds(pytestconfig: pytest.Config) -> Iterator[dict[str, float]]:
    found: dict[str, float] = {}
    yield found
    lines = ["", "From the first picture to 'You are present', in ms:"]
    lines += [f"  {name}: {time:.0f}" for name, time in found.items()]
    lines.append(f"  median: {statistics.median(found.values() or [0]):.0f}")
    capture = pytestconfig.pluginmanager.get_plugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        sys.stdout.write("\n".join(lines) + "\n")


def signed_in_page(context: BrowserContext, user: User, origin: str) -> Page:
    """A page that is already signed in, without going through the form."""
    client = Client()
    client.force_login(user)
    value = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": value, "url": origin}])
    return context.new_page()


@pytest.mark.parametrize(
    "variants",
    [films.HARDEST, pytest.param([*films.VARIANTS], marks=pytest.mark.slow)],
    ids=["hardest", "all"],
)
def test_code_on_the_screen_marks_the_student(
    browser,
    browser_type,
    browser_type_launch_args,
    live_server,
    section,
    session,
    milliseconds,
    tmp_path,
    variants,
):
    projector = browser.new_context(base_url=live_server.url, **PROJECTOR)
    screen = signed_in_page(projector, section.teachers.get(), live_server.url)
    screen.goto(f"/teach/sessions/{session.public_id}/screen/")
    expect(screen.get_by_role("img", name="QR code to scan")).to_be_visible()
    seen = films.qr_of(screen.screenshot())
    projector.close()

    students = factories.students_of(section)[: len(variants)]
    for student, name in zip(students, variants, strict=True):
        share, degrees, effect = films.VARIANTS[name]
        picture = effect(films.scene(*seen, code_share=share, degrees=degrees))
        film = films.film(picture, tmp_path / f"{name}.mjpeg")
        with camera_browser(browser_type, browser_type_launch_args, film) as phones:
            milliseconds[name] = time_to_present(phones, student, live_server.url)

    records = AttendanceRecord.objects.values_list("roll_number", "status", "method")
    assert sorted(records) == [(f"0{number}", "present", "qr") for number in range(1, len(students) + 1)]


def time_to_present(phones, student: Student, origin: str) -> float:
    context = phones.new_context(base_url=origin, permissions=["camera"], **PHONE)
    phone = signed_in_page(context, factories.user_of(student), origin)
    phone.add_init_script(NOTE_PRESENT)
    phone.goto("/student/")
    expect(phone.get_by_role("heading", name="You are present")).to_be_visible(timeout=20000)
    milliseconds = float(phone.evaluate(MS_TO_PRESENT))
    context.close()
    return milliseconds


def test_unrelated_code_is_refused_with_a_message(
    browser_type, browser_type_launch_args, live_server, section, session, tmp_path
):
    film = film_of_code("TICKET 4711 ZONE A", tmp_path / "film.mjpeg")
    with camera_browser(browser_type, browser_type_launch_args, film) as phones:
        context = phones.new_context(base_url=live_server.url, permissions=["camera"], **PHONE)
        phone = signed_in_page(context, student_of(section), live_server.url)
        phone.goto("/student/")
        words = phone.locator("[data-say=message]")
        expect(words).to_contain_text("This is not a class code")
        expect(phone.get_by_role("button", name="Close the camera")).to_be_visible()
        phone.context.close()
    assert not AttendanceRecord.objects.filter(marked_at__isnull=False).exists()


def test_only_pages_with_a_scanner_may_run_webassembly(client, section):
    client.force_login(student_of(section))
    with_scanner, without = client.get("/student/"), client.get("/student/attendance/")
    assert "worker-src 'self'" in with_scanner["Content-Security-Policy"]
    assert "script-src 'self' 'wasm-unsafe-eval'" in with_scanner["Content-Security-Policy"]
    assert "wasm-unsafe-eval" not in without["Content-Security-Policy"]


def student_of(section: Section) -> User:
    return factories.user_of(factories.students_of(section)[0])
