"""The hall's screen in a real browser: read from the last row, run from a presenter's keyboard, through a lost network."""

import base64
import datetime
import io
import itertools
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from attendance.models import AttendanceRecord, Status
from attendance.together import finished
from qrsessions import joining, lifecycle, tokens
from qrsessions.models import GroupSession, QRSession, SessionStatus
from tests import factories
from tests.e2e.conftest import PROJECTOR, scanned, sign_in
from tests.e2e.phones import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SIZES = [(1280, 720), (1920, 1080), (3840, 2160), (1024, 768)]


@pytest.fixture
def open_screen(browser: Browser, live_server) -> Iterator[Callable[..., Page]]:
    """A projector in a browser context of its own, signed in. Scripts that fail end the test; a lost network doesn't."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def keep_errors(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            problems.append(message.text)

    def open_screen(source: QRSession | GroupSession, *, script: str = "", **options: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, **{**PROJECTOR, **options})
        contexts.append(context)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", keep_errors)
        kind = "groups" if isinstance(source, GroupSession) else "sessions"
        page.goto(f"/teach/{kind}/{source.public_id}/screen/")
        sign_in(page, source.opened_by)
        expect(page.locator("[data-controls]")).to_be_visible()
        return page

    yield open_screen
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def section():
    teacher = factories.make_teacher()
    return factories.make_section(students=3, teachers=[teacher], late_after_minutes=10)


def session_of(section, status: SessionStatus = SessionStatus.ACTIVE, **fields: Any) -> QRSession:
    return factories.make_session(section=section, status=status, **fields)


def status_of(session: QRSession) -> str:
    return QRSession.objects.get(pk=session.pk).status


def shows(screen: Page, status: str) -> None:
    expect(screen.locator("#screen")).to_have_attribute("data-status", status)


def code_image(screen: Page) -> Locator:
    return screen.locator("#qr img")


def token_shown(screen: Page) -> str:
    return scanned(screen).rpartition("/")[2]


def is_accepted(session: QRSession, token: str, *, at: datetime.datetime) -> bool:
    step = tokens.step_of(
        tokens.parse(token), secret=session.secret, since=session.created_at, at=timezone.now()
    )
    return tokens.is_fresh(step=step, at=at)


# --- From the last row ------------------------------------------------------------------------------------


def seen_from_the_last_row(screenshot: bytes, *, camera_width: int) -> list[Image.Image]:
    """What a phone's camera sees of the screen, in ten frames.

    The hall is 20 m long, and the picture on its wall 3.2 m wide, smaller than what is advised for that distance. A
    phone's main camera is as wide as a 26 mm lens on film, which is 36 mm wide: at 20 m its frame is 20 × 36/26 = 27.7 m
    wide, of which the picture takes 3.2/27.7 = 11.6 %. In a frame of 1280 pixels, as our own scanner asks for, that is
    148 pixels for the whole picture and 2.2 for a module of the code; in one of 1920, as camera apps look at, 222 and
    3.3. The optics blur it by 0.6 pixels (standard deviation), the lit wall takes half of the contrast, the sensor adds
    noise, and no two frames begin at the same place.
    """
    chance = random.Random(20)
    screen = Image.open(io.BytesIO(screenshot)).convert("L")
    share = 3.2 / (20 * 36 / 26)
    shrunk = camera_width * share / screen.width
    frames = []
    for _ in range(10):
        wall = Image.new("L", (screen.width + 400, screen.height + 400), 96)
        wall.paste(
            screen.point(lambda light: 70 + light // 2), (chance.randrange(400), chance.randrange(400))
        )
        size = (round(wall.width * shrunk), round(wall.height * shrunk))
        frame = wall.resize(size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.6))
        noise = np.random.default_rng(chance.randrange(2**32)).normal(0, 6, (size[1], size[0]))
        frames.append(Image.fromarray(np.clip(np.asarray(frame) + noise, 0, 255).astype(np.uint8)))
    return frames


def read_by_zxing(frame: Image.Image) -> str:
    return next((code.text for code in zxingcpp.read_barcodes(frame)), "")


def read_by_opencv(frame: Image.Image) -> str:
    return str(cv2.QRCodeDetector().detectAndDecode(np.asarray(frame))[0])


@pytest.mark.parametrize(
    ("camera_width", "read"),
    [(1280, read_by_zxing), (1920, read_by_zxing), (1920, read_by_opencv)],
    ids=["our scanner", "camera app, zxing-cpp", "camera app, OpenCV"],
)
def test_code_is_read_from_the_last_row(open_screen, section, settings, camera_width, read):
    settings.PUBLIC_URL = "https://attend.example.edu"
    settings.QR_STEP_SECONDS = 60
    screen = open_screen(session_of(section))
    expect(code_image(screen)).to_be_visible()
    picture = screen.screenshot()
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))

    texts = [read(frame) for frame in seen_from_the_last_row(picture, camera_width=camera_width)]

    # A camera takes these ten in a third of a second, and goes on.
    assert texts.count(code.text) >= 5
    assert set(texts) <= {code.text, ""}


def test_code_has_its_quiet_zone_and_is_black_on_white_in_dark_mode_too(open_screen, section):
    screen = open_screen(session_of(section), color_scheme="dark")
    box = code_image(screen).bounding_box()
    picture = Image.open(io.BytesIO(screen.screenshot())).convert("RGB")
    code = picture.crop(
        (int(box["x"]), int(box["y"]), int(box["x"] + box["width"]), int(box["y"] + box["height"]))
    )
    module = code.width / 37
    quiet = [code.crop((0, 0, code.width, int(4 * module))), code.crop((0, 0, int(4 * module), code.height))]
    assert [part.getcolors() for part in quiet] == [
        [(part.width * part.height, (255, 255, 255))] for part in quiet
    ]
    black = code.getpixel((int(4.5 * module), int(4.5 * module)))
    assert black == (0, 0, 0)


@pytest.mark.parametrize("sections", [1, 3, 6, 12, 24, 100])
def test_all_of_it_fits_the_screen_in_every_state(open_screen, section, settings, sections):
    settings.PUBLIC_URL = "https://attend.university.edu"
    settings.QR_STEP_SECONDS = 60
    teacher = section.teachers.get()
    course = factories.make_course(code="CS101", title="An Introduction to Computer Science for Everybody")
    source: QRSession | GroupSession
    if sections == 1:
        section.course = course
        section.save()
        source = session_of(section, names_on_screen=True)
    else:
        taught = [
            factories.make_section(
                course=course, name=f"S{n}", students=1, teachers=[teacher], late_after_minutes=5 + n
            )
            for n in range(sections)
        ]
        source = factories.make_group_session(
            sections=taught, status="active", opened_by=teacher, names_on_screen=True
        )
    screen = open_screen(source)
    for (width, height), status in itertools.product(SIZES, SessionStatus):
        screen.set_viewport_size({"width": width, "height": height})
        screen.evaluate("status => (document.getElementById('screen').dataset.status = status)", status)
        too_much = screen.evaluate("""() => {
          const side = document.querySelector(".side");
          const bottom = Math.max(...[...side.children].map((part) => part.getBoundingClientRect().bottom));
          return [bottom > innerHeight, document.documentElement.scrollHeight > innerHeight,
            side.scrollWidth > side.clientWidth];
        }""")
        assert too_much == [False, False, False], (width, height, status)
        if status is SessionStatus.ACTIVE:
            expect(code_image(screen)).to_be_in_viewport(ratio=1)


# --- A presenter's keyboard -------------------------------------------------------------------------------


def test_keys_take_a_session_through_its_life_each_with_a_confirmation(open_screen, section):
    session = session_of(section, SessionStatus.CREATED)
    screen = open_screen(session)
    shows(screen, "created")
    for key, name, status in (
        ("l", "Lock joining?", "locked"),
        ("S", "Start attendance?", "active"),
        ("e", "End the session?", "ended"),
    ):
        before = status_of(session)
        screen.keyboard.press(key)
        expect(screen.get_by_role("dialog", name=name)).to_be_visible()
        # What a presenter's other keys send, and a second thought, do nothing.
        for harmless in ("PageDown", "PageUp", "ArrowRight", "s", "e", "l", "Escape"):
            screen.keyboard.press(harmless)
        expect(screen.get_by_role("dialog")).to_have_count(0)
        assert status_of(session) == before
        screen.keyboard.press(key)
        screen.keyboard.press("Enter")
        shows(screen, status)
        assert status_of(session) == status
    assert AttendanceRecord.objects.filter(status="absent").count() == 3
    expect(screen.get_by_text("Attendance is closed")).to_be_visible()


def test_page_keys_and_keys_with_a_modifier_do_nothing(open_screen, section):
    session = session_of(section, SessionStatus.LOCKED)
    screen = open_screen(session)
    for key in ("PageDown", "PageUp", "Enter", "Space", ".", "b", "Control+s", "Alt+e", "Control+l"):
        screen.keyboard.press(key)
    expect(screen.get_by_role("dialog")).to_have_count(0)
    assert status_of(session) == "locked"


def test_key_of_a_step_that_is_not_possible_says_so(open_screen, section):
    session = session_of(section, SessionStatus.ACTIVE)
    screen = open_screen(session)
    for key, words in (("l", "Joining is locked already."), ("s", "Attendance is being taken already.")):
        screen.keyboard.press(key)
        expect(screen.get_by_text(words)).to_be_visible()
        expect(screen.get_by_role("dialog")).to_have_count(0)
    assert status_of(session) == "active"


def test_step_that_was_taken_elsewhere_meanwhile_is_told_calmly(open_screen, section):
    session = session_of(section, SessionStatus.LOCKED)
    screen = open_screen(session)
    screen.route("**/stats/", lambda route: route.abort())
    lifecycle.take_step(session=session, step="start", by=session.opened_by, at=timezone.now())
    screen.keyboard.press("s")
    screen.keyboard.press("Enter")
    expect(screen.get_by_text("The session was changed elsewhere meanwhile.")).to_be_visible()
    expect(screen.get_by_role("dialog")).to_have_count(0)
    screen.unroute("**/stats/")
    shows(screen, "active")
    expect(code_image(screen)).to_be_visible()


def test_step_without_an_answer_says_so_and_can_be_tried_again(open_screen, section):
    session = session_of(section, SessionStatus.LOCKED)
    screen = open_screen(session)
    screen.keyboard.press("s")
    screen.context.set_offline(True)
    screen.keyboard.press("Enter")
    expect(screen.get_by_role("alert")).to_contain_text("No answer came from the server.")
    assert status_of(session) == "locked"
    screen.context.set_offline(False)
    screen.keyboard.press("Enter")
    shows(screen, "active")
    expect(screen.get_by_role("dialog")).to_have_count(0)


def test_dialog_closes_where_a_colleague_took_the_step(open_screen, section):
    session = session_of(section, SessionStatus.LOCKED)
    screen = open_screen(session)
    screen.keyboard.press("s")
    expect(screen.get_by_role("dialog")).to_be_visible()
    lifecycle.take_step(session=session, step="start", by=session.opened_by, at=timezone.now())
    expect(screen.get_by_role("dialog")).to_have_count(0)
    expect(screen.get_by_text("The session was changed elsewhere meanwhile.")).to_be_visible()


def test_buttons_do_the_same_and_fade_while_nobody_is_there(open_screen, section):
    session = session_of(section, SessionStatus.CREATED)
    screen = open_screen(session)
    screen.get_by_role("button", name="Start attendance").click()
    screen.get_by_role("button", name="Cancel").click()
    assert status_of(session) == "created"
    screen.get_by_role("button", name="Start attendance").click()
    screen.get_by_role("dialog").get_by_role("button", name="Start attendance").click()
    shows(screen, "active")
    controls = screen.locator("[data-controls]")
    expect(controls).to_have_css("opacity", "0", timeout=15000)
    # For a keyboard and a screen reader they are there all the time.
    expect(screen.get_by_role("button", name="End session")).to_have_count(1)
    screen.keyboard.press("Tab")
    expect(screen.get_by_role("button", name="End session")).to_be_focused()
    expect(controls).to_have_css("opacity", "1")


def test_full_screen_by_key(open_screen, section):
    screen = open_screen(session_of(section))
    button = screen.get_by_role("button", name="Full screen")
    expect(button).to_have_attribute("aria-pressed", "false")
    screen.keyboard.press("f")
    expect(button).to_have_attribute("aria-pressed", "true")
    screen.keyboard.press("f")
    expect(button).to_have_attribute("aria-pressed", "false")


WATCH_LOCKS = """
window.locks = [];
const request = async () => {
  const lock = { released: false };
  window.locks.push(lock);
  return lock;
};
Object.defineProperty(navigator, "wakeLock", { value: { request } });
"""


def test_display_is_kept_on_and_again_after_the_page_was_hidden(open_screen, section):
    screen = open_screen(session_of(section), script=WATCH_LOCKS)
    wait_until(screen, "window.locks.length === 1")
    screen.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert screen.evaluate("window.locks.length") == 1
    screen.evaluate("window.locks[0].released = true; document.dispatchEvent(new Event('visibilitychange'))")
    wait_until(screen, "window.locks.length === 2")


# --- The code ---------------------------------------------------------------------------------------------


def test_two_screens_show_the_same_and_follow_each_other(open_screen, section):
    session = session_of(section, SessionStatus.LOCKED)
    first, second = open_screen(session), open_screen(session)
    first.keyboard.press("s")
    first.keyboard.press("Enter")
    for screen in (first, second):
        shows(screen, "active")
        expect(code_image(screen)).to_be_visible()
    at = timezone.now()
    assert all(is_accepted(session, token_shown(screen), at=at) for screen in (first, second))
    code = tokens.make_code(public_id=session.public_id, secret=session.secret, at=timezone.now())
    both = {screen.locator("[data-code]").inner_text() for screen in (first, second)}
    assert both == {f"{code[:4]} {code[4:]}"}
    second.keyboard.press("e")
    second.keyboard.press("Enter")
    for screen in (first, second):
        shows(screen, "ended")
        expect(code_image(screen)).to_have_count(0)


def test_codes_go_on_through_ten_seconds_without_network(open_screen, section):
    session = session_of(section)
    screen = open_screen(session)
    expect(code_image(screen)).to_be_visible()
    # The images of the next two steps are there.
    screen.wait_for_load_state("networkidle")
    screen.context.set_offline(True)
    lost_until = time.monotonic() + 10
    seen = set()
    while time.monotonic() < lost_until:
        at = timezone.now()
        token = token_shown(screen)
        assert is_accepted(session, token, at=at)
        seen.add(token)
    assert len(seen) >= 2
    expect(screen.get_by_text("these numbers may be old")).to_be_visible()
    screen.context.set_offline(False)
    expect(screen.get_by_text("these numbers may be old")).to_be_hidden()
    at = timezone.now()
    assert is_accepted(session, token_shown(screen), at=at)


def test_code_that_nobody_accepts_any_more_gives_way_to_a_note(open_screen, section, settings):
    settings.QR_STEP_SECONDS = 1
    session = session_of(section)
    screen = open_screen(session)
    note = screen.get_by_text("No connection to the server. The code comes back by itself.")
    expect(code_image(screen)).to_be_visible()
    screen.context.set_offline(True)
    expect(note).to_be_visible()
    assert zxingcpp.read_barcodes(Image.open(io.BytesIO(screen.screenshot()))) == []
    screen.context.set_offline(False)
    expect(note).to_be_hidden()
    assert scanned(screen)


def test_reload_shows_the_code_again(open_screen, section):
    session = session_of(section)
    screen = open_screen(session)
    screen.reload()
    expect(code_image(screen)).to_be_visible()
    at = timezone.now()
    assert is_accepted(session, token_shown(screen), at=at)


def test_no_frame_is_without_a_code_when_it_changes(open_screen, section, settings):
    settings.QR_STEP_SECONDS = 2
    screen = open_screen(session_of(section))
    expect(code_image(screen)).to_be_visible()
    screen.wait_for_load_state("networkidle")
    frames: list[bytes] = []
    camera = screen.context.new_cdp_session(screen)

    def keep(frame: dict[str, Any]) -> None:
        frames.append(base64.b64decode(frame["data"]))
        camera.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    camera.on("Page.screencastFrame", keep)
    camera.send("Page.startScreencast", {"format": "jpeg", "quality": 60, "maxWidth": 960, "maxHeight": 540})
    screen.wait_for_timeout(6500)
    camera.send("Page.stopScreencast")
    texts = [read_by_zxing(Image.open(io.BytesIO(frame))) for frame in frames]
    assert "" not in texts
    assert len(set(texts)) >= 3


# --- Names ------------------------------------------------------------------------------------------------


def test_names_are_off_until_turned_on_then_newest_first_and_nothing_moves(open_screen, section):
    first, second, third = factories.students_of(section)
    session = session_of(section, SessionStatus.CREATED)
    screen = open_screen(session)
    began = timezone.now()

    def join(student) -> None:
        finished(joining.join(source=session, student=student, at=timezone.now()))

    join(first)
    expect(screen.locator("[data-figure][data-stat=total_joined]")).to_have_text("1")
    expect(screen.get_by_text(first.name)).to_have_count(0)

    QRSession.objects.update(names_on_screen=True)
    names = screen.get_by_role("list", name="Latest arrivals").get_by_role("listitem")
    expect(names).to_have_text([first.name], timeout=15000)
    places = "() => ['.how', '.figures b', '#qr'].map((part) => JSON.stringify(document.querySelector(part).getBoundingClientRect()))"
    before = screen.evaluate(places)
    join(second)
    expect(names).to_have_text([second.name, first.name])
    join(third)
    expect(names).to_have_text([third.name, second.name, first.name])
    assert screen.evaluate(places) == before
    assert AttendanceRecord.objects.filter(joined_at__gte=began).count() == 3

    QRSession.objects.update(names_on_screen=False)
    expect(screen.get_by_text(first.name)).to_be_hidden()


# --- For everybody ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [1920, 390])
def test_screen_has_no_fault_that_axe_knows(open_screen, section, colours, width):
    session = session_of(section, SessionStatus.CREATED, names_on_screen=True)
    student = factories.students_of(section)[0]
    factories.make_record(meeting=session.meeting, student=student, status=Status.PRESENT)
    height = 1080 if width == 1920 else 844
    # Without motion: half faded, the buttons have no contrast, and that is no fault.
    screen = open_screen(
        session,
        viewport={"width": width, "height": height},
        color_scheme=colours,
        reduced_motion="reduce",
    )
    faults = {}
    for key, status in (("l", "locked"), ("s", "active"), ("e", "ended")):
        faults[f"before {status}"] = Axe().run(screen).response["violations"]
        screen.keyboard.press(key)
        faults[f"asked for {status}"] = Axe().run(screen).response["violations"]
        screen.keyboard.press("Enter")
        shows(screen, status)
    faults["ended"] = Axe().run(screen).response["violations"]
    assert {when: [fault["id"] for fault in found] for when, found in faults.items() if found} == {}
    assert screen.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_bar_moves_by_the_second_for_who_wants_no_motion(open_screen, section):
    screen = open_screen(session_of(section), reduced_motion="reduce")
    expect(code_image(screen)).to_be_visible()
    easing = screen.evaluate(
        "document.querySelector('[data-countdown]').getAnimations()[0].effect.getTiming().easing"
    )
    assert re.match(r"steps\(", easing)
