"""A real Chromium in front of the real application."""

import io
import os
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
import zxingcpp
from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.backends.postgresql.operations import DatabaseOperations
from django_redis import get_redis_connection
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
from psycopg.errors import DeadlockDetected

from attendance import stats
from attendance.models import User
from tests import chromium
from tests.factories import PASSWORD

# Playwright's synchronous calls run in an event loop, in which Django refuses to use the database unless told.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1440, "height": 900}}
PROJECTOR = {"viewport": {"width": 1920, "height": 1080}}
# Widths with the colours in which pages are looked at: each of both, not each pair, because a fault of colours is there at
# every width.
SHAPES = [(320, "dark"), (390, "light"), (768, "dark"), (1440, "light")]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    args = [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    if os.geteuid() == 0:
        args.append("--no-sandbox")
    return {"executable_path": chromium.executable(), "args": args}


@pytest.fixture(scope="session", autouse=True)
def emptying_tables_is_tried_again():
    """A request of a page that is closed may begin to read when the tables are about to be emptied, and both wait for the other."""
    empty = DatabaseOperations.execute_sql_flush

    def try_again(self: DatabaseOperations, statements: list[str], tries: int = 5) -> None:
        try:
            empty(self, statements)
        except OperationalError as error:
            if tries == 1 or not isinstance(error.__cause__, DeadlockDetected):
                raise
            try_again(self, statements, tries - 1)

    with patch.object(DatabaseOperations, "execute_sql_flush", try_again):
        yield


@pytest.fixture(autouse=True)
def empty_redis():
    get_redis_connection("live").flushdb()
    cache.clear()
    stats.breaker.succeeded()


@pytest.fixture
def open_page(browser: Browser, live_server) -> Iterator[Callable[..., Page]]:
    """A page in a browser context of its own, whose script errors and refused resources fail the test."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def keep_errors(message: ConsoleMessage) -> None:
        url = message.location["url"]
        # A screen may ask for the code, or its picture, in the moment of the session's end: it is told so.
        at_the_end = ("409" in message.text and url.endswith("/token/")) or (
            "404" in message.text and "/screen/qr.svg" in url
        )
        # A desk is told of whom it may not mark.
        at_the_desk = "403" in message.text and url.endswith("/personal-codes/")
        if message.type == "error" and not at_the_end and not at_the_desk:
            problems.append(f"{message.text} {url}")

    def open_page(**options: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", keep_errors)
        return page

    yield open_page
    for context in contexts:
        context.close()
    _until_the_server_is_quiet()
    assert problems == []


def _until_the_server_is_quiet() -> None:
    """What a closed page had asked for may still be read: the tables can't be emptied meanwhile."""
    busy = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()"
    with connection.cursor() as cursor:
        for _ in range(200):
            cursor.execute(f"{busy} AND backend_type = 'client backend'")
            if not cursor.rowcount:
                return
            time.sleep(0.05)


def sign_in(page: Page, user: User) -> None:
    """Sign in as a person does, from wherever the page asks for it."""
    if "/accounts/login" not in page.url:
        page.goto("/accounts/login/")
    page.get_by_label("User name or e-mail").fill(user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def scanned(screen: Page) -> str:
    """The address in the QR code of a screenshot, read by a decoder that knows nothing of us."""
    image = Image.open(io.BytesIO(screen.screenshot()))
    (code,) = zxingcpp.read_barcodes(image)
    return code.text
