"""``python -m bench.studies.redis_away``: how long a mark takes while Redis is down. See bench/README.md.

Starts its own PostgreSQL and Valkey in a temporary folder and removes them. Marks go through the whole API:
sign-in, rate limits, the mark, the live counts in the answer.
"""

import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

from config import embedded

DATA_DIR = Path(tempfile.mkdtemp(prefix="rc-"))
os.environ |= {
    "ROLLCALL_DATA_DIR": str(DATA_DIR),
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "LOG_LEVEL": "ERROR",
}
os.environ |= dict.fromkeys(embedded.PRODUCTION_VARIABLES, "")

import django  # noqa: E402 - needs the environment above

LATER = 100


def main() -> None:
    """Print one line for each way in which Redis can be down."""
    try:
        with embedded.running(DATA_DIR, postgres=True, valkey=True):
            django.setup()
            _measure()
    finally:
        shutil.rmtree(DATA_DIR, ignore_errors=True)


def _measure() -> None:
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0, interactive=False)
    _line("Redis is", "first", "later, median", "later, worst", "known again after")
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as hole:
        _line("there", *_figures("there"))
        _line("refusing", *_figures("refusing"))
        _line("paused", *_figures("paused"))
        _line("a black hole", *_figures("hole", port=hole.getsockname()[1]))


def _figures(how: str, *, port: int = 1) -> list[str]:
    """The times of the marks in one condition, as text."""
    from django.test import override_settings  # noqa: PLC0415

    from attendance import stats  # noqa: PLC0415
    from tests.support.valkeys import OwnValkey, caches_at  # noqa: PLC0415

    marks = _marks()
    valkey = OwnValkey()
    away = f"redis://127.0.0.1:{port}"
    try:
        with override_settings(CACHES=caches_at(valkey.url)):
            for _ in range(20):
                next(marks)
            if how == "paused":
                valkey.pause()
            if how in {"there", "paused"}:
                times = [next(marks) for _ in range(LATER + 1)]
                back = ""
            else:
                with override_settings(CACHES=caches_at(away)):
                    times = [next(marks) for _ in range(LATER + 1)]
            valkey.resume()
            started = time.monotonic()
            while not stats.redis_answers():
                time.sleep(0.01)
            back = "" if how == "there" else f"{time.monotonic() - started:.1f} s"
    finally:
        valkey.close()
        stats.breaker.succeeded()
    first, *later = times
    return [_ms(first), _ms(statistics.median(later)), _ms(max(later)), back]


def _marks():
    """Mark one more student each time, and yield how many seconds it took."""
    from django.utils import timezone  # noqa: PLC0415
    from rest_framework.test import APIClient  # noqa: PLC0415

    from qrsessions.codes import tokens  # noqa: PLC0415
    from qrsessions.models import JoinPolicy, QRSession  # noqa: PLC0415
    from qrsessions.services import lifecycle  # noqa: PLC0415
    from tests.support import factories  # noqa: PLC0415

    teacher = factories.make_teacher()
    section = factories.make_section(students=LATER + 30, teachers=[teacher])
    clients = []
    for student in factories.students_of(section):
        client = APIClient()
        client.force_authenticate(student.user)
        clients.append(client)
    session = lifecycle.open_session(
        section=section, by=teacher, at=timezone.now(), join_policy=JoinPolicy.OPEN
    )
    lifecycle.take_step(session=session, step="start", by=session.opened_by, at=timezone.now())
    session = QRSession.objects.with_names().get(pk=session.pk)
    for client in clients:
        step = tokens.step_at(timezone.now())
        token = tokens.make(public_id=session.public_id, secret=session.secret, step=step)
        started = time.perf_counter()
        answer = client.post("/api/v1/mark/", {"token": token}, format="json", headers={"Host": "localhost"})
        yield time.perf_counter() - started
        if answer.status_code != 201:
            sys.exit(f"a mark failed: {answer.status_code} {answer.content!r}")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _line(*cells: str) -> None:
    sys.stdout.write("".join(f"{cell:<20}" for cell in cells).rstrip() + "\n")


if __name__ == "__main__":
    main()
