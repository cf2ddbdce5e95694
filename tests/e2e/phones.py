"""A student's phone in the browser tests: with a camera that sees the code which the test holds before it."""

import base64

from playwright.sync_api import Page, expect

from attendance.models import Student
from qrsessions.models import QRSession
from qrsessions.qr_images import qr_svg
from tests.e2e.conftest import sign_in
from tests.factories import user_of
from tests.qrsessions.conftest import token_of

# A picture that changes is a stream; what is on it is up to the test.
CAMERA = """
const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 640 });
const draw = canvas.getContext("2d");
let picture = null;
setInterval(() => {
  draw.fillStyle = "#ddd";
  draw.fillRect(0, 0, 640, 640);
  if (picture) draw.drawImage(picture, 120, 120, 400, 400);
}, 50);
window.holdBefore = (url) => new Promise((resolve) => {
  const image = new Image();
  image.onload = () => { picture = image; resolve(); };
  image.src = url;
});
if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(15);
"""


def hold_before(phone: Page, text: str) -> None:
    """Let the phone's camera see a QR code of the text."""
    image = base64.b64encode(qr_svg(text).encode()).decode()
    phone.evaluate("url => window.holdBefore(url)", f"data:image/svg+xml;base64,{image}")


def open_camera(phone: Page) -> None:
    phone.get_by_role("button", name="Scan with the camera").click()
    expect(phone.get_by_label("Picture of your camera")).to_be_visible()
    expect(phone.get_by_text("Point it at the code on the screen.")).to_be_visible(timeout=15000)


def code_of(session: QRSession, **of_token: int) -> str:
    """The text of the code that the screen of the session shows."""
    return f"HTTPS://ATTEND.EXAMPLE.EDU/A/{token_of(session, **of_token)}"


def open_student_page(phone: Page, student: Student) -> None:
    phone.goto("/student/")
    sign_in(phone, user_of(student))
    expect(phone.get_by_role("heading", name="What is open for you now")).to_be_attached()


def ask_now(phone: Page) -> None:
    """Let the page ask the server at once, as it does when the phone is online again."""
    phone.evaluate("window.dispatchEvent(new Event('online'))")


def be_ready_for_a_dead_zone(phone: Page) -> None:
    """Wait until the service worker holds the page, and the page what it last saw."""
    wait_until(
        phone, "caches.open('rollcall-page').then(async (cache) => !!(await cache.match('/student/')))"
    )
    wait_until(phone, "Object.keys(localStorage).some((key) => key.startsWith('rollcall:state:'))")


def wait_until(page: Page, expression: str) -> None:
    """Playwright's own wait_for_function evaluates text in the page, which our policy of scripts forbids."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"still not: {expression}")
