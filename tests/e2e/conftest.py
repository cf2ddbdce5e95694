"""A real Chromium in front of the real application."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.db.backends.postgresql.operations import DatabaseOperations
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from psycopg.errors import DeadlockDetected

from tests.support.browser import chromium
from tests.support.browser.pages import PHONE, WAIT_MS, is_failed_request, page_opener
from tests.support.browser.phones import CAMERA
from tests.support.web_server import Server

# Playwright's synchronous calls run in an event loop, in which Django refuses to use the database by default.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# Chromium heeds only the last --disable-features, so this repeats those of Playwright that could matter here. The two
# others draw the address bar's suggestions, which takes longer than opening a page of ours; the headless shell has none.
WITHOUT = (
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,"
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
    "LensOverlay,MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,AvoidCorsURLLoaderRestartOnRedirect,"
    "OptimizationHints,NetworkTimeServiceQuerying,AimEnabled,PreconnectToSearch"
)

# Playwright's own default is 5 s, too short on a busy machine. Its other waits have 30 s already.
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    args = [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--disable-features={WITHOUT}",
    ]
    if os.geteuid() == 0:
        args.append("--no-sandbox")
    return {"executable_path": chromium.executable(), "args": args}


@pytest.fixture(scope="session", autouse=True)
def flush_retries_after_a_deadlock():
    """A late request of a closed page can deadlock with the flush that empties the tables. Retry the flush."""
    flush = DatabaseOperations.execute_sql_flush

    def flush_with_retries(self: DatabaseOperations, statements: list[str], tries: int = 5) -> None:
        try:
            flush(self, statements)
        except OperationalError as error:
            if tries == 1 or not isinstance(error.__cause__, DeadlockDetected):
                raise
            flush_with_retries(self, statements, tries - 1)

    with patch.object(DatabaseOperations, "execute_sql_flush", flush_with_retries):
        yield


@pytest.fixture(autouse=True)
def _empty_redis(empty_redis):
    """Every test starts with an empty Redis."""


@pytest.fixture
def own_server(web_environment, transactional_db, tmp_path) -> Iterator[Server]:
    """A web server in processes of its own, which a test may stop."""
    server = Server(tmp_path, web_environment)
    yield server
    server.web.stop()


@pytest.fixture
def live_server(live_server, settings):
    """The pages say nothing about the loopback address."""
    settings.PUBLIC_URL = live_server.url
    return live_server


@pytest.fixture
def open_phone(browser: Browser, live_server) -> Iterator[Callable[..., Page]]:
    """Open a phone with a camera. Refused and failed requests are allowed, script errors are not."""
    with page_opener(browser, live_server.url, is_expected=is_failed_request, script=CAMERA) as open_page:
        yield lambda **options: open_page(**{**PHONE, **options})


@pytest.fixture
def open_page(browser: Browser, live_server) -> Iterator[Callable[..., Page]]:
    """Open a page in its own browser context. Script errors and refused requests fail the test."""

    def is_expected(message: ConsoleMessage) -> bool:
        url = message.location["url"]
        # A screen may ask for the code or its image just as the session ends.
        session_ended = ("409" in message.text and url.endswith("/token/")) or (
            "404" in message.text and "/screen/qr.svg" in url
        )
        # The scanning page is refused for a student of another class.
        other_class = "403" in message.text and url.endswith("/personal-codes/")
        # A test broke the connection.
        lost = "ERR_CONNECTION_RESET" in message.text
        return session_ended or other_class or lost

    with page_opener(browser, live_server.url, is_expected=is_expected) as open_page:
        yield open_page
