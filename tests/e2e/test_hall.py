"""The hall's screen in a real browser: legible from the last row, run by keyboard, and with a lost network."""

import base64
import datetime
import io
import itertools
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp
from django.utils import timezone
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, Locator, Page, expect

from attendance.models import AttendanceRecord, Status
from qrsessions.codes import tokens
from qrsessions.models import GroupSession, QRSession, SessionStatus
from qrsessions.services import joining, lifecycle
from tests.support import factories
from tests.support.browser.pages import (
    PROJECTOR,
    axe_violations,
    fits_width,
    is_failed_request,
    page_opener,
    scanned,
    sign_in,
    wait_until,
)
from tests.support.classes import code_of, token_of
from tests.support.waiting import wait_until as until

pytestmark = pytest.mark.django_db(transaction=True)

SIZES = [(1280, 720), (1920, 1080), (3840, 2160), (1024, 768)]


@pytest.fixture
def open_screen(browser: Browser, live_server) -> Iterator[Callable[..., Page]]:
    """Open the screen of a session or group, signed in. Failed requests are allowed, script errors are not.

    With ``clock`` the test can move the page's clock on.
    """
    with page_opener(browser, live_server.url, is_expected=is_failed_request) as open_page:

        def open_screen(
            source: QRSession | GroupSession, *, script: str = "", clock: bool = False, **options: Any
        ) -> Page:
            page = open_page(script=script, **{**PROJECTOR, **options})
            if clock:
                page.clock.install()
            kind = "groups" if isinstance(source, GroupSession) else "sessions"
            sign_in(page, source.opened_by, to=f"/teach/{kind}/{source.public_id}/screen/")
            expect(page.locator("[data-controls]")).to_be_visible()
            return page

        yield open_screen


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
    """Ten frames of a phone's camera that sees the screen from the last row.

    The hall is 20 m long. The picture on its wall is 3.2 m wide, smaller than recommended for that distance. A phone's
    main camera has the view of a 26 mm lens on 36 mm film, so its frame at 20 m is 20 × 36/26 = 27.7 m wide. The picture
    takes up 3.2/27.7 = 11.6 % of it. In a 1280 pixel frame (our scanner) that is 148 pixels for the picture and 2.2 for a
    module of the code; in a 1920 pixel frame (camera apps), 222 and 3.3. The optics blur by 0.6 pixels (standard
    deviation), ambient light halves the contrast, the sensor adds noise, and each frame has its own offset.
    """
    rng = random.Random(20)
    screen = Image.open(io.BytesIO(screenshot)).convert("L")
    share = 3.2 / (20 * 36 / 26)
    shrunk = camera_width * share / screen.width
    frames = []
    for _ in range(10):
        wall = Image.new("L", (screen.width + 400, screen.height + 400), 96)
        wall.paste(screen.point(lambda light: 70 + light // 2), (rng.randrange(400), rng.randrange(400)))
        size = (round(wall.width * shrunk), round(wall.height * shrunk))
        frame = wall.resize(size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.6))
        noise = np.random.default_rng(rng.randrange(2**32)).normal(0, 6, (size[1], size[0]))
        frames.append(Image.fromarray(np.clip(np.asarray(frame) + noise, 0, 255).astype(np.uint8)))
    return frames


def read_by_zxing(frame: Image.Image) -> str:
    return next((code.text for code in zxingcpp.read_barcodes(frame)), "")


def read_by_opencv(frame: Image.Image) -> str:
    return str(cv2.QRCodeDetector().detectAndDecode(np.asarray(frame))[0])


def test_code_is_readable_from_the_last_row(open_screen, section, settings):
    settings.PUBLIC_URL = "https://attend.example.edu"
    settings.QR_STEP_SECONDS = 60
    screen = open_screen(session_of(section))
    expect(code_image(screen)).to_be_visible()
    picture = screen.screenshot()
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))

    for_our_scanner = seen_from_the_last_row(picture, camera_width=1280)
    for_camera_apps = seen_from_the_last_row(picture, camera_width=1920)
    for frames, read in (
        (for_our_scanner, read_by_zxing),
        (for_camera_apps, read_by_zxing),
        (for_camera_apps, read_by_opencv),
    ):
        texts = [read(frame) for frame in frames]
        # A camera takes ten frames in a third of a second, so half of them is plenty.
        assert texts.count(code.text) >= 5
        assert set(texts) <= {code.text, ""}


