"""When the cache counts as away: not because this machine is too busy to read its answers in time."""

import time
from unittest.mock import patch

import pytest
import redis
from django_redis import get_redis_connection

from attendance import stats
from attendance.lib.circuit_breaker import CircuitBreaker
from tests.support.valkeys import OwnValkey, caches_at


@pytest.fixture
def client(settings):
    valkey = OwnValkey()
    settings.CACHES = caches_at(valkey.url)
    client = get_redis_connection("default")
    client.ping()
    yield client
    valkey.close()
    stats.breaker.succeeded()


def time_out_after(seconds: float):
    def execute_command(*_arguments, **_options):
        time.sleep(seconds)
        raise redis.TimeoutError("Timeout reading from socket")

    return patch.object(redis.Redis, "execute_command", side_effect=execute_command)


def test_time_out_of_a_starved_process_leaves_the_breaker_closed(client):
    limit = client.connection_pool.connection_kwargs["socket_timeout"]

    with time_out_after(4 * limit), pytest.raises(redis.TimeoutError):
        client.ping()

    assert not stats.breaker.is_open
    assert client.ping()


def test_time_out_at_its_limit_opens_the_breaker(client):
    with time_out_after(0), pytest.raises(redis.TimeoutError):
        client.ping()

    assert stats.breaker.is_open


@pytest.mark.parametrize(("after", "opens"), [(0.05, True), (0.149, True), (0.151, False), (2.0, False)])
def test_breaker_opens_only_for_time_outs_that_this_process_kept(after, opens):
    breaker = CircuitBreaker(probe_seconds=1.0)

    breaker.timed_out(after_seconds=after, limit_seconds=0.05)

    assert breaker.is_open is opens
