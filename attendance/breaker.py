"""A circuit breaker: after a failure nobody waits for a server that is away; one caller at a time tries it again."""

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Opens at the first failure. While open, one caller a ``probe_seconds`` may try; a success closes it.

    :param on_change: is called each time that it opens or closes
    """

    def __init__(
        self, *, probe_seconds: float, on_change: Callable[["CircuitBreaker"], None] = lambda breaker: None
    ) -> None:
        self._probe_seconds = probe_seconds
        self._on_change = on_change
        self._lock = threading.Lock()
        self._next_probe: float | None = None

    @property
    def is_open(self) -> bool:
        return self._next_probe is not None

    def allows(self) -> bool:
        """Whether this caller may try. The one that is let through while open is the probe."""
        if self._next_probe is None:
            return True
        with self._lock:
            now = time.monotonic()
            if self._next_probe is None:
                return True
            if now < self._next_probe:
                return False
            self._next_probe = now + self._probe_seconds
            return True

    def failed(self) -> None:
        with self._lock:
            opens = self._next_probe is None
            self._next_probe = time.monotonic() + self._probe_seconds
            if opens:
                self._on_change(self)

    def succeeded(self) -> None:
        if self._next_probe is not None:
            with self._lock:
                closes = self._next_probe is not None
                self._next_probe = None
                if closes:
                    self._on_change(self)