def test_code_is_black_on_white_with_a_quiet_zone_in_dark_mode(open_screen, section):
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


@pytest.mark.parametrize(
    "sections",
    [1, pytest.param(3, marks=pytest.mark.slow), 6, pytest.param(12, marks=pytest.mark.slow), 24, 100],
)
def test_content_fits_the_screen_in_every_status(open_screen, section, settings, sections):
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
        overflows = screen.evaluate("""() => {
          const side = document.querySelector(".side");
          const bottom = Math.max(...[...side.children].map((part) => part.getBoundingClientRect().bottom));
          return [bottom > innerHeight, document.documentElement.scrollHeight > innerHeight,
            side.scrollWidth > side.clientWidth];
        }""")
        assert overflows == [False, False, False], (width, height, status)
        if status is SessionStatus.ACTIVE:
            expect(code_image(screen)).to_be_in_viewport(ratio=1)


# --- Keyboard -------------------------------------------------------------------------------


def test_keys_lock_start_and_end_a_session_after_confirmation(open_screen, section):
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
        # A presenter's page keys do nothing, and Escape cancels.
        for harmless in ("PageDown", "PageUp", "ArrowRight", "s", "e", "l", "Escape"):
            screen.keyboard.press(harmless)
        expect(screen.get_by_role("dialog")).to_have_count(0)
        assert status_of(session) == before
        screen.keyboard.press(key)
        screen.keyboard.press("Enter")
        shows(screen, status)
        assert status_of(session) == status
    assert AttendanceRecord.objects.filter(status="absent").count() == 3
    expect(screen.get_by_text("Attendance has ended")).to_be_visible()


def test_page_keys_and_modified_keys_do_nothing(open_screen, section):
    session = session_of(section, SessionStatus.LOCKED)
    screen = open_screen(session)
    for key in ("PageDown", "PageUp", "Enter", "Space", ".", "b", "Control+s", "Alt+e", "Control+l"):
        screen.keyboard.press(key)
    expect(screen.get_by_role("dialog")).to_have_count(0)
    assert status_of(session) == "locked"


def test_key_for_an_impossible_step_shows_a_message(open_screen, section):
    session = session_of(section, SessionStatus.ACTIVE)
    screen = open_screen(session)
    for key, words in (("l", "Joining is already locked."), ("s", "Attendance is already being taken.")):
        screen.keyboard.press(key)
        expect(screen.get_by_text(words)).to_be_visible()
        expect(screen.get_by_role("dialog")).to_have_count(0)
    assert status_of(session) == "active"


def test_step_already_taken_elsewhere_shows_a_message(open_screen, section):
    session = session_of(section, SessionStatus.LOCKED)
    screen = open_screen(session)
    screen.route("**/stats/", lambda route: route.abort())
    lifecycle.take_step(session=session, step="start", by=session.opened_by, at=timezone.now())
    screen.keyboard.press("s")
    screen.keyboard.press("Enter")
    expect(screen.get_by_text("The session was changed elsewhere.")).to_be_visible()
    expect(screen.get_by_role("dialog")).to_have_count(0)
    screen.unroute("**/stats/")
    shows(screen, "active")
    expect(code_image(screen)).to_be_visible()


def test_step_without_network_shows_a_message_and_can_be_retried(open_screen, section):
    session = session_of(section, SessionStatus.LOCKED)
    screen = open_screen(session)
    screen.keyboard.press("s")
    screen.context.set_offline(True)
    screen.keyboard.press("Enter")
    expect(screen.get_by_role("alert")).to_contain_text("The server did not respond.")
    assert status_of(session) == "locked"
    # The button works again a moment after the message.
    expect(screen.locator("dialog [aria-disabled=true]")).to_have_count(0)
    screen.context.set_offline(False)
    screen.keyboard.press("Enter")
    shows(screen, "active")
    expect(screen.get_by_role("dialog")).to_have_count(0)


