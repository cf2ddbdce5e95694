"""Limits on how often something may be tried, exact under concurrency.

Counted in the cache's Redis by one atomic increment for each try, so that of 60 tries at once against a limit of 10
exactly 10 pass. What it may lose: while Redis is away nothing is counted and every try passes (with a warning in
the log), because a hall that cannot sign in is worse than a quarter of an hour without a limit.
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

from attendance.refusals import Refused

logger = logging.getLogger("rollcall.ratelimit")

# The window opens with the first try. In one step, so that no key without an end can come to be. (The cache is never a
# Cluster, where one command could not count several keys.)
_COUNT_EACH = """
local counts = {}
for place, key in ipairs(KEYS) do
  counts[place] = redis.call('INCR', key)
  if counts[place] == 1 then redis.call('EXPIRE', key, ARGV[1]) end
end
return counts
"""
_TAKE_BACK = "return redis.call('EXISTS', KEYS[1]) == 1 and redis.call('DECR', KEYS[1]) or 0"
_LEFT = "return redis.call('TTL', KEYS[1])"


class TooOften(Refused):
    """The limit is used up; the next try may be made after ``retry_after_seconds``."""

    code = "too_often"
    status = 429

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        # Said in the language of who hears it, who may be another than who counts.
        super().__init__(
            format_lazy(_("Too many tries. Wait {seconds} seconds."), seconds=retry_after_seconds)
        )

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after_seconds)}


def allow(*, key: str, limit: int, per_seconds: int) -> int | None:
    """Count one try and return how many of ``limit`` are now used, or None when Redis is away.

    The window opens with the first try and is ``per_seconds`` long; tries beyond the limit do not extend it.

    :raises TooOften: when ``limit`` tries were made before in this window
    """
    (used,) = _increment_each([key], per_seconds)
    if used is not None and used > limit:
        raise TooOften(_seconds_left(key, per_seconds))
    return used


def give_back(*, key: str) -> None:
    """Take back one counted try, for limits that count failures only."""
    _ask(_TAKE_BACK, [key])


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``times`` tries ``per_seconds``, for each value of what it is counted by."""

    name: str
    times: int
    per_seconds: int

    def key(self, by: str) -> str:
        return f"{self.name}:{by.casefold()}"

    def allow(self, by: str) -> int | None:
        """Count one try; see :func:`allow`.

        :raises TooOften: when the limit is used up
        """
        return allow(key=self.key(by), limit=self.times, per_seconds=self.per_seconds)

    def allow_each(self, by: Sequence[str]) -> list[TooOften | None]:
        """Count one try of each, in one round trip; the refusals of those whose limit is used up."""
        keys = [self.key(one) for one in by]
        return [
            TooOften(_seconds_left(key, self.per_seconds)) if used is not None and used > self.times else None
            for key, used in zip(keys, _increment_each(keys, self.per_seconds), strict=True)
        ]


# Failures at one account from one address: guessing a password from one machine ends here. Together with the
# address, so that nobody at home can lock a teacher out of the lecture hall by failing on purpose.
SIGN_IN_ACCOUNT_AND_ADDRESS = Limit("sign-in-account-address", times=10, per_seconds=5 * 60)
# Failures at one account from anywhere: the same guessing spread over many machines.
SIGN_IN_ACCOUNT = Limit("sign-in-account", times=60, per_seconds=15 * 60)
# Failures from one address at any account. A hall shares one address behind NAT: 600 students sign in within
# minutes and mistype, so this one only stops machines that try one password on everybody.
SIGN_IN_ADDRESS = Limit("sign-in-address", times=1000, per_seconds=5 * 60)
# Mails with a code or a link to one recipient, and all that one address (a whole hall) may ask for.
MAIL_TO_RECIPIENT = Limit("mail-recipient", times=4, per_seconds=10 * 60)
MAIL_FROM_ADDRESS = Limit("mail-address", times=1000, per_seconds=5 * 60)


@dataclass(frozen=True, slots=True)
class SignInTry:
    """A sign-in that was let through to the password check and counted as failed until it succeeds."""

    keys: tuple[str, ...]

    def succeeded(self) -> None:
        """Count it no more: only failures use up the limits."""
        for key in self.keys:
            give_back(key=key)


def count_sign_in(*, account: str, address: str) -> SignInTry:
    """Count one try to sign in with a password, before the password is looked at.

    Counting first and taking back after success keeps the limit under concurrency.

    :param account: the user name or e-mail as typed; upper and lower case are one account
    :param address: the client's IP address
    :raises TooOften: when one of the three limits is used up
    """
    counted: list[str] = []
    for limit, by in (
        (SIGN_IN_ACCOUNT_AND_ADDRESS, f"{account}@{address}"),
        (SIGN_IN_ACCOUNT, account),
        (SIGN_IN_ADDRESS, address),
    ):
        if limit.allow(by) is None:
            # Redis is away: asking again for the other limits would only cost time.
            break
        counted.append(limit.key(by))
    return SignInTry(tuple(counted))


def _increment_each(keys: Sequence[str], per_seconds: int) -> list[int | None]:
    used: list[int | None] | None = _ask(_COUNT_EACH, keys, per_seconds)
    if used is None:
        limited = ",".join({key.partition(":")[0] for key in keys})
        logger.warning("limit not counted", extra={"reason": "redis_away", "limited": limited})
        return [None] * len(keys)
    return used


def _seconds_left(key: str, per_seconds: int) -> int:
    left = _ask(_LEFT, [key])
    return max(1, left) if left else per_seconds


def _ask(script: str, keys: Sequence[str], *arguments: int) -> Any:
    """The script's answer; None where Redis is away."""
    try:
        return get_redis_connection("default").eval(script, len(keys), *map(_redis_key, keys), *arguments)
    except (RedisError, OSError):
        return None


def _redis_key(key: str) -> str:
    # Hashed: a key holds what people typed, of any length, and names of accounts don't belong into a cache.
    return f"rollcall:limit:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
