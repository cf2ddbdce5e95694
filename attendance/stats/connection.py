"""The connection of the live counts to Redis: keys, expiry, pipelines, and the circuit breaker.

``config/redis`` makes the client from ``REDIS_URL``: a single server, Sentinel or a Cluster. No command names two keys,
so each works on a Cluster.
"""

import datetime
import logging
import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from attendance import metrics
from attendance.lib.circuit_breaker import CircuitBreaker
from attendance.models import Meeting

logger = logging.getLogger("rollcall.stats")

# A command with its arguments, such as ("SCARD", "session:7GK2QM9X:joined").
Command = tuple[str | bytes | int, ...]

breaker = CircuitBreaker(probe_seconds=1.0, on_change=metrics.redis_breaker_changed)


def send_commands(commands: Sequence[Command]) -> list[Any] | None:
    """Send the commands in one round trip and return their answers in order, or None if Redis is away.

    For a key of the wrong type the answer is an exception. Any other error counts as away: a replica that refuses
    writes, a Cluster that misses slots, a server that is still loading its data.
    """
    if not breaker.allows():
        return None
    began = time.monotonic()
    try:
        pipe = get_redis_connection("live").pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        answers: list[Any] = pipe.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, RedisError) and not _is_wrong_type(answer):
                raise answer
    except (RedisError, OSError) as error:
        if not breaker.is_open:
            logger.warning("redis_away", extra={"error": type(error).__name__})
        if isinstance(error, RedisTimeoutError):
            waited = time.monotonic() - began
            breaker.timed_out(after_seconds=waited, limit_seconds=settings.REDIS_TIMEOUT_SECONDS)
        else:
            breaker.failed()
        return None
    breaker.succeeded()
    return answers


def _is_wrong_type(error: RedisError) -> bool:
    return isinstance(error, ResponseError) and str(error).startswith("WRONGTYPE")


def each_server() -> list[Any]:
    """A client for each server that takes writes: every primary of a Cluster, or the only server.

    :raises redis.exceptions.RedisError: if a Cluster is away
    """
    client = get_redis_connection("live")
    return list(client.primaries()) if hasattr(client, "primaries") else [client]


# --- Keys -------------------------------------------------------------------------------------------------


def joined_key(public_id: str) -> str:
    return f"session:{public_id}:joined"


def attended_key(public_id: str) -> str:
    return f"session:{public_id}:attended"


def verified_key(public_id: str) -> str:
    return f"session:{public_id}:verified"


def repair_key(public_id: str) -> str:
    return f"session:{public_id}:repair"


def all_keys(public_id: str) -> list[str]:
    return [key(public_id) for key in (joined_key, attended_key, verified_key, repair_key)]


# --- Expiry -----------------------------------------------------------------------------------


def sets_are_kept(meeting: Meeting, at: datetime.datetime) -> bool:
    """Whether the meeting has sets: while its session is open, and for a while after the end. Typed registers have none."""
    if meeting.opened_at is None:
        return False
    return meeting.is_open or bool(meeting.ended_at and at < _kept_until(meeting.ended_at))


def expiry_commands(meeting: Meeting) -> list[Command]:
    """Commands that keep an open session's sets forever, and an ended one's for ``LIVE_SETS_KEPT_SECONDS``."""
    keys = (joined_key(meeting.public_id), attended_key(meeting.public_id))
    if meeting.ended_at:
        until = int(_kept_until(meeting.ended_at).timestamp())
        return [("EXPIREAT", key, until) for key in keys]
    return [("PERSIST", key) for key in keys]


def _kept_until(ended_at: datetime.datetime) -> datetime.datetime:
    return ended_at + datetime.timedelta(seconds=settings.LIVE_SETS_KEPT_SECONDS)