def test_dialog_closes_when_a_colleague_takes_the_step(open_screen, section):
    session = session_of(section, SessionStatus.LOCKED)
    screen = open_screen(session)
    screen.keyboard.press("s")
    expect(screen.get_by_role("dialog")).to_be_visible()
    lifecycle.take_step(session=session, step="start", by=session.opened_by, at=timezone.now())
    expect(screen.get_by_role("dialog")).to_have_count(0)
    expect(screen.get_by_text("The session was changed elsewhere.")).to_be_visible()


def test_buttons_work_like_keys_and_fade_when_idle(open_screen, section):
    session = session_of(section, SessionStatus.CREATED)
    screen = open_screen(session, clock=True)
    screen.get_by_role("button", name="Start attendance").click()
    screen.get_by_role("button", name="Cancel").click()
    assert status_of(session) == "created"
    screen.get_by_role("button", name="Start attendance").click()
    screen.get_by_role("dialog").get_by_role("button", name="Start attendance").click()
    shows(screen, "active")
    controls = screen.locator("[data-controls]")
    expect(controls).to_have_css("opacity", "1")
    # Nothing is pressed for 4 s.
    screen.clock.fast_forward(4000)
    expect(controls).to_have_css("opacity", "0")
    # The keyboard and screen readers can still reach them.
    expect(screen.get_by_role("button", name="End session")).to_have_count(1)
    screen.keyboard.press("Tab")
    expect(screen.get_by_role("button", name="End session")).to_be_focused()
    expect(controls).to_have_css("opacity", "1")


def test_key_toggles_full_screen(open_screen, section):
    screen = open_screen(session_of(section))
    button = screen.get_by_role("button", name="Full screen")
    expect(button).to_have_attribute("aria-pressed", "false")
    screen.keyboard.press("f")
    expect(button).to_have_attribute("aria-pressed", "true")
    screen.keyboard.press("f")
    expect(button).to_have_attribute("aria-pressed", "false")


RECORD_WAKE_LOCKS = """
window.locks = [];
const request = async () => {
  const lock = { released: false };
  window.locks.push(lock);
  return lock;
};
Object.defineProperty(navigator, "wakeLock", { value: { request } });
"""


def test_wake_lock_is_requested_again_after_the_page_was_hidden(open_screen, section):
    screen = open_screen(session_of(section), script=RECORD_WAKE_LOCKS)
    wait_until(screen, "window.locks.length === 1")
    screen.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert screen.evaluate("window.locks.length") == 1
    screen.evaluate("window.locks[0].released = true; document.dispatchEvent(new Event('visibilitychange'))")
    wait_until(screen, "window.locks.length === 2")


# --- The code ---------------------------------------------------------------------------------------------


def test_two_screens_show_the_same_code_and_status(open_screen, section):
    session = session_of(section, SessionStatus.LOCKED)
    first, second = open_screen(session), open_screen(session)
    first.keyboard.press("s")
    first.keyboard.press("Enter")
    for screen in (first, second):
        shows(screen, "active")
        expect(code_image(screen)).to_be_visible()

    def both_show_the_current_codes() -> bool:
        shown = {
            (token_shown(screen), screen.locator("[data-code]").inner_text()) for screen in (first, second)
        }
        code = code_of(session)
        return shown == {(token_of(session), f"{code[:4]} {code[4:]}")}

    # Not yet while the codes change between the two looks.
    until(both_show_the_current_codes)
    second.keyboard.press("e")
    second.keyboard.press("Enter")
    for screen in (first, second):
        shows(screen, "ended")
        expect(code_image(screen)).to_have_count(0)


