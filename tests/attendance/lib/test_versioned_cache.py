"""Values that end together in every process when their version changes, and are not kept without Redis."""

import time

import pytest
from django.core.cache import cache
from django.db import transaction

from attendance.lib import versioned_cache
from attendance.lib.versioned_cache import VersionedCache

pytestmark = pytest.mark.django_db(transaction=True)


class Reads:
    """Numbers its calls."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> int:
        self.made += 1
        return self.made


@pytest.fixture
def reads() -> Reads:
    return Reads()


@pytest.fixture
def processes() -> list[VersionedCache[int]]:
    """The same cache as two processes have it."""
    return [VersionedCache("test"), VersionedCache("test")]


def test_value_is_read_once(processes, reads):
    assert [processes[0].get("a", reads) for _ in range(3)] == [1, 1, 1]
    assert processes[0].get("b", reads) == 2


def test_nothing_is_not_kept(processes):
    assert processes[0].get("a", lambda: None) is None
    assert processes[0].get("a", lambda: 7) == 7


def test_clear_ends_values_here_at_once_and_elsewhere_soon(processes, reads):
    here, there = processes
    assert (here.get("a", reads), there.get("a", reads)) == (1, 2)

    here.clear()

    assert here.get("a", reads) == 3
    time.sleep(versioned_cache.CHECK_SECONDS + 0.05)
    assert there.get("a", reads) == 4


def test_clear_in_a_transaction_ends_what_was_read_before_its_commit(processes, reads):
    here = processes[0]
    with transaction.atomic():
        here.clear()
        # Read by another transaction, which does not see this one's change yet.
        assert here.get("a", reads) == 1

    assert here.get("a", reads) == 2


def test_value_read_while_the_version_changed_is_not_kept(processes, reads):
    here, there = processes

    def read_and_change() -> int:
        there.clear()
        return reads()

    assert here.get("a", read_and_change) == 1
    time.sleep(versioned_cache.CHECK_SECONDS + 0.05)
    assert here.get("a", reads) == 2


def test_lost_version_ends_all_values(processes, reads):
    assert processes[0].get("a", reads) == 1

    cache.clear()

    time.sleep(versioned_cache.CHECK_SECONDS + 0.05)
    assert processes[0].get("a", reads) == 2


def test_values_do_not_live_for_ever(processes, reads, monkeypatch):
    monkeypatch.setattr(versioned_cache, "LIFE_SECONDS", 0.1)
    assert processes[0].get("a", reads) == 1

    time.sleep(0.15)

    assert processes[0].get("a", reads) == 2


def test_change_that_redis_never_heard_of_is_over_with_the_outage(processes, reads, monkeypatch):
    here = processes[0]
    assert here.get("a", reads) == 1
    time.sleep(versioned_cache.CHECK_SECONDS + 0.05)
    with monkeypatch.context() as away:
        for name in ("get", "add", "set"):
            away.setattr(cache, name, lambda *args, **options: None)
        # Another process changed something now, and was killed.
        assert here.get("a", reads) == 2

    time.sleep(versioned_cache.CHECK_SECONDS + 0.05)
    assert here.get("a", reads) == 3


def test_without_redis_nothing_is_kept_and_a_clear_is_made_up_for(processes, reads, monkeypatch):
    here, there = processes
    assert there.get("a", reads) == 1
    with monkeypatch.context() as away:
        for name in ("get", "add", "set"):
            away.setattr(cache, name, lambda *args, **options: None)
        here.clear()
        assert [here.get("a", reads) for _ in range(2)] == [2, 3]

    time.sleep(versioned_cache.CHECK_SECONDS + 0.05)
    assert here.get("a", reads) == 4
    assert there.get("a", reads) == 5
