"""Base class for a command that runs once or in a loop, and never twice at once on one database."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from attendance.lib import advisory_locks


class LoopingCommand(BaseCommand):
    """A management command with ``--loop SECONDS``. Subclasses set ``lock`` and implement ``work``.

    A command that finds the lock taken ends with an error. With ``waits_for_lock``, a loop waits instead and
    takes over when the other one ends.
    """

    # The key of the advisory lock that the command holds while it runs.
    lock: int
    waits_for_lock = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--loop", type=_seconds, metavar="SECONDS", help="repeat every SECONDS until SIGTERM"
        )

    def work(self, **options: Any) -> None:
        """Do the work once.

        :raises CommandError: if it can't be done now; a loop prints the error and tries again
        """
        raise NotImplementedError

    def handle(self, *args: Any, loop: float | None, **options: Any) -> None:
        if loop is None:
            with advisory_locks.only_one(self.lock) as acquired:
                if not acquired:
                    raise self._already_running()
                self.work(**options)
            return
        stopped = _stop_event()
        while not stopped.is_set():
            try:
                self._loop(stopped, loop, **options)
            except DatabaseError as error:
                # The lock was lost with the connection, so take it again.
                self.stderr.write(f"The database is unavailable: {error}")
                connection.close()
                stopped.wait(loop)

    def _loop(self, stopped: threading.Event, seconds: float, **options: Any) -> None:
        with advisory_locks.only_one(self.lock) as acquired:
            if not acquired and self.waits_for_lock:
                stopped.wait(seconds)
                return
            if not acquired:
                raise self._already_running()
            while not stopped.is_set():
                try:
                    self.work(**options)
                except CommandError as error:
                    self.stderr.write(str(error))
                stopped.wait(seconds)

    def _already_running(self) -> CommandError:
        return CommandError(f"Another {self.__module__.rpartition('.')[2]} is already running.")


def _stop_event() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stopped = threading.Event()
    for stop_signal in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop_signal, lambda *_: stopped.set())
    return stopped


def _seconds(text: str) -> float:
    seconds = float(text)
    if seconds <= 0:
        raise ValueError(text)
    return seconds
