"""How the live counts talk to Redis: the keys of a meeting, one round trip, and what happens while it is away.

A server of any kind (alone, behind Sentinel, a Cluster) is one client here: ``config/redis_urls.py`` made it from
``REDIS_URL``. No command names two keys, so a Cluster takes each of them.
"""

import datetime
import logging
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection
from redis.exceptions import RedisError, ResponseError

from attendance import metrics
from attendance.breaker import CircuitBreaker
from attendance.models import Meeting
from attendance.waits import about_to_wait

logger = logging.getLogger("rollcall.stats")

# A command as it goes over the wire, such as ("SCARD", "session:7GK2QM9X:joined").
Command = tuple[str | bytes | int, ...]

breaker = CircuitBreaker(probe_seconds=1.0, on_change=metrics.redis_breaker_changed)


def ask(commands: Sequence[Command]) -> list[Any] | None:
    """One round trip: the answers in the order of the commands, or None where Redis is away.

    A command that fails for its key alone answers with its exception. Any other error is "away" too: a replica
    that takes no writes, a Cluster without some of its slots, a server that still loads its file.
    """
    about_to_wait()
    if not breaker.allows():
        return None
    try:
        pipe = get_redis_connection("live").pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        answers: list[Any] = pipe.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, RedisError) and not _is_about_its_key(answer):
                raise answer
    except (RedisError, OSError) as error:
        if not breaker.is_open:
            logger.warning("redis_away", extra={"error": type(error).__name__})
        breaker.failed()
        return None
    breaker.succeeded()
    return answers


def _is_about_its_key(error: RedisError) -> bool:
    return isinstance(error, ResponseError) and str(error).startswith("WRONGTYPE")


def each_server() -> list[Any]:
    """A client of each server that takes writes: the primaries of a Cluster, else the one there is.

    :raises redis.exceptions.RedisError: where a Cluster is away
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


# --- How long they live -----------------------------------------------------------------------------------


def sets_are_kept(meeting: Meeting, at: datetime.datetime) -> bool:
    return meeting.ended_at is None or at < _kept_until(meeting.ended_at)


def life_commands(meeting: Meeting) -> list[Command]:
    """The sets of an open session live for ever, those of an ended one until it is long over."""
    keys = (joined_key(meeting.public_id), attended_key(meeting.public_id))
    if meeting.ended_at is None:
        return [("PERSIST", key) for key in keys]
    until = int(_kept_until(meeting.ended_at).timestamp())
    return [("EXPIREAT", key, until) for key in keys]


def _kept_until(ended_at: datetime.datetime) -> datetime.datetime:
    return ended_at + datetime.timedelta(seconds=settings.LIVE_SETS_KEPT_SECONDS)
