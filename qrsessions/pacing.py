"""How soon a waiting phone may ask again: told with each answer, so that many phones ask no oftener than a machine bears.

Each web process measures how often it is asked, and stretches the pause until that is what it bears: who marks goes
before who waits. When all of them hear of something at once, only a few at a time read it from the database.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.utils.translation import gettext_lazy as _

from attendance.refusals import Refused

SHORTEST_MS = 3_000
LONGEST_MS = 20_000
# So many answers to waiting phones are a small part of what a process can do.
BEARABLE_PER_SECOND = 100.0
MEASURED_SECONDS = 2.0
# A phone adds a jitter of up to half of the pause.
LATEST = 1.5


class Pace:
    """The pause of one process.

    :param clock: seconds that never go back
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._measured_since = clock()
        self._asked = 0
        self._pause_ms = SHORTEST_MS

    def next_ms(self) -> int:
        """Count one answer; the milliseconds after which the phone may ask again."""
        with self._lock:
            now = self._clock()
            if now >= self._measured_since:
                self._asked += 1
                if now - self._measured_since >= MEASURED_SECONDS:
                    self._change(now, self._asked / (now - self._measured_since))
            return self._pause_ms

    def _change(self, now: float, per_second: float) -> None:
        before = self._pause_ms
        wanted = before * per_second / BEARABLE_PER_SECOND
        # In whole seconds: an answer that tells another pause is another answer.
        self._pause_ms = int(round(min(LONGEST_MS, max(SHORTEST_MS, wanted)), -3))
        self._asked = 0
        # Until every phone has heard of the new pause, the old one is measured.
        self._measured_since = now if self._pause_ms == before else now + before * LATEST / 1000


class Busy(Refused):
    """The phone asks again by itself."""

    code = "busy"
    status = 429
    detail = _("Many phones ask at this moment. Try again in two seconds.")
    headers = {"Retry-After": "2"}


class Few:
    """Lets so many do something at a time; who comes when it is full is told to come again."""

    def __init__(self, at_a_time: int) -> None:
        self._places = threading.BoundedSemaphore(at_a_time)

    @contextmanager
    def place(self) -> Iterator[None]:
        """
        :raises Busy: if all places are taken
        """
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            yield
        finally:
            self._places.release()


waiting_phones = Pace()
# Of each process: they leave most of its threads and of its connections to those who join and mark.
few_readers = Few(6)
