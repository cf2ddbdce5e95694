"""Group commit: what many threads want done at the same moment is done by one of them, for all, in one go.

Whoever comes while nobody is at it leads: does its own, and what others brought meanwhile, and hands on. In a crowd, who
leads waits for more as long as they come within a millisecond of each other, because one go costs nearly the same for
many; a single caller waits for nobody. Nobody is answered before what it brought is committed.
"""

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from django.db import connection

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_AT_ONCE = 100
GATHERING_SECONDS = 0.001


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
        self._is_crowd = False

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
        self._gather()
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

    def _gather(self) -> None:
        """Let those who are on their way come, if the last go was for several or others are here."""
        here = len(self._queue)
        while (here > 1 or self._is_crowd) and here < MOST_AT_ONCE:
            time.sleep(GATHERING_SECONDS)
            before, here = here, len(self._queue)
            if here == before:
                break

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
            self._is_crowd = len(batch) > 1
        return batch
