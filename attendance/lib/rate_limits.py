"""Rate limits that stay exact under concurrency.

Each attempt is one atomic increment in the cache's Redis, so that of 60 attempts at once against a limit of 10
exactly 10 pass. While Redis is slow or away, each process counts its own attempts from the last number that Redis gave.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from attendance.lib.local_counts import LocalCounts
from attendance.lib.refusals import Refused

logger = logging.getLogger("rollcall.ratelimit")

local_counts = LocalCounts()

# A script, so that no key is ever left without an expiry. It takes several keys because the cache is never a Cluster.
_COUNT_EACH = """
local counts = {}
for i, key in ipairs(KEYS) do
  counts[i] = redis.call('INCR', key)
  if counts[i] == 1 then redis.call('EXPIRE', key, ARGV[1]) end
end
return counts
"""
_TAKE_BACK = "return redis.call('EXISTS', KEYS[1]) == 1 and redis.call('DECR', KEYS[1]) or 0"
_LEFT = "return redis.call('TTL', KEYS[1])"


class TooOften(Refused):
    """The limit is used up. Retry after ``retry_after_seconds``."""

    code = "too_often"
    status = 429

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        # Lazy, because the reader's language may differ from the language active now.
        super().__init__(
            format_lazy(_("Too many attempts. Try again in {seconds} seconds."), seconds=retry_after_seconds)
        )

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after_seconds)}


def allow(*, key: str, limit: int, per_seconds: int) -> int:
    """Count one attempt and return how many of ``limit`` are now used.

    The window opens with the first attempt and lasts ``per_seconds``; attempts over the limit do not extend it.

    :raises TooOften: if ``limit`` attempts were made in this window already
    """
    (used,) = _increment_each([key], per_seconds)
    if used > limit:
        raise TooOften(_seconds_left(key, per_seconds))
    return used


def give_back(*, key: str) -> None:
    """Uncount one attempt, for limits that count only failures."""
    from_redis = _run_script(_TAKE_BACK, [key]) is not None
    local_counts.take_back(_redis_key(key), from_redis=from_redis)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``times`` attempts in ``per_seconds`` for each value of ``by``, such as an account or an address."""

    name: str
    times: int
    per_seconds: int

    def key(self, by: str) -> str:
        return f"{self.name}:{by.casefold()}"

    def allow(self, by: str) -> int:
        """Count one attempt; see :func:`allow`.

        :raises TooOften: if the limit is used up
        """
        return allow(key=self.key(by), limit=self.times, per_seconds=self.per_seconds)

    def allow_each(self, by: Sequence[str]) -> list[TooOften | None]:
        """Count one attempt for each, in one round trip. Returns a refusal for each whose limit is used up, else None."""
        keys = [self.key(one) for one in by]
        return [
            TooOften(_seconds_left(key, self.per_seconds)) if used > self.times else None
            for key, used in zip(keys, _increment_each(keys, self.per_seconds), strict=True)
        ]

    def count(self, by: str) -> int:
        """Count one attempt that is allowed in any case, and return how many there were."""
        (used,) = _increment_each([self.key(by)], self.per_seconds)
        return used

    def give_back(self, by: str) -> None:
        """Uncount one attempt."""
        give_back(key=self.key(by))


def _increment_each(keys: Sequence[str], per_seconds: int) -> list[int]:
    used: list[int] | None = _run_script(_COUNT_EACH, keys, per_seconds)
    if used is None:
        limited = ",".join({key.partition(":")[0] for key in keys})
        logger.warning("limit_counted_in_process", extra={"reason": "redis_away", "limited": limited})
        return [local_counts.missed_by_redis(_redis_key(key), per_seconds=per_seconds) for key in keys]
    return [
        local_counts.counted_by_redis(_redis_key(key), in_redis, per_seconds=per_seconds)
        for key, in_redis in zip(keys, used, strict=True)
    ]


def _seconds_left(key: str, per_seconds: int) -> int:
    left = max(_run_script(_LEFT, [key]) or 0, local_counts.seconds_left(_redis_key(key)))
    return left if left > 0 else per_seconds


def _run_script(script: str, keys: Sequence[str], *arguments: int) -> Any:
    """The script's result, or None if Redis is away."""
    try:
        return get_redis_connection("default").eval(script, len(keys), *map(_redis_key, keys), *arguments)
    except (RedisError, OSError):
        return None


def _redis_key(key: str) -> str:
    # Hashed: typed input may have any length, and account names do not belong in a cache.
    return f"rollcall:limit:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
