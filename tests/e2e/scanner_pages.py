"""Browsers whose camera plays a video, and a page that has a scanner and nothing else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import qrcode
from django.template.loader import render_to_string
from django.utils.translation import override
from PIL import Image
from playwright.sync_api import Browser, BrowserType, Page, Route

from tests.e2e import camera
from tests.e2e.conftest import PHONE

FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
# Of a page with the scanner, as config/settings.py and qrsessions/views/scanner_policy.py make it.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; "
    "worker-src 'self'; img-src 'self' data:; base-uri 'none'"
)
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Scanner</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/css/tokens.css">
<link rel="stylesheet" href="/static/css/base.css"><link rel="stylesheet" href="/static/css/phone.css">
<link rel="stylesheet" href="/static/css/scanner.css"></head><body class="phone"><main class="site-main">
<h1>A page</h1><article class="now"><h2>Scan</h2>{scanner}</article></main></body></html>"""
# Keeps what was read, and answers what the test puts into `answers`.
ATTACH = """async () => {
  const { attachScanner } = await import("/static/js/scanner.js");
  window.texts = [];
  window.answers = [];
  window.scanner = attachScanner(document.querySelector("[data-scanner]"), {
    onText(text) { texts.push(text); return answers.shift(); },
  });
}"""


def film_of_code(text: str, path: Path) -> Path:
    """A video of a white screen that shows a code of this text."""
    code = qrcode.make(text, border=4).get_image().convert("RGB").resize((600, 600), Image.Resampling.NEAREST)
    screen = Image.new("RGB", (1920, 1080), "white")
    screen.paste(code, (660, 240))
    return camera.film(camera.scene(screen, (660, 240, 1260, 840), code_share=0.36), path)


def film_of_darkness(path: Path) -> Path:
    size = (camera.WIDTH + 2 * camera.SHAKE, camera.HEIGHT + 2 * camera.SHAKE)
    return camera.film(Image.new("RGB", size, (3, 3, 3)), path)


@contextmanager
def camera_browser(
    browser_type: BrowserType, launch_args: dict[str, Any], film: Path, flags: list[str] = FAKE_CAMERA
) -> Iterator[Browser]:
    """A Chromium that plays the video as its camera, and unless told otherwise doesn't ask whether it may."""
    flags = [*launch_args["args"], *flags, f"--use-file-for-fake-video-capture={film}"]
    browser = browser_type.launch(**{**launch_args, "args": flags})
    yield browser
    browser.close()


def scanner_page(
    browser: Browser,
    origin: str,
    *,
    before: Callable[[Page], object] = lambda page: None,
    permissions: list[str] | None = None,
    **options: Any,
) -> Page:
    """A phone on the page that has a scanner and nothing else. What it read is in ``window.texts``."""
    context = browser.new_context(base_url=origin, **{**PHONE, **options})
    if permissions is not None:
        context.grant_permissions(permissions)
    page = context.new_page()

    def answer(route: Route) -> None:
        with override("en"):
            html = PAGE.format(scanner=render_to_string("qrsessions/parts/scanner.html"))
        route.fulfill(body=html, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    page.route("**/only-a-scanner/", answer)
    before(page)
    page.goto("/only-a-scanner/")
    page.evaluate(ATTACH)
    return page
