"""The tests' own embedded servers: real ones, with a data folder that only tests use.

Loaded as a pytest plugin before Django reads its settings. Addresses in the environment or in a .env file
are set aside: a test never touches somebody's data. Where pytest-xdist runs the tests in several processes, each has
servers of its own.
"""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent

# A worker process of pytest-xdist finds what the process that started it has set below.
_PLACE = os.environ.get("PYTEST_XDIST_WORKER", "test")
DATA_DIR = Path(os.environ.get("ROLLCALL_DATA_DIR") or PROJECT / ".data").resolve() / _PLACE
os.environ["ROLLCALL_DATA_DIR"] = str(DATA_DIR)
os.environ["ROLLCALL_TEST_SERVERS"] = "1"
# On a machine that does much else at once, a healthy Redis may take longer than the 50 ms of real life.
os.environ["REDIS_TIMEOUT_SECONDS"] = "0.5"
# Tests ask for the numbers right after what changed them.
os.environ["STATS_SHARED_SECONDS"] = "0"
os.environ["STATIC_COLLECTED"] = "false"
for name in ("DATABASE_URL", "REDIS_URL", "CACHE_URL", "SECRET_KEY", "PUBLIC_URL"):
    # Empty rather than missing: a .env file fills in what is missing.
    os.environ[name] = ""

from config import embedded  # noqa: E402 - the environment first

_running = embedded.running(DATA_DIR, postgres=True, valkey=True)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the servers, or use those of another test run."""
    if _only_hands_out_tests(session):
        return
    try:
        _running.__enter__()
    except embedded.EmbeddedError as error:
        pytest.exit(str(error), returncode=1)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop them unless another test run still uses them."""
    if not _only_hands_out_tests(session):
        _running.__exit__(None, None, None)


def _only_hands_out_tests(session: pytest.Session) -> bool:
    return session.config.getoption("dist") != "no" and _PLACE == "test"
