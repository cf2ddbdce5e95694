"""How soon a waiting phone may ask again: told with each answer, so that many phones ask no oftener than a machine bears.

Each web process measures how often it is asked and how busy it is, and stretches the pause until that is what it bears:
who marks goes before who waits. What can't be answered from what the process knows is read by a few at a time.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.utils.translation import gettext_lazy as _

from attendance.refusals import Refused
from attendance.waits import about_to_wait

SHORTEST_MS = 3_000
LONGEST_MS = 20_000
# So many answers to waiting phones are a small part of what a process can do.
BEARABLE_PER_SECOND = 300.0
# Of one processor; who uses more of it for long has no time for those who wait.
BEARABLE_CPU = 0.7
MEASURED_SECONDS = 2.0
# A phone adds a jitter of up to half of the pause.
LATEST = 1.5


class Pace:
    """The pause of one process.

    :param clock: seconds that never go back
    :param cpu: seconds of a processor that this process has used
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, cpu: Callable[[], float] = time.process_time
    ) -> None:
        self._clock = clock
        self._cpu = cpu
        self._lock = threading.Lock()
        self._pause_ms = SHORTEST_MS
        self._is_measuring = False
        self._since = clock()
        self._asked = 0
        self._used_before = 0.0

    def next_ms(self) -> int:
        """Count one answer; the milliseconds after which the phone may ask again."""
        with self._lock:
            now = self._clock()
            if self._is_measuring:
                self._asked += 1
                if now - self._since >= MEASURED_SECONDS:
                    self._change(now)
            elif now >= self._since:
                self._is_measuring, self._since, self._used_before = True, now, self._cpu()
            return self._pause_ms

    def _change(self, now: float) -> None:
        before, seconds = self._pause_ms, now - self._since
        asked = self._asked / seconds / BEARABLE_PER_SECOND
        used = (self._cpu() - self._used_before) / seconds / BEARABLE_CPU
        # In whole seconds: an answer that tells another pause is another answer.
        wanted = round(before * max(asked, used), -3)
        self._pause_ms = int(min(LONGEST_MS, max(SHORTEST_MS, wanted)))
        # Until every phone has heard of the new pause, the old one is measured.
        self._since = now if self._pause_ms == before else now + before * LATEST / 1000
        self._is_measuring, self._asked = False, 0


class Busy(Refused):
    """The phone asks again by itself."""

    code = "busy"
    status = 429
    detail = _("Many phones ask at this moment. Try again in two seconds.")
    headers = {"Retry-After": "2"}


class Few:
    """Lets so many do something at a time; so many others wait for their turn, and who comes then is told to come again."""

    def __init__(self, at_a_time: int, *, waiting: int = 0) -> None:
        self._inside = threading.BoundedSemaphore(at_a_time + waiting)
        self._places = threading.BoundedSemaphore(at_a_time)

    @contextmanager
    def place(self) -> Iterator[None]:
        """
        :raises Busy: if so many wait already
        """
        about_to_wait()
        if not self._inside.acquire(blocking=False):
            raise Busy
        try:
            with self._places:
                yield
        finally:
            self._inside.release()


waiting_phones = Pace()
# Of each process: they leave most of its time, its threads and its connections to those who join and mark.
few_readers = Few(4, waiting=8)
