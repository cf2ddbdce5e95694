"""What the scanner does with codes of others, without a camera, without a decoder, and in the dark."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.scanner_pages import camera_browser, film_of_code, film_of_darkness, scanner_page

TEXT = "HTTPS://ATTEND.EXAMPLE.EDU/A/7GK2QM9X0123456789AB"
ASKS_FIRST = ["--use-fake-device-for-media-stream"]
# A stand-in for the browser's own detector, which Chromium has on phones only: the same interface, really reading.
OWN_DETECTOR = """window.BarcodeDetector = class {
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
CAMERA_IS_ON = "Boolean(document.querySelector('video').srcObject?.active)"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {
        "code": film_of_code(TEXT, folder / "code.mjpeg"),
        "dark": film_of_darkness(folder / "dark.mjpeg"),
    }


@pytest.fixture(scope="module")
def camera_of(browser_type, browser_type_launch_args, films) -> Iterator[Callable[..., Browser]]:
    """The browser whose camera plays a film; started once for each."""
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
    """A phone that holds its camera to a film, on a page with nothing but a scanner."""
    pages: list[Page] = []

    def phone(film: str = "code", *flags: str, **options) -> Page:
        pages.append(scanner_page(camera_of(film, *flags), live_server.url, **options))
        return pages[-1]

    yield phone
    for page in pages:
        page.context.close()


def read(page: Page) -> list[str]:
    page.wait_for_function("() => texts.length > 0", timeout=12000)
    page.wait_for_timeout(700)
    texts: list[str] = page.evaluate("texts")
    return texts


def files_asked_for(page: Page) -> list[str]:
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]))
    return asked


def test_code_that_stays_in_the_picture_is_told_once(phone):
    page = phone()
    assert read(page) == [TEXT]
    assert page.evaluate("scanner.isOpen()") is True


def test_nothing_is_read_while_the_answer_is_pending(phone):
    page = phone(before=lambda page: page.add_init_script("window.pending = new Promise(() => {})"))
    page.evaluate("answers.push(pending)")
    assert read(page) == [TEXT]
    expect(page.get_by_text("Code read. One moment")).to_be_visible()
    assert page.evaluate(CAMERA_IS_ON)


def test_refused_code_says_why_and_the_scanner_goes_on(phone):
    page = phone()
    page.evaluate("answers.push({ message: 'This is a bus ticket.' })")
    expect(page.get_by_role("status")).to_have_text(
        "This is a bus ticket.", use_inner_text=True, timeout=12000
    )
    assert page.evaluate("scanner.isOpen()") is True
    expect(page.get_by_role("status")).to_have_text(
        "Point it at the code on the screen.", use_inner_text=True, timeout=10000
    )


def test_camera_is_off_when_the_answer_says_so(phone):
    page = phone()
    page.evaluate("answers.push({ keepScanning: false })")
    expect(page.get_by_role("button", name="Scan with the camera")).to_be_visible(timeout=12000)
    assert not page.evaluate(CAMERA_IS_ON)


def test_one_tap_opens_and_one_closes(phone):
    page = phone()
    assert read(page) == [TEXT]
    page.get_by_role("button", name="Close the camera").click()
    assert not page.evaluate(CAMERA_IS_ON)
    page.get_by_role("button", name="Scan with the camera").click()
    page.wait_for_function("() => texts.length === 2")
    expect(page.get_by_role("button", name="Close the camera")).to_be_focused()


def test_camera_sleeps_with_the_page(phone):
    page = phone()
    assert read(page) == [TEXT]
    hide = "isHidden => { Object.defineProperty(document, 'hidden', { value: isHidden, configurable: true });"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, arg=True)
    assert not page.evaluate(CAMERA_IS_ON)
    page.evaluate(hide, arg=False)
    page.wait_for_function(f"() => {CAMERA_IS_ON}")
    page.wait_for_function("() => texts.length === 2")


def test_camera_goes_off_when_its_card_is_gone(phone):
    page = phone()
    assert read(page) == [TEXT]
    page.evaluate(
        "window.stream = document.querySelector('video').srcObject; document.querySelector('.now').remove()"
    )
    page.wait_for_function("() => !stream.active")


def test_camera_that_is_not_allowed_says_how_to_allow_it(phone):
    page = phone("code", *ASKS_FIRST, permissions=[])
    page.get_by_role("button", name="Scan with the camera").click()
    expect(page.get_by_role("alert")).to_contain_text("The camera is not allowed")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_contain_text("The camera is not allowed")
    # Allowed in the browser's own dialog, it goes on by itself.
    page.context.grant_permissions(["camera"])
    assert read(page) == [TEXT]


