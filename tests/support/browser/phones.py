"""A student's phone whose camera sees whatever code the test shows it."""

import base64

from playwright.sync_api import Page, expect

from attendance.models import Student
from qrsessions.codes.qr_images import qr_svg
from qrsessions.models import QRSession
from tests.support.browser.pages import sign_in, wait_until
from tests.support.classes import token_of
from tests.support.factories import user_of

# The camera's stream is a canvas. The test chooses what is drawn on it.
DRAW = """
const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 640 });
const draw = canvas.getContext("2d");
let picture = null;
setInterval(() => {
  draw.fillStyle = "#ddd";
  draw.fillRect(0, 0, 640, 640);
  if (picture) draw.drawImage(picture, 120, 120, 400, 400);
}, 50);
window.showToCamera = (url) => new Promise((resolve) => {
  const image = new Image();
  image.onload = () => { picture = image; resolve(); };
  image.src = url;
});
window.showNothingToCamera = () => { picture = null; };
if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(15);
"""
# How many pictures the scanner has read, and how many of them had a code.
COUNT_READS = """
window.read = { pictures: 0, codes: 0 };
window.Worker = class extends Worker {
  constructor(...address) {
    super(...address);
    this.addEventListener("message", ({ data: { value } }) => {
      if (!Array.isArray(value)) return;
      read.pictures += 1;
      if (value.length > 0) read.codes += 1;
    });
  }
};
"""
CAMERA = DRAW + COUNT_READS


def show_to_camera(phone: Page, text: str) -> None:
    """Let the phone's camera see a QR code with this text."""
    image = base64.b64encode(qr_svg(text).encode()).decode()
    phone.evaluate("url => window.showToCamera(url)", f"data:image/svg+xml;base64,{image}")


def show_nothing_to_camera(phone: Page) -> None:
    phone.evaluate("window.showNothingToCamera()")


def let_pass(phone: Page, *, seconds: int, reading: str = "codes") -> None:
    """Move the clock of the phone on while its scanner goes on reading. The test has called ``phone.clock.install()``.

    :param reading: what is read at least once in every second: "codes", or "pictures" if no code is in view
    """
    for _ in range(seconds):
        phone.clock.fast_forward(1000)
        # The first may have been taken before.
        before = phone.evaluate(f"read.{reading}")
        wait_until(phone, f"read.{reading} >= {before} + 2")


def open_camera(phone: Page) -> None:
    phone.get_by_role("button", name="Scan with the camera").click()
    expect(phone.get_by_label("Camera view")).to_be_visible()
    expect(phone.get_by_text("Point the camera at the code on the screen.")).to_be_visible(timeout=15000)


def code_of(session: QRSession, **of_token: int) -> str:
    """The text of the QR code on the session's screen."""
    return f"HTTPS://ATTEND.EXAMPLE.EDU/A/{token_of(session, **of_token)}"


def open_student_page(phone: Page, student: Student) -> None:
    sign_in(phone, user_of(student), to="/student/")
    expect(phone.get_by_role("heading", name="Your open classes")).to_be_attached()


def poll_now(phone: Page) -> None:
    """Make the page poll the server at once, as it does when the phone comes back online."""
    phone.evaluate("window.dispatchEvent(new Event('online'))")


def wait_for_offline_copy(phone: Page) -> None:
    """Wait until the service worker has stored the page, and the page its last state."""
    wait_until(
        phone, "caches.open('rollcall-page').then(async (cache) => !!(await cache.match('/student/')))"
    )
    wait_until(phone, "Object.keys(localStorage).some((key) => key.startsWith('rollcall:state:'))")
