"""How long a cheap phone in a weak network takes to the scanner: ``python -m bench.phone_start``. See bench/README.md.

Starts an installation of its own in a temporary folder (PostgreSQL, Valkey, the web server) and Chromium, slowed down
as a mid-range phone on slow 3G. The camera is Chromium's own fake one.
"""

import json
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests import chromium
from tests.chaos.installation import Installation

PASSWORD = "rollcall-demo"  # noqa: S105 - of seed_demo
CPU_SLOWER = 4
LATENCY_MS = 400
BYTES_PER_SECOND = 400_000 / 8
RUNS = 3
# What came over the network until then, answers of the API included.
WEIGHT = """
[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .reduce((sum, entry) => sum + entry.transferSize, 0)
"""
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def main() -> None:
    """Print the times from the start of each opening, run by run."""
    with Installation(students=30, sections=1) as installation, sync_playwright() as playwright:
        installation.prepare()
        installation._manage("collectstatic", "--noinput", "--verbosity", "0")
        installation.serve()
        installation.await_web()
        address = f"http://localhost:{installation.port}"
        username = _take_attendance(address, installation)
        browser = playwright.chromium.launch(
            executable_path=chromium.executable(),
            args=["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
        )
        try:
            signed_in = browser.new_context(base_url=address, **PHONE)
            _sign_in(signed_in.new_page(), username)
            state = signed_in.storage_state()
            signed_in.close()
            _line("", "first paint", "scanner shown", "it reads codes", "weight")
            for number in range(RUNS):
                context = browser.new_context(base_url=address, storage_state=state, **PHONE)
                page = context.new_page()
                _slow_down(page)
                _line(f"cold start {number + 1}", *_opening(page))
                # The service worker has what it needs.
                page.wait_for_timeout(3000)
                _line(f"again {number + 1}", *_opening(page))
                context.close()
        finally:
            browser.close()


def _opening(page: Page) -> list[str]:
    """Open the student's page and the camera; gives the times and the weight until the scanner is there, as texts."""
    # Not before the modules have run: half the styles show what is hidden.
    page.goto("/student/", wait_until="domcontentloaded")
    scanner = page.locator("[data-scanner-open], [data-scanner-view]").locator("visible=true")
    scanner.first.wait_for()
    shown = page.evaluate("performance.now()")
    weight = page.evaluate(WEIGHT)
    button = page.get_by_role("button", name="Scan with the camera")
    # Where the camera was allowed before, it opens by itself.
    if button.is_visible():
        button.click()
    page.get_by_text("Point it at the code on the screen.").wait_for()
    reads = page.evaluate("performance.now()")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
    return [
        *(f"{milliseconds / 1000:.1f} s" for milliseconds in (paint, shown, reads)),
        f"{weight / 1000:.0f} kB",
    ]


def _slow_down(page: Page) -> None:
    phone = page.context.new_cdp_session(page)
    phone.send("Network.enable")
    phone.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWER})
    phone.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": LATENCY_MS,
            "downloadThroughput": BYTES_PER_SECOND,
            "uploadThroughput": BYTES_PER_SECOND,
        },
    )


def _sign_in(page: Page, username: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("User name or e-mail").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/student/")


def _take_attendance(address: str, installation: Installation) -> str:
    """Open a session that a student joined, start it, and name that student."""
    teacher = next(person for person in installation.people if person.role == "teacher" and person.section)
    student = next(
        person
        for person in installation.people
        if person.role == "student" and person.section == teacher.section
    )
    as_teacher, as_student = _caller(address, teacher.token), _caller(address, student.token)
    session = as_teacher("sessions/", {"section": teacher.section})["id"]
    as_student(f"sessions/{session}/join/", {})
    as_teacher(f"sessions/{session}/start/", {})
    return student.username


def _caller(address: str, token: str) -> Callable[[str, dict[str, object]], dict[str, str]]:
    def call(path: str, body: dict[str, object]) -> dict[str, str]:
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{address}/api/v1/{path}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Token {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            answer: dict[str, str] = json.load(response)
        return answer

    return call


def _line(*cells: str) -> None:
    sys.stdout.write("".join(f"{cell:<18}" for cell in cells).rstrip() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
