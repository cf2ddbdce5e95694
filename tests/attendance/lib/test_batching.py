"""Group commit: what arrives together is processed in one batch; nothing twice, nothing lost, each item its own result."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, transaction

from attendance.lib import batching
from attendance.lib.batching import MAX_BATCH, Batcher, StillWaiting
from tests.support.waiting import wait_until


class Process:
    """Keeps the batches that it was given, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        self.may_go_on.wait(30)
        if 1313 in items:
            raise OSError("the whole batch failed")
        return [ValueError(str(item)) if item < 0 else item * 10 for item in items]


@pytest.fixture
def process() -> Process:
    return Process()


def identity(item: int) -> int:
    return item


def submit_while_first_is_held(
    batcher: Batcher[int, int], process: Process, items: Sequence[int], pool: ThreadPoolExecutor
) -> list[Future[int]]:
    """The first item is held up in its batch until all the others have been submitted."""
    process.may_go_on.clear()
    futures = [pool.submit(batcher.run, items[0])]
    wait_until(lambda: process.batches)
    futures += [pool.submit(batcher.run, item) for item in items[1:]]
    wait_until(lambda: len(batcher._queue) == len(items) - 1)
    process.may_go_on.set()
    return futures


def test_batch_thread_is_one_and_not_the_callers():
    threads: list[int] = []
    batcher = Batcher(lambda items: threads.append(threading.get_ident()) or list(items), key=identity)

    assert [batcher.run(1), batcher.run(2)] == [1, 2]
    assert len(set(threads)) == 1
    assert set(threads) != {threading.get_ident()}


@pytest.mark.django_db(transaction=True)
def test_item_inside_a_transaction_is_processed_by_the_caller_as_part_of_it():
    threads: list[int] = []
    batcher = Batcher(lambda items: threads.append(threading.get_ident()) or list(items), key=identity)

    with transaction.atomic():
        assert batcher.run(1) == 1

    assert threads == [threading.get_ident()]


@pytest.mark.django_db(transaction=True)
def test_waiting_request_holds_no_connection(process):
    batcher = Batcher(process, key=identity)
    connection.ensure_connection()

    batcher.run(1)

    assert connection.connection is None


def backend_pids(items: Sequence[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return [cursor.fetchone()[0]] * len(items)


@pytest.mark.django_db(transaction=True)
def test_connection_that_broke_is_replaced_and_the_batch_tried_again():
    batcher: Batcher[int, int] = Batcher(backend_pids, key=identity)
    first = batcher.run(1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 30000)", [first])

    assert batcher.run(2) != first


@pytest.mark.django_db(transaction=True)
def test_broken_connection_is_tried_again_once_only():
    tries = []

    def fail(items: Sequence[int]) -> list[int]:
        connection.ensure_connection()
        tries.append(list(items))
        raise OperationalError("the server closed the connection unexpectedly")

    batcher: Batcher[int, int] = Batcher(fail, key=identity)
    for _ in range(2):
        with pytest.raises(OperationalError):
            batcher.run(7)

    # The first batch had no connection that could have been broken before.
    assert tries == [[7], [7], [7]]


@pytest.mark.django_db(transaction=True)
def test_idle_batch_thread_gives_its_connection_back():
    def held() -> int:
        found = connection.pool.get_stats()  # type: ignore[attr-defined]
        return found["pool_size"] - found["pool_available"]

    batcher: Batcher[int, int] = Batcher(backend_pids, key=identity)
    batcher.run(1)
    held_at_first = held()

    wait_until(lambda: held() < held_at_first)


def test_items_that_arrive_during_a_batch_share_the_next_one(process):
    batcher = Batcher(process, key=identity)
    with ThreadPoolExecutor(40) as pool:
        futures = submit_while_first_is_held(batcher, process, range(1, 31), pool)
        assert [future.result(30) for future in futures] == [item * 10 for item in range(1, 31)]

    assert process.batches[0] == [1]
    assert sorted(process.batches[1]) == list(range(2, 31))


def test_items_with_one_key_never_share_a_batch(process):
    batcher = Batcher(process, key=lambda item: item % 2)
    with ThreadPoolExecutor(40) as pool:
        futures = submit_while_first_is_held(batcher, process, range(8), pool)
        assert [future.result(30) for future in futures] == [item * 10 for item in range(8)]

    assert sorted(item for batch in process.batches for item in batch) == list(range(8))
    assert all(len({item % 2 for item in batch}) == len(batch) for batch in process.batches)


def test_batch_has_a_largest_size(process):
    batcher = Batcher(process, key=identity)
    number = MAX_BATCH + 20
    with ThreadPoolExecutor(number) as pool:
        futures = submit_while_first_is_held(batcher, process, range(20, 20 + number), pool)
        assert len({future.result(30) for future in futures}) == number

    assert [len(batch) for batch in process.batches] == [1, MAX_BATCH, 19]


def test_refusal_of_one_item_is_its_own(process):
    batcher = Batcher(process, key=identity)
    with ThreadPoolExecutor(40) as pool:
        futures = submit_while_first_is_held(batcher, process, [1, -2, 3, -4], pool)
        assert [future.exception(30) is None for future in futures] == [True, False, True, False]

    with pytest.raises(ValueError, match="-2"):
        batcher.run(-2)


def test_failure_of_a_batch_is_raised_for_its_items_and_no_others(process):
    batcher = Batcher(process, key=identity)
    with ThreadPoolExecutor(40) as pool:
        futures = submit_while_first_is_held(batcher, process, [1, 1313, 2], pool)
        assert futures[0].result(30) == 10
        assert [type(future.exception(30)) for future in futures[1:]] == [OSError, OSError]

    assert batcher.run(5) == 50


def test_wait_ends_with_503_and_the_item_is_still_processed(process, monkeypatch):
    monkeypatch.setattr(batching, "WAIT_SECONDS", 0.2)
    batcher = Batcher(process, key=identity)
    process.may_go_on.clear()

    with pytest.raises(StillWaiting) as refusal:
        batcher.run(1)
    with pytest.raises(StillWaiting):
        batcher.run(2)
    process.may_go_on.set()

    assert (refusal.value.status, refusal.value.headers) == (503, {"Retry-After": "2"})
    wait_until(lambda: process.batches == [[1], [2]])


def test_many_threads_lose_nothing():
    sums = []

    def add(items: Sequence[int]) -> list[int]:
        sums.append(sum(items))
        return [item + 1 for item in items]

    batcher: Batcher[int, int] = Batcher(add, key=identity)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(batcher.run, range(3000)))

    assert answers == list(range(1, 3001))
    assert sum(sums) == sum(range(3000))
    assert not batcher._queue


def test_item_without_an_outcome_raises_instead_of_waiting():
    batcher: Batcher[int, int] = Batcher(lambda items: [], key=identity)

    with pytest.raises(RuntimeError, match="no outcome"):
        batcher.run(1)
