import logging
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.cache import cache
from django.test import override_settings

from attendance.ratelimit import SIGN_IN_ACCOUNT_AND_ADDRESS, TooOften, allow, count_sign_in, give_back


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


def test_allow_counts_each_key_by_itself():
    allow(key="a", limit=1, per_seconds=60)
    assert allow(key="b", limit=1, per_seconds=60) == 1


def test_allow_starts_anew_after_the_window(wait_until):
    allow(key="a", limit=1, per_seconds=1)
    assert not passes(key="a", limit=1, per_seconds=1)
    wait_until(lambda: passes(key="a", limit=1, per_seconds=1))


def test_allow_passes_exactly_the_limit_of_60_at_once():
    together = Barrier(60)

    def attempt(_: int) -> bool:
        together.wait()
        return passes(key="a", limit=10, per_seconds=60)

    with ThreadPoolExecutor(60) as threads:
        passed = list(threads.map(attempt, range(60)))
    assert passed.count(True) == 10


def test_give_back_takes_one_try_back():
    allow(key="a", limit=1, per_seconds=60)
    give_back(key="a")
    assert allow(key="a", limit=1, per_seconds=60) == 1


def test_give_back_after_the_window_changes_nothing():
    give_back(key="a")
    assert allow(key="a", limit=1, per_seconds=60) == 1


def test_allow_lets_everybody_pass_while_redis_is_away(redis_away, caplog):
    with caplog.at_level(logging.WARNING, logger="rollcall.ratelimit"):
        assert [allow(key="a", limit=1, per_seconds=60) for _ in range(3)] == [None] * 3
    assert "limit not counted" in caplog.text


def test_give_back_while_redis_is_away_does_nothing(redis_away):
    give_back(key="a")


def test_sign_in_that_succeeded_uses_up_nothing():
    for _ in range(3 * SIGN_IN_ACCOUNT_AND_ADDRESS.times):
        count_sign_in(account="asha", address="10.0.0.1").succeeded()


def test_sign_in_counts_upper_and_lower_case_as_one_account():
    for name in ["asha", "ASHA"] * 5:
        count_sign_in(account=name, address="10.0.0.1")
    with pytest.raises(TooOften):
        count_sign_in(account="Asha", address="10.0.0.1")


def test_sign_in_refused_at_one_address_is_open_at_another():
    for _ in range(10):
        count_sign_in(account="asha", address="10.0.0.1")
    assert count_sign_in(account="asha", address="10.0.0.2").keys


def test_sign_in_of_600_students_behind_one_address_with_one_typo_each():
    for number in range(600):
        count_sign_in(account=f"student{number}", address="10.0.0.1")


@pytest.fixture
def redis_away(settings):
    away = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    with override_settings(CACHES={**settings.CACHES, "default": away}):
        yield


@pytest.fixture
def wait_until():
    def wait(condition, seconds: float = 5) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    return wait
