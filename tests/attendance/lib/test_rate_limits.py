import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.cache import cache
from django.test import override_settings
from django_redis import get_redis_connection

from attendance import stats
from attendance.lib.local_counts import LocalCounts
from attendance.lib.rate_limits import Limit, TooOften, allow, give_back
from tests.support.valkeys import OwnValkey, caches_at, wait_until


@pytest.fixture(autouse=True)
def _no_counts():
    cache.clear()


def passes(*, key: str, limit: int, per_seconds: int) -> bool:
    try:
        allow(key=key, limit=limit, per_seconds=per_seconds)
    except TooOften:
        return False
    return True


def test_allow_counts_up_to_the_limit():
    assert [allow(key="a", limit=3, per_seconds=60) for _ in range(3)] == [1, 2, 3]


def test_allow_refuses_beyond_the_limit_and_says_how_long():
    allow(key="a", limit=1, per_seconds=60)
    with pytest.raises(TooOften) as refused:
        allow(key="a", limit=1, per_seconds=60)
    assert refused.value.code == "too_often"
    assert 55 <= refused.value.retry_after_seconds <= 60


def test_allow_counts_each_key_separately():
    allow(key="a", limit=1, per_seconds=60)
    assert allow(key="b", limit=1, per_seconds=60) == 1


def test_allow_starts_again_after_the_window():
    allow(key="a", limit=1, per_seconds=1)
    assert not passes(key="a", limit=1, per_seconds=1)
    wait_until(lambda: passes(key="a", limit=1, per_seconds=1))


def test_allow_passes_exactly_the_limit_of_60_at_once():
    barrier = Barrier(60)

    def attempt(_: int) -> bool:
        barrier.wait()
        return passes(key="a", limit=10, per_seconds=60)

    with ThreadPoolExecutor(60) as threads:
        passed = list(threads.map(attempt, range(60)))
    assert passed.count(True) == 10


def test_give_back_uncounts_one_attempt():
    allow(key="a", limit=1, per_seconds=60)
    give_back(key="a")
    assert allow(key="a", limit=1, per_seconds=60) == 1


def test_give_back_after_the_window_changes_nothing():
    give_back(key="a")
    assert allow(key="a", limit=1, per_seconds=60) == 1


def test_limit_holds_in_this_process_while_redis_is_away(redis_away, caplog):
    with caplog.at_level(logging.WARNING, logger="rollcall.ratelimit"):
        passed = [passes(key="a", limit=60, per_seconds=60) for _ in range(90)]

    assert passed == [True] * 60 + [False] * 30
    assert "limit_counted_in_process" in caplog.text


def test_limit_holds_while_redis_hangs_and_after_it(valkey):
    passed = [passes(key="a", limit=60, per_seconds=60) for _ in range(30)]
    valkey.pause()
    passed += [passes(key="a", limit=60, per_seconds=60) for _ in range(60)]
    with pytest.raises(TooOften) as refused:
        allow(key="a", limit=60, per_seconds=60)
    valkey.resume()
    wait_until(lambda: get_redis_connection("default").ping())
    passed += [passes(key="a", limit=60, per_seconds=60) for _ in range(30)]

    assert passed.count(True) == 60
    assert 1 <= refused.value.retry_after_seconds <= 60


def test_limits_of_many_hold_while_redis_is_away(redis_away):
    limit = Limit("many", times=1, per_seconds=60)

    first, second = limit.allow_each(["a", "b"]), limit.allow_each(["b", "c"])

    assert (first, [bool(refused) for refused in second]) == ([None, None], [True, False])


def test_give_back_while_redis_is_away_uncounts(redis_away):
    allow(key="a", limit=1, per_seconds=60)
    give_back(key="a")

    assert passes(key="a", limit=1, per_seconds=60)


def test_local_window_ends(redis_away):
    allow(key="a", limit=1, per_seconds=1)

    assert not passes(key="a", limit=1, per_seconds=1)
    wait_until(lambda: passes(key="a", limit=1, per_seconds=1))


def test_local_counts_are_bounded_and_forget_the_oldest():
    counts = LocalCounts(max_keys=3)

    used = [counts.missed_by_redis(key, per_seconds=60) for key in ["a", "b", "b", "c", "d", "b", "a"]]

    assert used == [1, 1, 2, 1, 1, 3, 1]
    assert len(counts) == 3


@pytest.fixture
def redis_away(settings):
    away = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    with override_settings(CACHES={**settings.CACHES, "default": away}):
        yield


@pytest.fixture
def valkey(settings) -> Iterator[OwnValkey]:
    valkey = OwnValkey()
    settings.CACHES = caches_at(valkey.url)
    yield valkey
    valkey.close()
    stats.breaker.succeeded()
