"""The embedded PostgreSQL and Valkey of the tests, with their own data folder.

Loaded as a pytest plugin before Django reads its settings. Addresses in the environment or in a .env file are ignored,
so that a test never touches real data. Each process of pytest-xdist has its own servers.
"""

import os
from pathlib import Path

import pytest

from config import embedded

PROJECT = Path(__file__).resolve().parents[2]

# A worker process of pytest-xdist inherits what its parent sets below.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "test")
DATA_DIR = Path(os.environ.get("ROLLCALL_DATA_DIR") or PROJECT / ".data").resolve() / _WORKER
os.environ["ROLLCALL_DATA_DIR"] = str(DATA_DIR)
os.environ["ROLLCALL_TEST_SERVERS"] = "1"
# On a busy machine a healthy Redis may take longer than the 50 ms of production.
os.environ["REDIS_TIMEOUT_SECONDS"] = "0.5"
os.environ["STATIC_COLLECTED"] = "false"
os.environ["EMAIL_URL"] = "memorymail://"
os.environ |= dict.fromkeys(embedded.PRODUCTION_VARIABLES, "")

_running = embedded.running(DATA_DIR, postgres=True, valkey=True)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the servers, or use those of another test run."""
    if _only_distributes_tests(session):
        return
    try:
        _running.__enter__()
    except embedded.EmbeddedError as error:
        pytest.exit(str(error), returncode=1)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop them unless another test run still uses them."""
    if not _only_distributes_tests(session):
        _running.__exit__(None, None, None)


def _only_distributes_tests(session: pytest.Session) -> bool:
    return session.config.getoption("dist") != "no" and _WORKER == "test"
