"""Group commit: what many requests want done at the same moment is done by one thread, for all, in one go.

That thread has a connection of its own to the database, on which the statements are prepared. It does what is there, and
then what came meanwhile. In a crowd it waits for more as long as they come within a millisecond of each other, because one
go costs nearly the same for many; a single caller waits for nobody. Nobody is answered before what it brought is committed.

Whoever brings something need not be a thread that waits: ``do`` is a coroutine, which says what it waits for. A thread that
may wait runs it by ``finished``; an event loop serves others meanwhile (``begin``).
"""

import threading
import time
from collections.abc import Callable, Coroutine, Generator, Hashable, Sequence
from typing import Any, Generic, TypeVar

from django.db import InterfaceError, OperationalError, connection

from attendance.waits import about_to_wait, may_wait

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_AT_ONCE = 100
GATHERING_SECONDS = 0.001
# Then the connection is given back to the pool, which sees to it that it still lives.
IDLE_SECONDS = 0.5


class Waiting(Generic[Item, Result]):
    """Something that was brought, and what came of it. Nothing is done before ``start``."""

    def __init__(self, item: Item, together: "Together[Item, Result]") -> None:
        self.item = item
        self.outcome: Result | Exception | None = None
        self.tell: Callable[[Sequence[Waiting[Any, Any]]], None]
        self._together = together

    def start(self, tell: Callable[[Sequence["Waiting[Any, Any]"]], None]) -> None:
        """Have it done.

        :param tell: called by the thread that does it, once for all that have the same ``tell`` and are done in one go
        """
        self.tell = tell
        self._together.add(self)

    def wait(self) -> None:
        """Have it done, and keep this thread until it is.

        :raises WouldWait: where nobody may wait
        """
        about_to_wait()
        done = threading.Lock()
        done.acquire()
        self.start(lambda _all: done.release())
        done.acquire()

    def __await__(self) -> Generator["Waiting[Item, Result]", None, Result]:
        yield self
        assert self.outcome is not None  # noqa: S101 - the worker has set it
        return _result(self.outcome)


# What awaits nothing but what is done together.
Work = Coroutine[Waiting[Any, Any], None, Result]


def finished(work: Work[Result]) -> Result:
    """What comes of the work, in this thread, which waits where the work does."""
    try:
        while True:
            work.send(None).wait()
    except StopIteration as end:
        result: Result = end.value
        return result


class Together(Generic[Item, Result]):
    """:param do_all: does what it is given, and answers for each item, in this order, a result or an exception.
        It may be called again with the same after a connection broke in the middle
    :param key: items of the same key are never done in one go; without it, any may be
    """

    def __init__(
        self,
        do_all: Callable[[Sequence[Item]], Sequence[Result | Exception]],
        *,
        key: Callable[[Item], Hashable] | None = None,
    ) -> None:
        self._do_all = do_all
        self._key = key
        self._came = threading.Condition()
        self._queue: list[Waiting[Item, Result]] = []
        self._worker: threading.Thread | None = None
        self._is_crowd = False

    async def do(self, item: Item) -> Result:
        """Have the item done. Inside a transaction it is done alone, as a part of that.

        :raises Exception: what ``do_all`` answered for the item, or raised for all
        """
        # Where nobody may wait there is no connection, and to ask for one would make it.
        if may_wait():
            if connection.in_atomic_block:
                (outcome,) = self._do_all([item])
                return _result(outcome)
            if connection.connection is not None:
                # Who waits must not keep what others may need.
                connection.close()
        return await Waiting(item, self)

    def add(self, waiting: Waiting[Item, Result]) -> None:
        """Put it to what is done next."""
        with self._came:
            self._queue.append(waiting)
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._work, name="together", daemon=True)
                self._worker.start()
            self._came.notify()

    def _work(self) -> None:
        while True:
            batch = self._next()
            failure: Exception = RuntimeError("the thread that did this for all has ended")
            outcomes: Sequence[Result | Exception] = ()
            try:
                outcomes = self._do(batch)
            except Exception as error:  # noqa: BLE001 - it is raised for each of them
                failure = error
            finally:
                together: dict[Any, list[Waiting[Item, Result]]] = {}
                for place, waiting in enumerate(batch):
                    waiting.outcome = outcomes[place] if place < len(outcomes) else failure
                    together.setdefault(waiting.tell, []).append(waiting)
                for tell, some in together.items():
                    tell(some)

    def _do(self, batch: Sequence[Waiting[Item, Result]]) -> Sequence[Result | Exception]:
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

    def _next(self) -> list[Waiting[Item, Result]]:
        with self._came:
            if not self._came.wait_for(lambda: self._queue, IDLE_SECONDS):
                connection.close()
                self._came.wait_for(lambda: self._queue)
        self._gather()
        with self._came:
            batch: list[Waiting[Item, Result]] = []
            left: list[Waiting[Item, Result]] = []
            keys: set[Hashable] = set()
            for waiting in self._queue:
                key = self._key(waiting.item) if self._key else waiting
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
