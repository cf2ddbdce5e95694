"""Single flight: requests for the same thing that arrive while it is being read share the next reading of it.

Unlike a cache by time this never serves an old answer: the reading of an answer began after each of its requests arrived.
"""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, connection

Answer = TypeVar("Answer")

WAIT_SECONDS = 30


class SingleFlight(Generic[Answer]):
    """At most one reading of each key is running and one is waiting for it to end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future[Answer]] = {}
        self._next: dict[Hashable, Future[Answer]] = {}

    def get(self, key: Hashable, read: Callable[[], Answer]) -> Answer:
        """The answer of ``read``, called by this request or by another one that waits for the same key.

        :raises Exception: what ``read`` raised
        """
        with self._lock:
            running, shared = self._running.get(key), self._next.get(key)
            if running is None:
                own = self._running[key] = Future()
            elif shared is None:
                own = self._next[key] = Future()
        if running is not None:
            if shared is not None:
                _give_back_connection()
                return shared.result(WAIT_SECONDS)
            try:
                _give_back_connection()
                wait([running], WAIT_SECONDS)
            finally:
                # Whatever happened, this reading is the one that runs now.
                with self._lock:
                    self._running[key] = self._next.pop(key)
        return self._read(key, read, own)

    def _read(self, key: Hashable, read: Callable[[], Answer], own: "Future[Any]") -> Answer:
        try:
            answer = read()
        except BaseException as error:
            own.set_exception(error)
            raise
        else:
            own.set_result(answer)
            return answer
        finally:
            with self._lock:
                if self._running.get(key) is own:
                    del self._running[key]


def _give_back_connection() -> None:
    """A waiting request must not hold a connection that the reading one may need."""
    if not connection.in_atomic_block:
        with suppress(DatabaseError):
            connection.close()
