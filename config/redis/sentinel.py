"""Connections to whichever server Sentinel calls the primary, without django-redis's retries."""

import time
from typing import Any

from django_redis.pool import ConnectionFactory
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from config.redis.addresses import parse_several

SECONDS_BETWEEN_LOOKUPS = 1.0
SECONDS_WITHOUT_SENTINEL = 10.0


class PrimaryPool(SentinelConnectionPool):
    """Asks Sentinel once a second which server is the primary.

    redis-py asks only when a connection breaks. A primary that was replaced while still running accepts writes for
    another ten seconds, until Sentinel makes it a replica, and those writes are lost.
    """

    _next_lookup = 0.0

    def get_connection(self, *args: Any, **options: Any) -> Any:
        if (now := time.monotonic()) >= self._next_lookup:
            self._next_lookup = now + SECONDS_BETWEEN_LOOKUPS
            try:
                self.get_master_address()
            except RedisError:
                # Without a Sentinel nothing can replace the primary.
                self._next_lookup = now + SECONDS_WITHOUT_SENTINEL
        return super().get_connection(*args, **options)


class SentinelFactory(ConnectionFactory):
    """Makes a pool for a ``redis+sentinel://`` address. Named in the CACHES setting."""

    def get_connection_pool(self, params: dict[str, Any]) -> PrimaryPool:
        several = parse_several(params["url"])
        timeouts: dict[str, Any] = {
            "socket_timeout": self.options["SOCKET_TIMEOUT"],
            "socket_connect_timeout": self.options["SOCKET_CONNECT_TIMEOUT"],
        }
        no_retries: dict[str, Any] = {"retry": Retry(NoBackoff(), 0)}
        sentinel = Sentinel(
            several.hosts, sentinel_kwargs=timeouts | several.sentinel_connection | no_retries
        )
        options = timeouts | several.connection | no_retries | {"db": several.database}
        return PrimaryPool(several.service, sentinel, **options, **self.pool_cls_kwargs)
