"""A circuit breaker: after a failure, callers skip a server that is away instead of waiting for it."""

import threading
import time
from collections.abc import Callable

# Connecting and reading may each take the limit. What took longer than this says that the machine is busy.
STARVED_FACTOR = 3


class CircuitBreaker:
    """Opens at the first failure. While open, one caller every ``probe_seconds`` may try; a success closes it.

    :param on_change: called each time the breaker opens or closes
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
        """Whether this caller may try. A caller that may try while the breaker is open is the probe."""
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

    def timed_out(self, *, after_seconds: float, limit_seconds: float) -> None:
        """A call gave up waiting for the server.

        If it gave up long after its limit, this process did not get to run, and the server may well have answered.
        """
        if after_seconds < STARVED_FACTOR * limit_seconds:
            self.failed()

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
