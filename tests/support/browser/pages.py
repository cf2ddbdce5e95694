"""Browser pages for tests: opening them, signing in, waiting, and checking accessibility."""

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal

import zxingcpp
from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.db import connection
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Locator, Page, Request, Route

from attendance.models import User
from qrsessions.models import QRSession
from tests.support.factories import PASSWORD
from tests.support.fast_sign_in import new_session_key

# Only what is wrong: the whole result takes longer to send than to find.
RUN_AXE = """() => axe.run({ resultTypes: ["violations"] }).then(
  ({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))"""

# The limit of every wait. Waits end at the event; the limit only matters when the event never comes.
WAIT_SECONDS = 30
WAIT_MS = WAIT_SECONDS * 1000

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1440, "height": 900}}
PROJECTOR = {"viewport": {"width": 1920, "height": 1080}}
Shape = tuple[int, Literal["light", "dark"]]
# Every width and both colour schemes, but not every pair: a colour fault shows at any width.
# The narrowest comes last, so that a test goes on with it.
SHAPES: list[Shape] = [(1440, "light"), (768, "dark"), (390, "light"), (320, "dark")]


@contextmanager
def page_opener(
    browser: Browser,
    origin: str,
    *,
    is_expected: Callable[[ConsoleMessage], bool] = lambda message: False,
    script: str = "",
    may_scripts_fail: bool = False,
) -> Iterator[Callable[..., Page]]:
    """Yield a function that opens a page in its own browser context.

    At the end all contexts are closed, and any script error or unexpected console error fails the test, unless scripts
    may fail.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def record(message: ConsoleMessage) -> None:
        if message.type == "error" and not is_expected(message):
            problems.append(f"{message.text} {message.location['url']}")

    def open_page(*, script: str = script, **options: Any) -> Page:
        context = browser.new_context(base_url=origin, **options)
        contexts.append(context)
        if script:
            context.add_init_script(script)
        context.on("page", lambda page: page.on("pageerror", lambda error: problems.append(str(error))))
        context.on("console", record)
        return context.new_page()

    yield open_page
    found = list(problems)
    for context in contexts:
        _stop_pages(context)
        context.close()
    _wait_for_idle_database()
    assert may_scripts_fail or found == []


def _stop_pages(context: BrowserContext) -> None:
    """Leave the pages. Chromium 156 may hang for good if a context is closed while one of its pages reloads itself."""
    for page in context.pages:
        for _ in range(5):
            if page.url == "about:blank" or page.is_closed():
                break
            # The page's own reload may win.
            with suppress(Error):
                page.goto("about:blank", timeout=2_000)


def is_failed_request(message: ConsoleMessage) -> bool:
    """Whether the browser reports a refused request or a lost connection, not a script error."""
    return "Failed to load resource" in message.text or "ERR_" in message.text


def _wait_for_idle_database() -> None:
    """Wait for requests of closed pages: the tables can't be emptied while they still read."""
    busy = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + WAIT_SECONDS
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(f"{busy} AND backend_type = 'client backend'")
            if not cursor.rowcount:
                return
            time.sleep(0.05)


def sign_in(page: Page, user: User, *, to: str = "/") -> None:
    """Sign in with the form if the page shows it; else with a cookie, which costs far less, and go to ``to``."""
    if "/accounts/login" not in page.url:
        name, key = settings.SESSION_COOKIE_NAME, new_session_key(user)
        # Of the live server, and of a server that the test has started.
        page.context.add_cookies(
            [{"name": name, "value": key, "domain": host, "path": "/"} for host in ("localhost", "127.0.0.1")]
        )
        page.goto(to)
        return
    page.get_by_label("User name or e-mail").fill(user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    # A script sends the form.
    page.wait_for_url(lambda url: "/accounts/login" not in url)


def open_session_page(page: Page, session: QRSession, teacher: User | None = None) -> Page:
    """Sign in as the teacher, by default one of the section, and open the session's page. Its script runs then."""
    teacher = teacher or session.meeting.section.teachers.all()[0]
    with page.expect_response(lambda answer: "/records/?since=" in answer.url):
        sign_in(page, teacher, to=f"/teach/sessions/{session.public_id}/")
    return page


def student_row(page: Page, name: str) -> Locator:
    """The student's row in the list of a session's page."""
    return page.locator("#students tr").filter(has_text=name)


class HeldRequests:
    """Requests to matching addresses that reach the server only when the test lets them."""

    def __init__(self, page: Page, pattern: str, *, method: str = "POST") -> None:
        self._page = page
        self._method = method
        self.held: list[Route] = []
        page.route(pattern, self._hold)

    def _hold(self, route: Route) -> None:
        if route.request.method == self._method:
            self.held.append(route)
        else:
            route.continue_()

    def release(self) -> Request:
        """Wait for the next request and let it go on."""
        route = self._next()
        route.continue_()
        return route.request

    def lose(self) -> Request:
        """Wait for the next request and break its connection."""
        route = self._next()
        route.abort("connectionreset")
        return route.request

    def _next(self) -> Route:
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.held:
            assert time.monotonic() < deadline, f"no request in {WAIT_SECONDS} s"
            self._page.wait_for_timeout(50)
        return self.held.pop(0)


def scanned(screen: Page) -> str:
    """The address in the QR code of a screenshot, read by an independent decoder."""
    image = Image.open(io.BytesIO(screen.screenshot()))
    (code,) = zxingcpp.read_barcodes(image)
    return code.text


def wait_until(page: Page, expression: str) -> None:
    """Wait until a script expression is true.

    Playwright's wait_for_function evaluates text in the page, which our content security policy forbids.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"still false after {WAIT_SECONDS} s: {expression}")


def wait_for_animations(page: Page) -> None:
    """Wait until nothing fades or moves. Animations that never end on their own, such as a countdown, are ignored."""
    wait_until(
        page,
        "document.getAnimations().every((one) => one.playState !== 'running'"
        " || one.effect.getComputedTiming().endTime > 2000)",
    )


def axe_violations(page: Page) -> list[tuple[str, str, list[str]]]:
    """The page's accessibility violations: its address, the rule, and the elements that break it."""
    # Elements that are fading in don't have their final contrast yet.
    wait_for_animations(page)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    violations = page.evaluate(RUN_AXE)
    if violations:
        # An animation may have begun meanwhile. What stays is a violation.
        wait_for_animations(page)
        violations = page.evaluate(RUN_AXE)
    return [(page.url, rule, elements) for rule, elements in violations]


def fits_width(page: Page) -> bool:
    """Whether the page is no wider than the window, once its style sheets are there."""
    page.wait_for_load_state()
    # Not innerWidth: a phone zooms out until a page that is too wide fits.
    return bool(
        page.evaluate(
            "(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)(document.documentElement)"
        )
    )


def assert_readable(page: Page, shapes: Sequence[Shape] = SHAPES) -> None:
    """Check that the page fits the width in each shape, and that it is accessible in the first and the last.

    The page stays in the last. To look for accessibility twice is enough, and it takes far longer than the rest: a
    fault of colours shows at any width, one of structure in both schemes.
    """
    for width, scheme in shapes:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        shape = f"{page.url} at {width} px, {scheme}"
        assert fits_width(page), shape
        if (width, scheme) in (shapes[0], shapes[-1]):
            assert axe_violations(page) == [], shape
