"""Prepare the environment before Django reads its settings. Imports nothing that needs them."""

import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded import PRODUCTION_VARIABLES, servers
from config.embedded.folders import private_folder

PROJECT = Path(__file__).resolve().parents[2]
DATA_DIR = Path(os.environ.get("ROLLCALL_DATA_DIR") or PROJECT / ".data").resolve() / "bench"
# So that the benchmark uses servers of its own, and durable ones.
CLEARED_VARIABLES = (*PRODUCTION_VARIABLES, "ROLLCALL_TEST_SERVERS")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def fresh_environment() -> Iterator[Path]:
    """Give this process and its children an empty data folder, and remove it at the end.

    Exits with a message if another benchmark is using it.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, _stop)
    site = private_folder(DATA_DIR) / "site"
    with (DATA_DIR / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(
                f"Another benchmark is running in {DATA_DIR}. Set ROLLCALL_DATA_DIR to use another folder."
            )
        servers.remove(site)
        os.environ |= dict.fromkeys(CLEARED_VARIABLES, "")
        os.environ |= {
            "ROLLCALL_DATA_DIR": str(private_folder(site)),
            "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "config.settings"),
            "STATIC_COLLECTED": "true",
            "REDIS_TIMEOUT_SECONDS": "0.05",
        }
        try:
            yield site
        finally:
            servers.remove(site)


def set_up_django() -> None:
    """Set up Django in this process, which logs only errors; web processes log as usual."""
    import django  # noqa: PLC0415 - reads the settings

    level = os.environ.get("LOG_LEVEL")
    os.environ["LOG_LEVEL"] = "ERROR"
    django.setup()
    del os.environ["LOG_LEVEL"]
    if level:
        os.environ["LOG_LEVEL"] = level


def _stop(number: int, _frame: object) -> None:
    # By default Python would exit at once and leave the servers running. A second Ctrl-C must not interrupt the clean-up.
    for each in STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)
