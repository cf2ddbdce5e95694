"""Counts in the memory of one process: what rate limits go by while Redis is slow or away."""

import threading
import time
from dataclasses import dataclass

# About 6 MB. A hall uses five keys for each student.
MAX_KEYS = 20_000


@dataclass(slots=True)
class _Window:
    """:param in_redis: the last count that Redis gave
    :param missed: the attempts since the window opened that Redis did not confirm
    """

    ends_at: float
    in_redis: int = 0
    missed: int = 0

    @property
    def used(self) -> int:
        return self.in_redis + self.missed


class LocalCounts:
    """Fixed windows: each opens with the first attempt at its key. When there are too many, the oldest goes."""

    def __init__(self, *, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._lock = threading.Lock()
        # In the order in which they opened.
        self._windows: dict[str, _Window] = {}

    def counted_by_redis(self, key: str, in_redis: int, *, per_seconds: int) -> int:
        """Redis has counted one more attempt. Returns its count together with those that it missed."""
        with self._lock:
            window = self._window(key, per_seconds)
            window.in_redis = in_redis
            return window.used

    def missed_by_redis(self, key: str, *, per_seconds: int) -> int:
        """Count one attempt without Redis. Returns the count with those that Redis had."""
        with self._lock:
            window = self._window(key, per_seconds)
            window.missed += 1
            return window.used

    def take_back(self, key: str, *, from_redis: bool) -> None:
        """Uncount one attempt, which was uncounted in Redis too or could not be."""
        with self._lock:
            window = self._windows.get(key)
            if window is None:
                return
            if window.missed and not from_redis:
                window.missed -= 1
            elif window.in_redis:
                window.in_redis -= 1

    def seconds_left(self, key: str) -> int:
        """How long the window still lasts, rounded; 0 if there is none."""
        with self._lock:
            window = self._windows.get(key)
            return max(0, round(window.ends_at - time.monotonic())) if window else 0

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._windows.clear()

    def __len__(self) -> int:
        return len(self._windows)

    def _window(self, key: str, per_seconds: int) -> _Window:
        now = time.monotonic()
        window = self._windows.get(key)
        if window and window.ends_at > now:
            return window
        self._windows.pop(key, None)
        if len(self._windows) >= self._max_keys:
            del self._windows[next(iter(self._windows))]
        window = self._windows[key] = _Window(ends_at=now + per_seconds)
        return window
