"""Stamps: whether what somebody was told may have changed, without asking the database.

Each student and each section has one, a random text in the cache. Who changes what their phones are told renews it
after the commit. An answer that was made under stamps is good for as long as they stand.

What it may lose: everything. A stamp that is missing is made anew, so that no answer was made under it. A renewal that
did not reach Redis is made up for by this process with its next call that does; and no answer is kept for longer
than a minute, should the process die before that.
"""

import logging
import secrets
from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from attendance.models import Meeting

logger = logging.getLogger("rollcall.stamps")

# Longer than any answer is kept.
KEPT_SECONDS = 3600

_not_renewed: set[str] = set()


def of_student(pk: int) -> str:
    """The name of a student's stamp."""
    return f"rollcall:stamp:student:{pk}"


def of_section(pk: int) -> str:
    """The name of a section's stamp."""
    return f"rollcall:stamp:section:{pk}"


def read(names: Collection[str]) -> dict[str, str] | None:
    """The stamps by their names, all of them; None where the cache is away."""
    try:
        if _not_renewed:
            _renew(list(_not_renewed))
        found = _get(names)
        if missing := [name for name in names if name not in found]:
            pipe = get_redis_connection("default").pipeline(transaction=False)
            for name in missing:
                pipe.set(name, secrets.token_hex(8), ex=KEPT_SECONDS, nx=True)
            pipe.execute()
            found = _get(names)
    except (RedisError, OSError):
        return None
    return found if len(found) == len(set(names)) else None


def peek(names: Collection[str]) -> dict[str, str] | None:
    """The stamps that there are, by their names; a missing one is "". None where the cache is away."""
    try:
        if _not_renewed:
            _renew(list(_not_renewed))
        return dict.fromkeys(names, "") | _get(list(names))
    except (RedisError, OSError):
        return None


def renew_on_commit(names: Iterable[str]) -> None:
    """What was told under these stamps is no longer so, once this transaction is committed."""
    listed = list(names)
    if listed:
        transaction.on_commit(lambda: renew(listed), robust=True)


def renew(names: Collection[str]) -> None:
    """What was told under these stamps is no longer so."""
    try:
        _renew(names)
    except (RedisError, OSError) as error:
        _not_renewed.update(names)
        logger.warning("stamps_not_renewed", extra={"error": type(error).__name__, "stamps": len(names)})


def meeting_deleted(instance: Meeting, **kwargs: Any) -> None:
    """Called after every deletion of a meeting."""
    renew_on_commit([of_section(instance.section_id)])


def _get(names: Collection[str]) -> dict[str, str]:
    texts = get_redis_connection("default").mget(names) if names else []
    return {name: text.decode() for name, text in zip(names, texts, strict=True) if text is not None}


def _renew(names: Collection[str]) -> None:
    # By one command, however many they are: each reader who finds none makes its own.
    get_redis_connection("default").delete(*names)
    _not_renewed.difference_update(names)