def test_device_without_camera_says_so(browser, live_server):
    page = scanner_page(browser, live_server.url, permissions=["camera"])
    expect(page.get_by_role("alert")).to_contain_text("No camera found")
    expect(page.get_by_text("camera app reads the code as well")).to_be_visible()
    page.context.close()


def test_camera_in_another_app_says_so_and_can_be_tried_again(phone):
    busy = """const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wish) => window.free ? real(wish)
      : Promise.reject(new DOMException("in use", "NotReadableError"));"""
    page = phone(before=lambda page: page.add_init_script(busy))
    expect(page.get_by_role("alert")).to_contain_text("The camera is in use")
    page.evaluate("window.free = true")
    page.get_by_role("button", name="Try again").click()
    assert read(page) == [TEXT]


def test_camera_that_is_taken_away_says_so(phone):
    page = phone()
    assert read(page) == [TEXT]
    page.evaluate(
        "document.querySelector('video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))"
    )
    expect(page.get_by_role("alert")).to_contain_text("The camera is in use")


def test_plain_http_says_so_before_anybody_taps(browser, settings):
    def from_folder(route: Route) -> None:
        route.fulfill(path=settings.BASE_DIR / urlsplit(route.request.url).path.removeprefix("/"))

    # No server has this name: pages of others may not load from this machine's.
    page = scanner_page(
        browser, "http://hall.test", before=lambda page: page.route("**/static/**", from_folder)
    )
    expect(page.get_by_role("alert")).to_contain_text("No camera on this address")
    expect(page.get_by_role("button")).to_have_count(0)
    page.context.close()


def test_decoder_that_does_not_load_can_be_tried_again(phone):
    page = phone(before=lambda page: page.context.route("**/*.wasm", lambda route: route.abort()))
    expect(page.get_by_role("alert")).to_contain_text("The reader did not load", timeout=12000)
    assert not page.evaluate(CAMERA_IS_ON)
    page.context.unroute("**/*.wasm")
    page.get_by_role("button", name="Try again").click()
    assert read(page) == [TEXT]


def test_own_detector_of_the_browser_costs_no_download(phone):
    asked: list[str] = []
    page = phone(
        before=lambda page: [page.add_init_script(OWN_DETECTOR), asked.append(files_asked_for(page))]
    )
    assert read(page) == [TEXT]
    assert page.evaluate("detected") > 0
    assert not [name for name in asked[0] if "zxing" in name]


def test_own_detector_that_fails_is_replaced(phone):
    fails = f"{OWN_DETECTOR} window.detectorFails = true;"
    page = phone(before=lambda page: page.add_init_script(fails))
    assert read(page) == [TEXT]
    assert page.evaluate("detected") == 2


def test_without_webassembly_plain_script_reads(phone):
    asked: list[list[str]] = []
    page = phone(
        before=lambda page: [page.add_init_script(NO_WEBASSEMBLY), asked.append(files_asked_for(page))]
    )
    assert read(page) == [TEXT]
    assert [name for name in asked[0] if "zxing" in name or name == "decode.js"] == ["decode.js"]


def test_darkness_is_told(phone):
    page = phone("dark")
    expect(page.get_by_text("It is very dark. Is something in front of the camera?")).to_be_visible(
        timeout=12000
    )


def test_light_is_offered_where_there_is_one(phone):
    page = phone("dark", before=lambda page: page.add_init_script(HAS_TORCH))
    expect(page.get_by_text("It is very dark. Switch the light on")).to_be_visible(timeout=12000)
    page.get_by_role("button", name="Light", pressed=False).click()
    expect(page.get_by_role("button", name="Light", pressed=True)).to_be_visible()
    assert page.evaluate("wishes") == [{"torch": True}]


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_scanner_has_no_fault_that_axe_knows(colours, phone):
    page = phone(color_scheme=colours)
    for state in (None, "{ message: 'Refused.' }", "{ message: 'Done.', tone: 'good' }"):
        page.evaluate(f"scanner.close(); texts.length = 0; answers = [{state or ''}]; scanner.open()")
        assert read(page)
        assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()
    page.evaluate(
        "document.querySelector('video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))"
    )
    expect(page.get_by_role("alert")).to_be_visible()
    assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()
