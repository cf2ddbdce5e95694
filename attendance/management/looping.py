"""A command that does its work once, or again and again, and never twice at the same time in one database."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from attendance import locks


class LoopingCommand(BaseCommand):
    """``lock`` is the advisory lock that it holds while it runs; ``work`` is what it does.

    A second loop ends with an error, or waits for the first one to end (``takes_turns``).
    """

    lock: int
    takes_turns = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", type=_seconds, metavar="SECONDS", help="again and again, until SIGTERM")

    def work(self, **options: Any) -> None:
        """Do the work once.

        :raises CommandError: if it can't be done now; a loop says so and goes on
        """
        raise NotImplementedError

    def handle(self, *args: Any, loop: float | None, **options: Any) -> None:
        if loop is None:
            with locks.only_one(self.lock) as mine:
                self._refuse_unless(mine)
                self.work(**options)
            return
        stopped = _stop_event()
        while not stopped.is_set():
            try:
                self._loop(stopped, loop, **options)
            except DatabaseError as error:
                # The lock went with the connection: begin anew.
                self.stderr.write(f"The database is away: {error}")
                connection.close()
                stopped.wait(loop)

    def _loop(self, stopped: threading.Event, seconds: float, **options: Any) -> None:
        with locks.only_one(self.lock) as mine:
            if not mine and self.takes_turns:
                stopped.wait(seconds)
                return
            self._refuse_unless(mine)
            while not stopped.is_set():
                try:
                    self.work(**options)
                except CommandError as error:
                    self.stderr.write(str(error))
                stopped.wait(seconds)

    def _refuse_unless(self, mine: bool) -> None:  # noqa: FBT001
        if not mine:
            raise CommandError(f"Another {self.__module__.rpartition('.')[2]} is running.")


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
