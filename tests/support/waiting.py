"""Waiting for something that another thread, process or server does."""

import time
from collections.abc import Callable
from typing import Any

# Far longer than anything takes: a busy machine must not fail a test.
LIMIT_SECONDS = 30
POLL_SECONDS = 0.02


def wait_until(condition: Callable[[], Any], *, seconds: float = LIMIT_SECONDS) -> None:
    """Return as soon as the condition holds.

    :raises AssertionError: if it does not hold within the limit
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} still does not hold after {seconds} s"
        time.sleep(POLL_SECONDS)
