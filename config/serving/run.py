"""`make run`: set up and serve the whole site from one process.

Starts the embedded servers, migrates, collects the static files, creates the demo institution on the first
start, serves, and restarts processes that die. Ctrl-C or SIGTERM stops everything within ten seconds.
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

from config import embedded, mail
from config.embedded import servers
from config.embedded.folders import private_folder
from config.redis.checks import database_problems
from config.serving import banner
from config.serving.background import BackgroundLoop
from config.serving.web import Web, port_problem, workers

CHECK_SECONDS = 1.0
WEB_START_SECONDS = 60
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RunError(Exception):
    """The site can't be served; the message is one line."""


def main() -> None:
    """Serve until a signal arrives. Exit with status 1 and a one-line message if that is impossible."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    for number in STOP_SIGNALS:
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup
        signal.signal(number, _stop)
    try:
        with _run_lock(settings.DATA_DIR):
            _serve()
    except (RunError, embedded.EmbeddedError, ImproperlyConfigured) as error:
        sys.exit(str(error))


def _stop(_number: int, _frame: object) -> None:
    # A second Ctrl-C must not interrupt the shutdown.
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    say("\n  Stopping …")
    sys.exit(0)


@contextmanager
def _run_lock(data_dir: Path) -> Iterator[None]:
    path = private_folder(data_dir) / "run.lock"
    path.touch(mode=0o600)
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                f"Rollcall is already running with the data in {data_dir}: {lock.read().strip()}"
            ) from error
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, port {settings.PORT}\n")
        lock.flush()
        yield


def _serve() -> None:
    data_dir, host, port = settings.DATA_DIR, settings.HOST, settings.PORT
    wanted = {"postgres": settings.EMBEDDED_DATABASE, "valkey": settings.EMBEDDED_REDIS}
    web = Web(data_dir=data_dir, host=host, port=port, workers=workers())
    web.stop()  # Processes left by a killed run would still hold the port.
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
                    host=host,
                    port=port,
                    public_url=settings.PUBLIC_URL,
                    lan_url=lan_url,
                    demo=demo,
                    warnings=mail.warnings(),
                )
            )
            _watch(web, wanted, BackgroundLoop(data_dir=data_dir))
        finally:
            web.stop()


def _prepare(data_dir: Path) -> bool:
    """Bring the database and the static files up to date. Returns whether the demo institution exists."""
    say("  Preparing the database and the static files …")
    django.setup()
    if problems := database_problems():
        raise RunError(problems[0])
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    demo_marker = data_dir / "demo"
    all_embedded = settings.EMBEDDED_DATABASE and settings.EMBEDDED_REDIS
    if all_embedded and not get_user_model().objects.exists():
        # The banner says how to sign in, so the command prints nothing.
        call_command("seed_demo", sections=4, students=120, stdout=io.StringIO())
        call_command("seed_demo_classes", stdout=io.StringIO())
        demo_marker.touch(mode=0o600)
    # The workers have their own pools; from here on this process only waits.
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's wrapper only
    return all_embedded and demo_marker.exists()


def _watch(web: Web, wanted: dict[str, bool], loop: BackgroundLoop) -> None:
    while True:
        loop.keep_alive()
        time.sleep(CHECK_SECONDS)
        servers.revive(settings.DATA_DIR, **wanted)
        if not web.is_alive():
            say("  The web server stopped. Starting it again.")
            web.stop()
            web.start()


def say(text: str) -> None:
    """Print to the terminal at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
