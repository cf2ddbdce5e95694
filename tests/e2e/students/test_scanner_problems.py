"""The scanner with unrelated codes, without a camera, without a decoder, and in the dark."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import ImageOps
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.browser.pages import axe_violations
from tests.support.browser.phones import COUNT_READS, let_pass
from tests.support.browser.scanner_page import camera_browser, film_of_code, film_of_darkness, scanner_page

TEXT = "HTTPS://ATTEND.EXAMPLE.EDU/A/7GK2QM9X0123456789AB"
# Allowed, but without the fake device: a machine without a camera has none.
NO_CAMERA = "--use-fake-ui-for-media-stream"
REFUSES = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream=deny"]
# The headless shell cannot refuse first and allow later, so this refuses until the permission is granted.
REFUSES_FIRST = """const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wish) => {
  const { state } = await navigator.permissions.query({ name: "camera" });
  if (state !== "granted") throw new DOMException("Permission denied", "NotAllowedError");
  return open(wish);
};"""
# Replaces the browser's own detector, which Chromium has only on phones. It reads codes through the same interface.
BROWSER_DETECTOR = """window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["aztec", "qr_code"]; }
  async detect(image) {
    window.detected = (window.detected ?? 0) + 1;
    if (window.detectorFails) throw new DOMException("Service unavailable", "NotSupportedError");
    const { decodeQR } = await import("/static/vendor/qr-0.7.0/decode.js");
    try { return [{ rawValue: decodeQR(image) }]; } catch { return []; }
  }
};"""
NO_WEBASSEMBLY = "delete window.WebAssembly"
HAS_TORCH = """MediaStreamTrack.prototype.getCapabilities = () => ({ torch: true });
MediaStreamTrack.prototype.applyConstraints = async function (wish) { (window.wishes ??= []).push(wish.advanced[0]); };
"""
HAS_ZOOM = """MediaStreamTrack.prototype.getCapabilities = () => ({ zoom: { min: 1, max: 8, step: 0.1 } });
MediaStreamTrack.prototype.getSettings = () => ({ zoom: 1 });
MediaStreamTrack.prototype.applyConstraints = async function (wish) { (window.wishes ??= []).push(wish.advanced[0]); };
"""
# Of the worker, in milliseconds. The test's clock does not reach into a worker.
DOWNLOAD_PAUSES = "[0, 5000, 20000]"
FINDS_NOTHING = {
    "body": "export const decodeQR = () => { throw new Error('nothing'); };",
    "content_type": "text/javascript",
}
POINT = "Point the camera at the code on the screen."
IS_CAMERA_ON = "Boolean(document.querySelector('video').srcObject?.active)"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {
        "code": film_of_code(TEXT, folder / "code.mjpeg"),
        "dark": film_of_darkness(folder / "dark.mjpeg"),
        "inverted": film_of_code(TEXT, folder / "inverted.mjpeg", effect=ImageOps.invert),
    }


@pytest.fixture(scope="module")
def camera_of(browser_type, browser_type_launch_args, films) -> Iterator[Callable[..., Browser]]:
    """A browser whose camera plays a film. Each is started once."""
    running: dict[tuple[str, ...], Browser] = {}
    with ExitStack() as opened:

        def camera_of(film: str, *flags: str) -> Browser:
            key = (film, *flags)
            if key not in running:
                more = {"flags": list(flags)} if flags else {}
                running[key] = opened.enter_context(
                    camera_browser(browser_type, browser_type_launch_args, films[film], **more)
                )
            return running[key]

        yield camera_of


@pytest.fixture
def phone(camera_of, live_server) -> Iterator[Callable[..., Page]]:
    """A phone whose camera sees a film, on a page with only a scanner."""
    pages: list[Page] = []

    def phone(film: str = "code", *flags: str, **options) -> Page:
        pages.append(scanner_page(camera_of(film, *flags), live_server.url, **options))
        return pages[-1]

    yield phone
    for page in pages:
        page.context.close()


def read(page: Page) -> list[str]:
    page.wait_for_function("() => texts.length > 0")
    texts: list[str] = page.evaluate("texts")
    return texts


def with_clock(page: Page) -> None:
    """Let the test move the page's clock."""
    page.clock.install()


def requested_files(page: Page) -> list[str]:
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]))
    return asked


def test_code_that_stays_in_view_is_reported_once(phone):
    page = phone()
    assert read(page) == [TEXT]
    # Time in which it could wrongly be read twice.
    page.wait_for_timeout(700)
    assert read(page) == [TEXT]
    assert page.evaluate("scanner.isOpen()") is True


def test_nothing_is_read_while_the_caller_is_busy(phone):
    page = phone(before=lambda page: page.add_init_script("window.pending = new Promise(() => {})"))
    page.evaluate("answers.push(pending)")
    assert read(page) == [TEXT]
    page.wait_for_timeout(700)
    assert read(page) == [TEXT]
    expect(page.get_by_text("Code scanned. One moment")).to_be_visible()
    assert page.evaluate(IS_CAMERA_ON)


