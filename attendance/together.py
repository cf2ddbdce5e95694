"""Group commit: what many threads want done at the same moment is done by one thread, for all, in one go.

That thread has a connection of its own to the database, on which the statements are prepared. It does what is there, and
then what came meanwhile. In a crowd it waits for more as long as they come within a millisecond of each other, because one
go costs nearly the same for many; a single caller waits for nobody. Nobody is answered before what it brought is committed.
"""

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError, connection

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_AT_ONCE = 100
GATHERING_SECONDS = 0.001
# Then the connection is given back to the pool, which sees to it that it still lives.
IDLE_SECONDS = 0.5


class _Waiting(Generic[Item, Result]):
    def __init__(self, item: Item) -> None:
        self.item = item
        # Locked until it is done.
        self.done = threading.Lock()
        self.done.acquire()
        self.outcome: Result | Exception | None = None


class Together(Generic[Item, Result]):
    """:param do_all: does what it is given, and answers for each item, in this order, a result or an exception.
        It may be called again with the same after a connection broke in the middle
    :param key: items of the same key are never done in one go
    """

    def __init__(
        self,
        do_all: Callable[[Sequence[Item]], Sequence[Result | Exception]],
        *,
        key: Callable[[Item], Hashable],
    ) -> None:
        self._do_all = do_all
        self._key = key
        self._came = threading.Condition()
        self._queue: list[_Waiting[Item, Result]] = []
        self._worker: threading.Thread | None = None
        self._is_crowd = False

    def do(self, item: Item) -> Result:
        """Have the item done, and wait for what comes of it. Inside a transaction it is done alone, as a part of that.

        :raises Exception: what ``do_all`` answered for the item, or raised for all
        """
        if connection.in_atomic_block:
            (outcome,) = self._do_all([item])
            return _result(outcome)
        if connection.connection is not None:
            # Who waits must not keep what others may need.
            connection.close()
        mine: _Waiting[Item, Result] = _Waiting(item)
        with self._came:
            self._queue.append(mine)
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._work, name="together", daemon=True)
                self._worker.start()
            self._came.notify()
        mine.done.acquire()
        assert mine.outcome is not None  # noqa: S101 - the worker has set it
        return _result(mine.outcome)

    def _work(self) -> None:
        while True:
            batch = self._next()
            failure: Exception = RuntimeError("the thread that did this for all has ended")
            outcomes: Sequence[Result | Exception] = ()
            try:
                outcomes = self._do(batch)
            except Exception as error:  # noqa: BLE001 - it is raised in each of the threads
                failure = error
            finally:
                for place, waiting in enumerate(batch):
                    waiting.outcome = outcomes[place] if place < len(outcomes) else failure
                    waiting.done.release()

    def _do(self, batch: Sequence[_Waiting[Item, Result]]) -> Sequence[Result | Exception]:
        items = [waiting.item for waiting in batch]
        was_connected = connection.connection is not None
        try:
            return self._do_all(items)
        except (OperationalError, InterfaceError):
            if not was_connected:
                raise
            # It may have broken long before.
            connection.close()
            return self._do_all(items)

    def _next(self) -> list[_Waiting[Item, Result]]:
        with self._came:
            if not self._came.wait_for(lambda: self._queue, IDLE_SECONDS):
                connection.close()
                self._came.wait_for(lambda: self._queue)
        self._gather()
        with self._came:
            batch: list[_Waiting[Item, Result]] = []
            left: list[_Waiting[Item, Result]] = []
            keys = set()
            for waiting in self._queue:
                key = self._key(waiting.item)
                if len(batch) < MOST_AT_ONCE and key not in keys:
                    batch.append(waiting)
                    keys.add(key)
                else:
                    left.append(waiting)
            self._queue = left
            self._is_crowd = len(batch) > 1
        return batch

    def _gather(self) -> None:
        """Let those who are on their way come, if the last go was for several or others are here."""
        here = len(self._queue)
        while (here > 1 or self._is_crowd) and here < MOST_AT_ONCE:
            time.sleep(GATHERING_SECONDS)
            before, here = here, len(self._queue)
            if here == before:
                break


def _result(outcome: Result | Exception) -> Result:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
