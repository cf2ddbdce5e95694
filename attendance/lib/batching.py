"""Group commit: requests that arrive at the same moment are processed together, by one thread, in one transaction.

600 students press at once, and a transaction for 50 marks costs little more than one for a single mark. A request
submits its item and waits for the Future; the thread takes all items that have arrived, processes them, and takes those
that arrived meanwhile. Nobody is answered before the batch is committed.
"""

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError, connection
from django.utils.translation import gettext_lazy as _

from attendance.lib.refusals import Refused

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_BATCH = 100
# After a batch of several, wait this long for more, as long as more keep coming: larger batches cost less per item.
GATHER_SECONDS = 0.001
# The thread then gives its database connection back to the pool.
IDLE_SECONDS = 0.5
WAIT_SECONDS = 8


class StillWaiting(Refused):
    """The batch was not committed in time. It may be committed later: the retry then finds what it wrote."""

    code = "unavailable"
    status = 503
    detail = _("This is taking longer than usual. Try again.")
    headers = {"Retry-After": "2"}


class Batcher(Generic[Item, Result]):
    """Processes items in batches, in one thread of this process.

    :param process: returns a result or an exception for each item, in their order. It is called again with the same
        items after a broken connection, and must then find what was committed before
    :param key: two items with the same key never share a batch
    """

    def __init__(
        self,
        process: Callable[[Sequence[Item]], Sequence[Result | Exception]],
        *,
        key: Callable[[Item], Hashable],
    ) -> None:
        self._process = process
        self._key = key
        self._arrived = threading.Condition()
        self._queue: list[tuple[Item, Future[Result]]] = []
        self._thread: threading.Thread | None = None
        self._last_size = 0

    def run(self, item: Item) -> Result:
        """Have the item processed and wait for its result. Inside a transaction it is processed alone, as part of it.

        :raises StillWaiting: after ``WAIT_SECONDS``
        :raises Exception: what ``process`` returned for the item, or raised for the batch
        """
        if connection.in_atomic_block:
            (outcome,) = self._process([item])
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        # A waiting request must not hold a connection that its own batch may need.
        connection.close()
        future = self._submit(item)
        try:
            return future.result(WAIT_SECONDS)
        except TimeoutError as error:
            if future.done():
                # Between the time-out and here, or its result is a time-out of its own.
                return future.result()
            raise StillWaiting from error

    def _submit(self, item: Item) -> Future[Result]:
        future: Future[Result] = Future()
        with self._arrived:
            self._queue.append((item, future))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="batches", daemon=True)
                self._thread.start()
            self._arrived.notify()
        return future

    def _work(self) -> None:
        while True:
            self._wait_for_items()
            batch = self._take_batch()
            try:
                outcomes = self._process_with_retry([item for item, _future in batch])
            except Exception as error:  # noqa: BLE001 - every waiting request raises it
                outcomes = [error] * len(batch)
            missing = [RuntimeError("there is no outcome for this item")] * (len(batch) - len(outcomes))
            for (_item, future), outcome in zip(batch, [*outcomes, *missing], strict=False):
                if isinstance(outcome, Exception):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)

    def _wait_for_items(self) -> None:
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._queue, IDLE_SECONDS):
                connection.close()
                self._arrived.wait_for(lambda: self._queue)
        size = len(self._queue)
        while max(size, self._last_size) > 1 and size < MAX_BATCH:
            time.sleep(GATHER_SECONDS)
            before, size = size, len(self._queue)
            if size == before:
                break

    def _take_batch(self) -> list[tuple[Item, Future[Result]]]:
        with self._arrived:
            batch: list[tuple[Item, Future[Result]]] = []
            rest: list[tuple[Item, Future[Result]]] = []
            keys: set[Hashable] = set()
            for item, future in self._queue:
                key = self._key(item)
                if len(batch) < MAX_BATCH and key not in keys:
                    batch.append((item, future))
                    keys.add(key)
                else:
                    rest.append((item, future))
            self._queue = rest
        self._last_size = len(batch)
        return batch

    def _process_with_retry(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        was_connected = connection.connection is not None
        try:
            return self._process(items)
        except (OperationalError, InterfaceError):
            if not was_connected:
                raise
            # The connection may have broken long before.
            connection.close()
            return self._process(items)
