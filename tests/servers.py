"""The tests' own embedded servers: real ones, with a data folder that only tests use.

Loaded as a pytest plugin before Django reads its settings. Addresses in the environment or in a .env file
are set aside: a test never touches somebody's data.
"""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent

DATA_DIR = Path(os.environ.get("ROLLCALL_DATA_DIR") or PROJECT / ".data").resolve() / "test"
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
def pytest_sessionstart() -> None:
    """Start the servers, or use those of another test run."""
    try:
        _running.__enter__()
    except embedded.EmbeddedError as error:
        pytest.exit(str(error), returncode=1)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Stop them unless another test run still uses them."""
    _running.__exit__(None, None, None)
