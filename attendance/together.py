"""Group commit: what many threads want done at the same moment is done by one of them, for all, in one go.

Whoever comes while nobody is at it leads: does its own, and what others brought meanwhile, and hands on. Nobody waits
for others to come, so that a single caller is served as fast as ever, by its own thread and on its own connection.
Nobody is answered before what it brought is committed.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from django.db import connection

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_AT_ONCE = 100


class _Waiting(Generic[Item, Result]):
    def __init__(self, item: Item) -> None:
        self.item = item
        self.woken = threading.Event()
        self.outcome: Result | Exception | None = None


class Together(Generic[Item, Result]):
    """:param do_all: does what it is given, and answers for each item, in this order, a result or an exception
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
        self._lock = threading.Lock()
        self._queue: list[_Waiting[Item, Result]] = []
        self._is_led = False

    def do(self, item: Item) -> Result:
        """Have the item done, and wait for what comes of it.

        :raises Exception: what ``do_all`` answered for the item, or raised for all
        """
        mine: _Waiting[Item, Result] = _Waiting(item)
        with self._lock:
            self._queue.append(mine)
            leads, self._is_led = not self._is_led, True
        if not leads:
            if not connection.in_atomic_block:
                # Who waits must not keep the connection that who leads may need.
                connection.close()
            mine.woken.wait()
        if mine.outcome is None:
            self._lead(mine)
        if isinstance(mine.outcome, Exception):
            raise mine.outcome
        assert mine.outcome is not None  # noqa: S101 - whoever led has set it
        return mine.outcome

    def _lead(self, mine: _Waiting[Item, Result]) -> None:
        batch = self._take(mine)
        failure: Exception = RuntimeError("the thread that did this for all has ended")
        outcomes: Sequence[Result | Exception] = ()
        try:
            outcomes = self._do_all([waiting.item for waiting in batch])
        except Exception as error:  # noqa: BLE001 - it is raised in each of the threads
            failure = error
        finally:
            for place, waiting in enumerate(batch):
                waiting.outcome = outcomes[place] if place < len(outcomes) else failure
                waiting.woken.set()
            with self._lock:
                if self._queue:
                    # The next one leads.
                    self._queue[0].woken.set()
                else:
                    self._is_led = False

    def _take(self, mine: _Waiting[Item, Result]) -> list[_Waiting[Item, Result]]:
        """From the queue: my own, and the others' in the order in which they came."""
        with self._lock:
            batch, left = [mine], []
            keys = {self._key(mine.item)}
            for waiting in self._queue:
                if waiting is mine:
                    continue
                key = self._key(waiting.item)
                if len(batch) < MOST_AT_ONCE and key not in keys:
                    batch.append(waiting)
                    keys.add(key)
                else:
                    left.append(waiting)
            self._queue = left
        return batch