def test_refused_code_shows_the_reason_and_scanning_continues(phone):
    page = phone(before=lambda page: [with_clock(page), page.add_init_script(COUNT_READS)])
    page.evaluate("answers.push({ message: 'This is a bus ticket.' })")
    expect(page.get_by_role("status")).to_have_text("This is a bus ticket.", use_inner_text=True)
    let_pass(page, seconds=6)
    assert page.evaluate("scanner.isOpen()") is True
    expect(page.get_by_role("status")).to_have_text(POINT, use_inner_text=True)
    assert read(page) == [TEXT]


def test_caller_can_close_the_camera(phone):
    page = phone()
    page.evaluate("answers.push({ keepScanning: false })")
    expect(page.get_by_role("button", name="Scan with the camera")).to_be_visible(timeout=12000)
    assert not page.evaluate(IS_CAMERA_ON)


def test_one_tap_opens_and_one_tap_closes_the_camera(phone):
    page = phone()
    assert read(page) == [TEXT]
    page.get_by_role("button", name="Close the camera").click()
    assert not page.evaluate(IS_CAMERA_ON)
    page.get_by_role("button", name="Scan with the camera").click()
    page.wait_for_function("() => texts.length === 2")
    expect(page.get_by_role("button", name="Close the camera")).to_be_focused()


def test_camera_is_off_while_the_page_is_hidden(phone):
    page = phone()
    assert read(page) == [TEXT]
    hide = "isHidden => { Object.defineProperty(document, 'hidden', { value: isHidden, configurable: true });"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, arg=True)
    assert not page.evaluate(IS_CAMERA_ON)
    page.evaluate(hide, arg=False)
    page.wait_for_function(f"() => {IS_CAMERA_ON}")
    page.wait_for_function("() => texts.length === 2")


def test_camera_is_off_after_the_scanner_is_removed(phone):
    page = phone()
    assert read(page) == [TEXT]
    page.evaluate(
        "window.stream = document.querySelector('video').srcObject; document.querySelector('.now').remove()"
    )
    page.wait_for_function("() => !stream.active")


def test_denied_camera_shows_how_to_allow_it(phone):
    page = phone("code", *REFUSES, permissions=[])
    page.get_by_role("button", name="Scan with the camera").click()
    expect(page.get_by_role("alert")).to_contain_text("Camera access is blocked")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_contain_text("Camera access is blocked")


def test_scanning_starts_by_itself_once_the_camera_is_allowed(phone):
    page = phone(before=lambda page: page.add_init_script(REFUSES_FIRST), permissions=[])
    page.get_by_role("button", name="Scan with the camera").click()
    expect(page.get_by_role("alert")).to_contain_text("Camera access is blocked")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_contain_text("Camera access is blocked")
    page.context.grant_permissions(["camera"])
    assert read(page) == [TEXT]


def test_missing_camera_shows_a_message(phone):
    page = phone("code", NO_CAMERA)
    expect(page.get_by_role("alert")).to_contain_text("No camera found")
    expect(page.get_by_text("camera app can scan the code too")).to_be_visible()


def test_busy_camera_shows_a_message_and_can_be_retried(phone):
    busy = """const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wish) => window.free ? real(wish)
      : Promise.reject(new DOMException("in use", "NotReadableError"));"""
    page = phone(before=lambda page: page.add_init_script(busy))
    expect(page.get_by_role("alert")).to_contain_text("The camera is in use")
    page.evaluate("window.free = true")
    page.get_by_role("button", name="Try again").click()
    assert read(page) == [TEXT]


def test_camera_lost_while_scanning_shows_a_message(phone):
    page = phone()
    assert read(page) == [TEXT]
    page.evaluate(
        "document.querySelector('video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))"
    )
    expect(page.get_by_role("alert")).to_contain_text("The camera is in use")


def test_plain_http_shows_a_message_at_once(browser, settings):
    def from_folder(route: Route) -> None:
        route.fulfill(path=settings.BASE_DIR / urlsplit(route.request.url).path.removeprefix("/"))

    # The files are served here, because no server has this name.
    page = scanner_page(
        browser, "http://hall.test", before=lambda page: page.route("**/static/**", from_folder)
    )
    expect(page.get_by_role("alert")).to_contain_text("The camera can't be used at this address")
    expect(page.get_by_role("button")).to_have_count(0)
    page.context.close()


def test_failed_download_of_both_decoders_can_be_retried(phone):
    decoders = re.compile(r"\.wasm$|/decode\.js$")
    page = phone(before=lambda page: page.context.route(decoders, lambda route: route.abort()))
    expect(page.get_by_role("alert")).to_contain_text("The scanner did not load")
    assert not page.evaluate(IS_CAMERA_ON)
    page.context.unroute(decoders)
    page.get_by_role("button", name="Try again").click()
    assert read(page) == [TEXT]


def test_codes_are_read_before_the_large_decoder_has_arrived(phone):
    # It is requested, and never answered.
    page = phone(before=lambda page: page.context.route("**/*.wasm", lambda route: None))
    assert read(page) == [TEXT]


