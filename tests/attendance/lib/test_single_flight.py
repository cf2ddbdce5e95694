"""Single flight: requests share a reading that began after they arrived, and never an older one."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from attendance.lib.single_flight import SingleFlight
from tests.support.waiting import wait_until


class Reading:
    """Numbers its readings, and holds each until it may end."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = threading.Semaphore(0)

    def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        assert self.may_end.acquire(timeout=30)
        return number


def test_requests_that_arrive_during_a_reading_share_the_next_one():
    flight: SingleFlight[int] = SingleFlight()
    reading = Reading()
    with ThreadPoolExecutor(12) as pool:
        first = pool.submit(flight.get, "a", reading)
        wait_until(lambda: reading.begun == 1)
        later = [pool.submit(flight.get, "a", reading) for _ in range(10)]
        wait_until(lambda: "a" in flight._next)
        assert not any(future.done() for future in later)
        reading.may_end.release(11)
        # One that arrived after the second reading began may have needed a third.
        assert first.result(30) == 1
        assert {future.result(30) for future in later} <= {2, 3}

    assert reading.begun <= 3
    assert not flight._running
    assert not flight._next


def test_no_answer_is_older_than_its_request():
    flight: SingleFlight[int] = SingleFlight()
    lock, clock = threading.Lock(), [0]

    def tick() -> int:
        with lock:
            clock[0] += 1
            return clock[0]

    def ask(_number: int) -> tuple[int, int]:
        asked = tick()
        return asked, flight.get("a", tick)

    with ThreadPoolExecutor(16) as pool:
        assert all(answer > asked for asked, answer in pool.map(ask, range(2000)))


def test_different_keys_share_nothing():
    flight: SingleFlight[str] = SingleFlight()

    assert flight.get("a", lambda: flight.get("b", lambda: "of b")) == "of b"


def test_failure_is_raised_for_all_that_share_it_and_not_kept():
    flight: SingleFlight[int] = SingleFlight()
    reading = Reading()

    def fail() -> int:
        reading()
        raise ZeroDivisionError

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(flight.get, "a", fail)
        wait_until(lambda: reading.begun == 1)
        later = [pool.submit(flight.get, "a", fail) for _ in range(3)]
        wait_until(lambda: "a" in flight._next)
        reading.may_end.release(4)
        assert isinstance(first.exception(30), ZeroDivisionError)
        assert all(isinstance(future.exception(30), ZeroDivisionError) for future in later)

    with pytest.raises(KeyError):
        flight.get("a", lambda: {}["nothing"])
    assert flight.get("a", lambda: 7) == 7
