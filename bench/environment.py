"""What must be so before Django reads its settings. Imports nothing that needs them."""

import fcntl
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded.folders import private_folder, short_name, socket_folder
from config.embedded.rootless import OWN_FOLDERS
from config.embedded.server import stop
from config.embedded.servers import wanted

PROJECT = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("ROLLCALL_DATA_DIR") or PROJECT / ".data").resolve() / "bench"
# The benchmark's own servers, never somebody's, with the settings of a real run.
OTHERS = ("DATABASE_URL", "REDIS_URL", "CACHE_URL", "SECRET_KEY", "PUBLIC_URL", "ROLLCALL_TEST_SERVERS")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def from_nothing() -> Iterator[Path]:
    """Have this process and its children use an empty data folder; gives it, and removes it in the end.

    Exits with a line where another benchmark uses it.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, _stop)
    site = private_folder(DATA_DIR) / "site"
    with (DATA_DIR / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"A benchmark runs in {DATA_DIR} already. Choose another folder with ROLLCALL_DATA_DIR.")
        _remove(site)
        os.environ |= dict.fromkeys(OTHERS, "")
        os.environ |= {
            "ROLLCALL_DATA_DIR": str(private_folder(site)),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "STATIC_COLLECTED": "true",
            "REDIS_TIMEOUT_SECONDS": "0.05",
        }
        try:
            yield site
        finally:
            _remove(site)


def set_up_django() -> None:
    """Have Django ready in this process, which tells of errors alone; the web processes log as in a real run."""
    import django  # noqa: PLC0415 - reads the settings

    level = os.environ.get("LOG_LEVEL")
    os.environ["LOG_LEVEL"] = "ERROR"
    django.setup()
    del os.environ["LOG_LEVEL"]
    if level:
        os.environ["LOG_LEVEL"] = level


def _stop(number: int, _frame: object) -> None:
    # Python would end at once and leave the servers behind. A second Ctrl-C must not interrupt the stopping.
    for each in STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def _remove(site: Path) -> None:
    """Remove what a run leaves, its servers included where it was killed."""
    if site.exists():
        stop(wanted(site, postgres=True, valkey=True))
    shutil.rmtree(socket_folder(site), ignore_errors=True)
    shutil.rmtree(OWN_FOLDERS / short_name(site), ignore_errors=True)
    shutil.rmtree(site, ignore_errors=True)
