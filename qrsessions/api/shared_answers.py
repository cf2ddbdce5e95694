"""What many dashboards ask for at once: found once a second by each process.

Only for reading the live numbers. What changes something answers with numbers of its own, read after the change.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection

from attendance.waits import about_to_wait


@dataclass
class _Shared:
    """One answer; ``moment`` is when the making of it began, so that it is never older than it seems."""

    making: threading.Lock = field(default_factory=threading.Lock)
    moment: float = float("-inf")
    answer: Any = None


class SharedAnswers:
    """Keeps each answer for ``STATS_SHARED_SECONDS``, or so many times as long. While one makes it, the others wait for that one."""

    def __init__(self, *, times_as_long: int = 1, most_kept: int = 200) -> None:
        self._times_as_long, self._most_kept = times_as_long, most_kept
        self._lock = threading.Lock()
        self._kept: dict[str, _Shared] = {}

    def get(self, key: str, make: Callable[[], Any]) -> Any:
        """The answer of this key, or what ``make`` gives where that is too old.

        :raises Exception: what ``make`` raises; nothing is kept then
        """
        if not settings.STATS_SHARED_SECONDS:
            about_to_wait()
            return make()
        with self._lock:
            if key not in self._kept and len(self._kept) >= self._most_kept:
                self._kept.clear()
            shared = self._kept.setdefault(key, _Shared())
        if not shared.making.acquire(blocking=False):
            about_to_wait()
            if not connection.in_atomic_block:
                # Who waits must not keep the connection that who makes it may need.
                connection.close()
            shared.making.acquire()
        try:
            moment = time.monotonic()
            if moment - shared.moment > settings.STATS_SHARED_SECONDS * self._times_as_long:
                about_to_wait()
                shared.answer = make()
                shared.moment = moment
            return shared.answer
        finally:
            shared.making.release()