def test_large_decoder_reads_alone_if_the_small_one_is_missing(phone):
    page = phone(before=lambda page: page.context.route("**/decode.js", lambda route: route.abort()))
    assert read(page) == [TEXT]


def test_large_decoder_takes_over_after_a_failed_download(phone):
    wasm: list[Route] = []

    def fail_once(route: Route) -> None:
        wasm.append(route)
        if len(wasm) == 1:
            route.abort()
        else:
            route.continue_()

    def without_pause(route: Route) -> None:
        code = route.fetch().text()
        assert DOWNLOAD_PAUSES in code
        route.fulfill(body=code.replace(DOWNLOAD_PAUSES, "[0, 1]"), content_type="text/javascript")

    def prepare(page: Page) -> None:
        page.context.route("**/decoder_worker.js", without_pause)
        page.context.route("**/*.wasm", fail_once)
        page.context.route("**/decode.js", lambda route: route.fulfill(**FINDS_NOTHING))

    assert read(phone(before=prepare)) == [TEXT]
    assert len(wasm) == 2


def test_decoder_that_loads_slowly_shows_what_to_do_meanwhile(phone):
    decoders = re.compile(r"\.wasm$|/decode\.js$")
    page = phone(before=lambda page: [with_clock(page), page.context.route(decoders, lambda route: None)])
    status = page.get_by_role("status")
    expect(status).to_have_text("One moment: the scanner is loading.", use_inner_text=True)
    page.clock.fast_forward(3000)
    expect(status).to_have_text(
        "The scanner is still loading. You can type the digits, or use your phone's camera app.",
        use_inner_text=True,
    )


def test_light_code_on_a_dark_ground_is_read(phone):
    assert read(phone("inverted")) == [TEXT]


def test_zoom_is_offered_if_the_camera_has_one(phone):
    page = phone("dark", before=lambda page: page.add_init_script(HAS_ZOOM))
    page.get_by_role("button", name="Zoom in", pressed=False).click()
    expect(page.get_by_role("button", name="Zoom in", pressed=True)).to_be_visible()
    page.get_by_role("button", name="Zoom in").click()
    expect(page.get_by_role("button", name="Zoom in", pressed=False)).to_be_visible()
    assert page.evaluate("wishes") == [{"zoom": 2}, {"zoom": 1}]


def test_zoom_is_not_offered_if_the_camera_has_none(phone):
    page = phone("dark", before=lambda page: page.add_init_script(HAS_TORCH))
    expect(page.get_by_role("button", name="Light")).to_be_visible()
    expect(page.get_by_role("button", name="Zoom in")).to_be_hidden()


def test_browser_detector_needs_no_download(phone):
    asked: list[str] = []
    page = phone(
        before=lambda page: [page.add_init_script(BROWSER_DETECTOR), asked.append(requested_files(page))]
    )
    assert read(page) == [TEXT]
    assert page.evaluate("detected") > 0
    assert not [name for name in asked[0] if "zxing" in name]


def test_failing_browser_detector_is_replaced(phone):
    fails = f"{BROWSER_DETECTOR} window.detectorFails = true;"
    page = phone(before=lambda page: page.add_init_script(fails))
    assert read(page) == [TEXT]
    assert page.evaluate("detected") == 2


def test_javascript_decoder_reads_without_webassembly(phone):
    asked: list[list[str]] = []
    page = phone(
        before=lambda page: [page.add_init_script(NO_WEBASSEMBLY), asked.append(requested_files(page))]
    )
    assert read(page) == [TEXT]
    assert [name for name in asked[0] if "zxing" in name or name == "decode.js"] == ["decode.js"]


def test_dark_picture_shows_a_hint(phone):
    page = phone("dark", before=with_clock)
    expect(page.get_by_text(POINT)).to_be_visible()
    page.clock.fast_forward(3000)
    expect(page.get_by_text("The picture is very dark. Is something covering the camera?")).to_be_visible()


def test_torch_is_offered_if_the_camera_has_one(phone):
    page = phone("dark", before=lambda page: [with_clock(page), page.add_init_script(HAS_TORCH)])
    expect(page.get_by_text(POINT)).to_be_visible()
    page.clock.fast_forward(3000)
    expect(page.get_by_text("The picture is very dark. Turn on the light")).to_be_visible()
    page.get_by_role("button", name="Light", pressed=False).click()
    expect(page.get_by_role("button", name="Light", pressed=True)).to_be_visible()
    assert page.evaluate("wishes") == [{"torch": True}]


def test_scanner_is_accessible(phone):
    page = phone()

    def check() -> None:
        page.emulate_media(color_scheme="dark")
        assert axe_violations(page) == []
        page.emulate_media(color_scheme="light")
        assert axe_violations(page) == []

    for state in (None, "{ message: 'Refused.' }", "{ message: 'Done.', tone: 'good' }"):
        page.evaluate(f"scanner.close(); texts.length = 0; answers = [{state or ''}]; scanner.open()")
        assert read(page)
        check()
    page.evaluate(
        "document.querySelector('video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))"
    )
    expect(page.get_by_role("alert")).to_be_visible()
    check()
