"""What many threads want at once is done by one of them for all: nothing twice, nothing forgotten, each its own answer."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, transaction

from attendance.together import MOST_AT_ONCE, Together, finished


class Work:
    """Keeps what was done in one go, and can be held up."""

    def __init__(self) -> None:
        self.done: list[list[int]] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self, items: Sequence[int]) -> list[int | Exception]:
        self.done.append(list(items))
        self.may_go_on.wait(10)
        if 1313 in items:
            raise OSError("all of these failed")
        return [ValueError(str(item)) if item < 0 else item * 10 for item in items]


@pytest.fixture
def work():
    return Work()


def do(together: Together[int, int], item: int) -> int:
    return finished(together.do(item))


def begin_many(together: Together[int, int], work: Work, items: Sequence[int], pool: ThreadPoolExecutor):
    """The first is held up until all the others have come."""
    work.may_go_on.clear()
    waiting = [pool.submit(do, together, items[0])]
    wait_until(lambda: work.done)
    waiting += [pool.submit(do, together, item) for item in items[1:]]
    wait_until(lambda: len(together._queue) == len(items) - 1)
    work.may_go_on.set()
    return waiting


def wait_until(true) -> None:
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to be")


def test_one_thread_does_it_for_all(work):
    threads = []
    together = Together(
        lambda items: threads.append(threading.get_ident()) or list(items), key=lambda item: item
    )

    assert [do(together, 1), do(together, 2)] == [1, 2]
    assert len(set(threads)) == 1
    assert set(threads) != {threading.get_ident()}


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_it_is_a_part_of_that(work):
    threads = []
    together = Together(
        lambda items: threads.append(threading.get_ident()) or list(items), key=lambda item: item
    )

    with transaction.atomic():
        assert do(together, 1) == 1
    assert threads == [threading.get_ident()]


@pytest.mark.django_db(transaction=True)
def test_connection_that_broke_while_nobody_came_is_replaced():
    def ask(items: Sequence[int]) -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return [cursor.fetchone()[0]] * len(items)

    together: Together[int, int] = Together(ask, key=lambda item: item)
    first = do(together, 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [first])

    assert do(together, 2) != first


@pytest.mark.django_db(transaction=True)
def test_broken_connection_is_tried_anew_once_and_then_told():
    tries = []

    def fail(items: Sequence[int]) -> list[int]:
        connection.ensure_connection()
        tries.append(list(items))
        raise OperationalError("the server closed the connection unexpectedly")

    together: Together[int, int] = Together(fail, key=lambda item: item)
    for _ in range(2):
        with pytest.raises(OperationalError):
            do(together, 7)

    # The first time there was no connection that could have been broken for long.
    assert tries == [[7], [7], [7]]


@pytest.mark.django_db(transaction=True)
def test_idle_thread_keeps_no_connection():
    def ask(items: Sequence[int]) -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return [cursor.fetchone()[0]] * len(items)

    together: Together[int, int] = Together(ask, key=lambda item: item)
    do(together, 1)
    held = connection.pool.get_stats()["pool_size"] - connection.pool.get_stats()["pool_available"]

    wait_until(
        lambda: (
            connection.pool.get_stats()["pool_size"] - connection.pool.get_stats()["pool_available"] < held
        )
    )


def test_who_comes_meanwhile_is_done_in_one_go(work):
    together = Together(work, key=lambda item: item)
    with ThreadPoolExecutor(40) as pool:
        waiting = begin_many(together, work, range(1, 31), pool)
        assert [one.result(10) for one in waiting] == [item * 10 for item in range(1, 31)]
    assert work.done[0] == [1]
    assert sorted(work.done[1]) == list(range(2, 31))
    assert do(together, 99) == 990


def test_items_of_one_key_are_never_done_in_one_go(work):
    together = Together(work, key=lambda item: item % 2)
    with ThreadPoolExecutor(40) as pool:
        waiting = begin_many(together, work, range(8), pool)
        assert [one.result(10) for one in waiting] == [item * 10 for item in range(8)]
    assert sorted(item for batch in work.done for item in batch) == list(range(8))
    assert all(len({item % 2 for item in batch}) == len(batch) for batch in work.done)


def test_no_more_than_can_be_done_in_one_go(work):
    together = Together(work, key=lambda item: item)
    number = MOST_AT_ONCE + 20
    with ThreadPoolExecutor(number) as pool:
        waiting = begin_many(together, work, range(20, 20 + number), pool)
        assert len({one.result(10) for one in waiting}) == number
    assert [len(batch) for batch in work.done] == [1, MOST_AT_ONCE, 19]


def test_each_gets_its_own_refusal(work):
    together = Together(work, key=lambda item: item)
    with ThreadPoolExecutor(40) as pool:
        waiting = begin_many(together, work, [1, -2, 3, -4], pool)
        assert [one.exception(10) is None for one in waiting] == [True, False, True, False]
    with pytest.raises(ValueError, match="-2"):
        do(together, -2)


def test_failure_of_one_go_is_told_to_all_of_it_and_to_nobody_else(work):
    together = Together(work, key=lambda item: item)
    with ThreadPoolExecutor(40) as pool:
        waiting = begin_many(together, work, [1, 1313, 2], pool)
        assert waiting[0].result(10) == 10
        assert [type(one.exception(10)) for one in waiting[1:]] == [OSError, OSError]
    assert do(together, 5) == 50


def test_many_threads_for_a_while_lose_nothing():
    sums = []

    def add(items: Sequence[int]) -> list[int]:
        sums.append(sum(items))
        return [item + 1 for item in items]

    together: Together[int, int] = Together(add, key=lambda item: item)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda item: do(together, item), range(3000)))

    assert answers == list(range(1, 3001))
    assert sum(sums) == sum(range(3000))
    assert not together._queue


def test_what_has_no_key_is_done_in_one_go_however_often_it_comes(work):
    together = Together(work)
    with ThreadPoolExecutor(8) as pool:
        waiting = begin_many(together, work, [1, 2, 2, 2, 3], pool)
        assert [one.result(10) for one in waiting] == [10, 20, 20, 20, 30]

    assert [sorted(batch) for batch in work.done] == [[1], [2, 2, 2, 3]]
