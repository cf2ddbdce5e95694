"""Browsers whose camera plays a video, and a page with only a scanner."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import qrcode
from django.template.loader import render_to_string
from django.utils.translation import override
from PIL import Image
from playwright.sync_api import Browser, BrowserType, Page, Route

from tests.support.browser import films
from tests.support.browser.pages import PHONE

FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
# Of a page with the scanner, as config/settings.py and qrsessions/views/access.py make it.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; "
    "worker-src 'self'; img-src 'self' data:; base-uri 'none'"
)
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Scanner</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/css/tokens.css">
<link rel="stylesheet" href="/static/css/base.css"><link rel="stylesheet" href="/static/css/student.css">
<link rel="stylesheet" href="/static/css/scanner.css"></head><body class="phone"><main class="site-main">
<h1>A page</h1><article class="now"><h2>Scan</h2>{scanner}</article></main></body></html>"""
# Records what was read, and replies with what the test puts into `answers`.
ATTACH = """async () => {
  const { attachScanner } = await import("/static/js/scanner/scanner.js");
  window.texts = [];
  window.answers = [];
  window.scanner = attachScanner(document.querySelector("[data-scanner]"), {
    onText(text) { texts.push(text); return answers.shift(); },
  });
}"""


def film_of_code(text: str, path: Path, *, effect: films.Effect = films.unchanged) -> Path:
    """A video of a white screen that shows a QR code with this text, with this effect on the picture."""
    code = qrcode.make(text, border=4).get_image().convert("RGB").resize((600, 600), Image.Resampling.NEAREST)
    screen = Image.new("RGB", (1920, 1080), "white")
    screen.paste(code, (660, 240))
    return films.film(effect(films.scene(screen, (660, 240, 1260, 840), code_share=0.36)), path)


def film_of_darkness(path: Path) -> Path:
    size = (films.WIDTH + 2 * films.SHAKE, films.HEIGHT + 2 * films.SHAKE)
    return films.film(Image.new("RGB", size, (3, 3, 3)), path)


@contextmanager
def camera_browser(
    browser_type: BrowserType, launch_args: dict[str, Any], film: Path, flags: list[str] = FAKE_CAMERA
) -> Iterator[Browser]:
    """A Chromium that plays the video as its camera.

    With the default flags it opens the camera without asking. In the headless shell, a page starts scanning by itself only
    in a context with the permission "camera".
    """
    flags = [*launch_args["args"], *flags, f"--use-file-for-fake-video-capture={film}"]
    browser = browser_type.launch(**{**launch_args, "args": flags})
    yield browser
    browser.close()


def scanner_page(
    browser: Browser,
    origin: str,
    *,
    before: Callable[[Page], object] = lambda page: None,
    permissions: Sequence[str] = ("camera",),
    **options: Any,
) -> Page:
    """A phone on a page with only a scanner. The texts it read are in ``window.texts``."""
    context = browser.new_context(base_url=origin, **{**PHONE, **options})
    context.grant_permissions(permissions)
    page = context.new_page()

    def answer(route: Route) -> None:
        with override("en"):
            html = PAGE.format(scanner=render_to_string("qrsessions/parts/scanner.html"))
        route.fulfill(body=html, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    page.route("**/scanner-only/", answer)
    before(page)
    page.goto("/scanner-only/")
    page.evaluate(ATTACH)
    return page
