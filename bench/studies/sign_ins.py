"""``python -m bench.studies.sign_ins``: passwords on a full day. See bench/README.md.

A full hall while 100 clients guess passwords, and 600 students who sign in for the first time beside them. With
``--old-hashes`` the students' passwords are still PBKDF2, as on the day of an upgrade.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attendance.demo import DEMO_PASSWORD
from bench.site.small_site import small_site

if TYPE_CHECKING:
    from bench.client.load import Load
    from bench.scenarios import OpenSessions
    from bench.site.context import Context

GUESSING_CLIENTS = 100
SIGN_INS = 600
# The students arrive within this time, and all of them should be signed in after the next.
ARRIVE_SECONDS, LIMIT_SECONDS = 20, 60
GOOD = (200, 201)


def main() -> None:
    """Print one line for each load."""
    parser = argparse.ArgumentParser(prog="python -m bench.studies.sign_ins", description=__doc__)
    parser.add_argument("--old-hashes", action="store_true")
    wanted = parser.parse_args()
    with small_site(hall=600, waiting=1000) as context:
        from attendance.models import User  # noqa: PLC0415 - the environment first
        from bench import scenarios  # noqa: PLC0415

        students = User.objects.filter(student__enrolments__section=context.school.mark_halls[0].section)
        usernames = list(students.values_list("username", flat=True)[:SIGN_INS])
        if wanted.old_hashes:
            _give_old_hashes()
        context.installation.serve(hello=False)
        sessions = scenarios.open_sessions(context)
        _line("", "answers", "p50 ms", "p99 ms", "all after s", "other answers")
        # Only in this process, which prepares the next load between two loads.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        asyncio.run(_measure(context, sessions, usernames))
        _line("logged", *(f"{number} × {event}" for event, number in context.installation.logged().items()))


async def _measure(context: "Context", sessions: "OpenSessions", usernames: list[str]) -> None:
    from bench.client.sign_ins import guessing  # noqa: PLC0415 - the environment first

    await _full_hall(context, sessions, "full hall: marks")
    async with guessing(context.installation.port, usernames, clients=GUESSING_CLIENTS) as guesses:
        await _full_hall(context, sessions, f"marks beside {GUESSING_CLIENTS} guessing clients")
    _show("the guesses", guesses)
    await _sign_in(context, usernames, "first sign-ins")
    async with guessing(context.installation.port, usernames, clients=GUESSING_CLIENTS) as guesses:
        await _sign_in(context, usernames, f"first sign-ins beside {GUESSING_CLIENTS} guessing clients")
    _show("the guesses", guesses)


async def _full_hall(context: "Context", sessions: "OpenSessions", name: str) -> None:
    from bench import scenarios  # noqa: PLC0415 - the environment first

    marks = (await scenarios.full_hall(context, sessions))["mixed_marks"]
    _row(name, marks.requests, marks.p50_ms, marks.p99_ms, marks.seconds, marks.statuses)


async def _sign_in(context: "Context", usernames: list[str], name: str) -> None:
    from bench.client.sign_ins import sign_in_spread  # noqa: PLC0415 - the environment first

    load = await sign_in_spread(
        context.installation.port,
        usernames,
        password=DEMO_PASSWORD,
        spread_seconds=ARRIVE_SECONDS,
        seconds=LIMIT_SECONDS,
    )
    _show(name, load)


def _give_old_hashes() -> None:
    """As if nobody had signed in since Argon2 was introduced. All share one hash: making 600 takes minutes."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher  # noqa: PLC0415 - the environment first

    from attendance.models import User  # noqa: PLC0415

    hasher = PBKDF2PasswordHasher()
    User.objects.update(password=hasher.encode(DEMO_PASSWORD, hasher.salt()))


def _show(name: str, load: "Load") -> None:
    from bench.report.measurement import percentile  # noqa: PLC0415 - the environment first

    p50_ms, p99_ms = (1000 * percentile(load.latencies, percent) for percent in (50, 99))
    _row(name, len(load.latencies), p50_ms, p99_ms, load.seconds, load.statuses)


def _row(
    name: str, answers: int, p50_ms: float, p99_ms: float, seconds: float, statuses: Mapping[Any, int]
) -> None:
    others = ", ".join(
        f"{number} × {status}" for status, number in statuses.items() if int(status) not in GOOD
    )
    _line(name, str(answers), f"{p50_ms:.0f}", f"{p99_ms:.0f}", f"{seconds:.1f}" if seconds else "", others)


def _line(*cells: str) -> None:
    sys.stdout.write(f"{cells[0]:<45}" + "".join(f"{cell:>12}" for cell in cells[1:]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
