"""``manage.py reconcile_counts``: compare the live sets of all open sessions with the database, and repair them."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from attendance import locks, stats


class Command(BaseCommand):
    help = (
        "Compares the live sets of all open sessions with the database and repairs them, as a read does for one; "
        "removes the keys of sessions that do not exist. Nothing depends on it: sets that are read heal by themselves."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", type=_seconds, metavar="SECONDS", help="again and again, until SIGTERM")
        parser.add_argument("--dry-run", action="store_true", help="report, and change nothing")

    def handle(self, *args: Any, loop: float | None, dry_run: bool, **options: Any) -> None:
        if loop is None:
            with locks.only_one(locks.RECONCILE) as mine:
                self._refuse_unless(mine)
                self._reconcile(dry_run=dry_run)
            return
        stopped = _stop_event()
        while not stopped.is_set():
            try:
                self._loop(stopped, loop, dry_run=dry_run)
            except DatabaseError as error:
                # The lock went with the connection: begin anew.
                self.stderr.write(f"The database is away: {error}")
                connection.close()
                stopped.wait(loop)

    def _loop(self, stopped: threading.Event, seconds: float, *, dry_run: bool) -> None:
        with locks.only_one(locks.RECONCILE) as mine:
            self._refuse_unless(mine)
            while not stopped.is_set():
                try:
                    self._reconcile(dry_run=dry_run)
                except CommandError as error:
                    self.stderr.write(str(error))
                stopped.wait(seconds)

    def _refuse_unless(self, mine: bool) -> None:  # noqa: FBT001
        if not mine:
            raise CommandError("Another reconcile_counts is running.")

    def _reconcile(self, *, dry_run: bool) -> None:
        try:
            found = stats.reconcile(dry_run=dry_run)
        except stats.RedisAway as error:
            raise CommandError("Redis is away: counts come from the database meanwhile.") from error
        for difference in found.differences:
            self.stdout.write(_line(difference))
        for public_id in found.orphans:
            self.stdout.write(
                f"{ascii(public_id)[1:-1]}: no such session, {'kept' if dry_run else 'keys removed'}"
            )
        summary = f"{found.compared} open sessions compared, {len(found.differences)} "
        summary += "differ" if dry_run else "repaired"
        if found.skipped:
            summary += f", {found.skipped} left to another process"
        if found.foreign:
            summary += f"; {found.foreign} keys session:… are not Rollcall's"
        self.stdout.write(summary + ".")


def _line(difference: stats.Difference) -> str:
    parts = [
        f"{name} +{len(missing)} -{len(strange)}"
        for name, missing, strange in (
            ("joined", difference.joined_missing, difference.joined_strange),
            ("present", difference.attended_missing, difference.attended_strange),
        )
    ]
    if difference.wrong_type:
        parts.append(f"no set: {', '.join(difference.wrong_type)}")
    return f"{difference.meeting.public_id}: {', '.join(parts)}"


def _stop_event() -> threading.Event:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    return stopped


def _seconds(text: str) -> float:
    seconds = float(text)
    if seconds <= 0:
        raise ValueError(text)
    return seconds