def test_codes_rotate_during_ten_seconds_without_network(open_screen, section, settings, time_machine):
    """The clocks of the browser and of the server are moved on, five times by two seconds."""
    session = session_of(section)
    screen = open_screen(session, clock=True)
    expect(code_image(screen)).to_be_visible()
    # The images of the next two steps are loaded.
    screen.wait_for_load_state("networkidle")
    screen.context.set_offline(True)
    seen = set()
    for _ in range(5):
        time_machine.move_to(timezone.now() + datetime.timedelta(seconds=2))
        screen.clock.fast_forward(2000)
        before = timezone.now()
        token = token_shown(screen)
        # The browser of a busy machine may change the picture a step late, and reading it may take as long.
        late = before - datetime.timedelta(seconds=settings.QR_STEP_SECONDS)
        assert any(is_accepted(session, token, at=at) for at in (late, before, timezone.now()))
        seen.add(token)
    assert len(seen) >= 2
    expect(screen.get_by_text("These numbers may be out of date")).to_be_visible()
    screen.context.set_offline(False)
    expect(screen.get_by_text("These numbers may be out of date")).to_be_hidden()
    at = timezone.now()
    assert is_accepted(session, token_shown(screen), at=at)


def test_expired_code_is_replaced_by_a_note(open_screen, section, settings):
    settings.QR_STEP_SECONDS = 1
    session = session_of(section)
    screen = open_screen(session)
    note = screen.get_by_text("No connection to the server. The code will come back automatically.")
    expect(code_image(screen)).to_be_visible()
    screen.context.set_offline(True)
    expect(note).to_be_visible()
    assert zxingcpp.read_barcodes(Image.open(io.BytesIO(screen.screenshot()))) == []
    screen.context.set_offline(False)
    expect(note).to_be_hidden()
    assert scanned(screen)


def test_code_is_back_at_once_after_a_hanging_server(browser, start_server, section, settings):
    """An offline browser fails requests at once. A hanging server leaves them open until they time out."""
    settings.QR_STEP_SECONDS = 3
    own_server = start_server(QR_STEP_SECONDS="3")
    session = session_of(section)
    note = "No connection to the server. The code will come back automatically."
    step = "document.querySelector('#qr img').src.split('step=')[1]"
    origin = f"http://127.0.0.1:{own_server.port}"
    with page_opener(browser, origin, is_expected=is_failed_request) as open_page:
        screen = open_page(**PROJECTOR)
        sign_in(screen, session.opened_by, to=f"/teach/sessions/{session.public_id}/screen/")
        expect(code_image(screen)).to_be_visible()
        screen.wait_for_load_state("networkidle")
        expect(screen.get_by_text(note)).to_be_hidden()
        began = tokens.step_at(timezone.now())
        with own_server.hanging():
            expect(screen.get_by_text(note)).to_be_visible()
            recovered = tokens.step_at(timezone.now())
        assert recovered > began + 1
        expect(screen.get_by_text(note)).to_be_hidden()

        # Not only with the code of a later step, whose image was requested after the failure.
        assert int(screen.evaluate(step)) <= recovered + 1


def test_reload_shows_the_code_again(open_screen, section):
    session = session_of(section)
    screen = open_screen(session)
    screen.reload()
    expect(code_image(screen)).to_be_visible()
    at = timezone.now()
    assert is_accepted(session, token_shown(screen), at=at)


