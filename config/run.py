"""`make run`: the whole site from nothing, and one process that answers for all the others.

Starts the embedded servers, migrates, collects the static files, makes the demo institution at the very
first start, serves, and revives what dies. Ctrl-C or SIGTERM stops everything within ten seconds.
"""

import fcntl
import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection

from config import banner, embedded
from config.embedded import servers
from config.embedded.folders import private_folder
from config.loops import Loops
from config.web import Web, port_problem

CHECK_SECONDS = 1.0
WEB_START_SECONDS = 60
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RunError(Exception):
    """The site can't be served; the message is one line."""


def main() -> None:
    """Serve until a signal comes. Ends with 1 and one line if that is impossible."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    for number in STOP_SIGNALS:
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup
        signal.signal(number, _stop)
    try:
        with _only_run(settings.DATA_DIR):
            _serve()
    except (RunError, embedded.EmbeddedError, ImproperlyConfigured) as error:
        sys.exit(str(error))


def _stop(_number: int, _frame: object) -> None:
    # A second Ctrl-C must not interrupt the stopping.
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    say("\n  Stopping …")
    sys.exit(0)


@contextmanager
def _only_run(data_dir: Path) -> Iterator[None]:
    path = private_folder(data_dir) / "run.lock"
    path.touch(mode=0o600)
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                f"Rollcall already runs with the data in {data_dir}: {lock.read().strip()}"
            ) from error
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, port {settings.PORT}\n")
        lock.flush()
        yield


def _serve() -> None:
    data_dir, host, port = settings.DATA_DIR, settings.HOST, settings.PORT
    wanted = {"postgres": settings.EMBEDDED_DATABASE, "valkey": settings.EMBEDDED_REDIS}
    web = Web(data_dir=data_dir, host=host, port=port, workers=_workers())
    web.stop()  # What a killed run left would hold the port.
    if problem := port_problem(host, port):
        raise RunError(problem)
    with embedded.running(data_dir, **wanted):
        demo = _prepare(data_dir)
        lan_url = banner.lan_url(host=host, port=port) if settings.EMBEDDED else ""
        os.environ["ROLLCALL_LAN_URL"] = lan_url
        try:
            web.start()
            if not web.await_answer(seconds=WEB_START_SECONDS):
                raise RunError("The web server did not start; its messages are above.")
            say(
                banner.banner(
                    host=host, port=port, public_url=settings.PUBLIC_URL, lan_url=lan_url, demo=demo
                )
            )
            _watch(web, wanted, Loops(data_dir=data_dir) if settings.SESSION_ENDS_AFTER_HOURS > 0 else None)
        finally:
            web.stop()


def _workers() -> int:
    text = os.environ.get("WEB_WORKERS") or str(min(4, max(2, os.cpu_count() or 2)))
    if not text.isdecimal() or int(text) < 1:
        raise RunError(f"WEB_WORKERS is {text!r}; give a number from 1 up.")
    return int(text)


def _prepare(data_dir: Path) -> bool:
    """Bring the database and the static files up to date. Answers whether the demo institution is there."""
    say("  Preparing the database and the static files …")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    seeded = data_dir / "demo"
    all_embedded = settings.EMBEDDED_DATABASE and settings.EMBEDDED_REDIS
    if all_embedded and not get_user_model().objects.exists():
        # Its own words are for the command line; the banner says how to sign in.
        call_command("seed_demo", sections=4, students=120, stdout=io.StringIO())
        seeded.touch(mode=0o600)
    # The workers have pools of their own; this process only waits from here on.
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's wrapper only
    return all_embedded and seeded.exists()


def _watch(web: Web, wanted: dict[str, bool], loops: Loops | None) -> None:
    while True:
        if loops:
            loops.keep_alive()
        time.sleep(CHECK_SECONDS)
        servers.revive(settings.DATA_DIR, **wanted)
        if not web.is_alive():
            say("  The web server ended; starting it again.")
            web.stop()
            web.start()


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
