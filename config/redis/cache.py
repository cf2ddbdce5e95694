"""The cache's Redis client. It never retries and gives up soon: every caller can do without the cache."""

import time
from typing import Any
from weakref import WeakKeyDictionary

import redis
from django_redis import get_redis_connection
from redis.exceptions import ReadOnlyError, RedisError

from attendance import stats
from attendance.lib.circuit_breaker import CircuitBreaker


class CacheClient(redis.Redis):
    """While the server is away, only one call a second waits for it; all others fail at once.

    If the live sets are on the same server, both use one circuit breaker, so that a request waits only once.
    """

    _breakers: WeakKeyDictionary[Any, CircuitBreaker] = WeakKeyDictionary()

    @property
    def _breaker(self) -> CircuitBreaker:
        pool = self.connection_pool
        if pool not in self._breakers:
            live_pool = getattr(get_redis_connection("live"), "connection_pool", None)
            is_same_server = _server(pool) is not None and _server(pool) == _server(live_pool)
            self._breakers.setdefault(
                pool, stats.breaker if is_same_server else CircuitBreaker(probe_seconds=1.0)
            )
        return self._breakers[pool]

    def execute_command(self, *args: Any, **options: Any) -> Any:
        breaker = self._breaker
        if not breaker.allows():
            raise redis.ConnectionError("The cache was away a moment ago.")
        began = time.monotonic()
        try:
            answer = super().execute_command(*args, **options)
        except redis.TimeoutError:
            limit = self.connection_pool.connection_kwargs.get("socket_timeout") or 0
            breaker.timed_out(after_seconds=time.monotonic() - began, limit_seconds=limit)
            raise
        except (redis.ConnectionError, ReadOnlyError):
            breaker.failed()
            raise
        except RedisError:
            # The server answered, though with an error.
            breaker.succeeded()
            raise
        breaker.succeeded()
        return answer


def _server(pool: Any) -> tuple[str, int | None] | None:
    """The address that a pool connects to; None for Sentinel and Cluster, where it can change."""
    options = getattr(pool, "connection_kwargs", {})
    host = options.get("path") or options.get("host")
    return (host, options.get("port")) if host else None