def test_code_never_disappears_while_it_rotates(open_screen, section, settings):
    settings.QR_STEP_SECONDS = 2
    screen = open_screen(session_of(section))
    expect(code_image(screen)).to_be_visible()
    screen.wait_for_load_state("networkidle")
    box = code_image(screen).bounding_box()
    # By the pixels of the code in a picture. They are mostly the same, because only the bar below moves.
    texts: dict[bytes, str] = {}
    camera = screen.context.new_cdp_session(screen)

    def keep(frame: dict[str, Any]) -> None:
        picture = Image.open(io.BytesIO(base64.b64decode(frame["data"])))
        scale = picture.width / PROJECTOR["viewport"]["width"]
        code = picture.crop(
            (
                int(box["x"] * scale),
                int(box["y"] * scale),
                int((box["x"] + box["width"]) * scale),
                int((box["y"] + box["height"]) * scale),
            )
        )
        if (pixels := code.tobytes()) not in texts:
            texts[pixels] = read_by_zxing(code)
        camera.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    def has_changed_twice() -> bool:
        # Pictures arrive meanwhile.
        screen.wait_for_timeout(50)
        return len(set(texts.values())) >= 3

    camera.on("Page.screencastFrame", keep)
    camera.send("Page.startScreencast", {"format": "jpeg", "quality": 60, "maxWidth": 960, "maxHeight": 540})
    until(has_changed_twice)
    camera.send("Page.stopScreencast")
    assert "" not in texts.values()


# --- Names ------------------------------------------------------------------------------------------------


def test_names_appear_newest_first_when_turned_on_and_nothing_moves(open_screen, section):
    first, second, third = factories.students_of(section)
    session = session_of(section, SessionStatus.CREATED)
    screen = open_screen(session, clock=True)
    began = timezone.now()

    def join(student) -> None:
        joining.join(session_or_group=session, student=student, at=timezone.now())

    join(first)
    expect(screen.locator("[data-figure][data-stat=total_joined]")).to_have_text("1")
    expect(screen.get_by_text(first.name)).to_have_count(0)

    QRSession.objects.update(names_on_screen=True)
    # The names are asked for every 2 s, while they are off every 5 s.
    screen.clock.fast_forward(5000)
    names = screen.get_by_role("list", name="Latest arrivals").get_by_role("listitem")
    expect(names).to_have_text([first.name])
    boxes = "() => ['.how', '.figures b', '#qr'].map((part) => JSON.stringify(document.querySelector(part).getBoundingClientRect()))"
    before = screen.evaluate(boxes)
    join(second)
    screen.clock.fast_forward(2000)
    expect(names).to_have_text([second.name, first.name])
    join(third)
    expect(names).to_have_text([third.name, second.name, first.name])
    assert screen.evaluate(boxes) == before
    assert AttendanceRecord.objects.filter(joined_at__gte=began).count() == 3

    QRSession.objects.update(names_on_screen=False)
    screen.clock.fast_forward(2000)
    expect(screen.get_by_text(first.name)).to_be_hidden()


# --- For everybody ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "colours"),
    [
        (1920, "light"),
        (390, "dark"),
        pytest.param(1920, "dark", marks=pytest.mark.slow),
        pytest.param(390, "light", marks=pytest.mark.slow),
    ],
)
def test_screen_is_accessible(open_screen, section, width, colours):
    session = session_of(section, SessionStatus.CREATED, names_on_screen=True)
    student = factories.students_of(section)[0]
    factories.make_record(meeting=session.meeting, student=student, status=Status.PRESENT)
    height = 1080 if width == 1920 else 844
    # Without motion, because half-faded buttons have too little contrast.
    screen = open_screen(
        session,
        viewport={"width": width, "height": height},
        color_scheme=colours,
        reduced_motion="reduce",
    )
    violations = {}
    for key, status in (("l", "locked"), ("s", "active"), ("e", "ended")):
        violations[f"before {status}"] = axe_violations(screen)
        screen.keyboard.press(key)
        violations[f"confirming {status}"] = axe_violations(screen)
        screen.keyboard.press("Enter")
        shows(screen, status)
    violations["ended"] = axe_violations(screen)
    assert {when: found for when, found in violations.items() if found} == {}
    assert fits_width(screen)


def test_countdown_moves_in_steps_with_reduced_motion(open_screen, section):
    screen = open_screen(session_of(section), reduced_motion="reduce")
    expect(code_image(screen)).to_be_visible()
    easing = screen.evaluate(
        "document.querySelector('[data-countdown]').getAnimations()[0].effect.getTiming().easing"
    )
    assert re.match(r"steps\(", easing)
