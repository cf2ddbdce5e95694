"""What this process remembers of who is signed in, so that a request asks nobody.

One stamp (``attendance.stamps``) stands for all sign-ins, tokens, users and students of the site. Whoever ends or changes
one of them renews it, and each process looks at it five times a second: that is how soon all of them have forgotten
everything they knew. A stamp that can't be looked at is believed for two seconds more; then, as long as Redis is away,
nothing is remembered.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.cache import cache
from django.db import transaction

from attendance import stamps
from attendance.waits import about_to_wait, may_wait

Value = TypeVar("Value")

# The stamp is looked at so often while anybody asks.
LOOK_SECONDS = 0.2
BELIEVED_SECONDS = 2.0
# No longer than this, whatever the stamp says: for changes that Django sends no signal for.
KEPT_SECONDS = 120.0
# Who only asks, as a waiting phone does each half minute, has it read anew in good time: so who marks has not to.
YOUNG_SECONDS = 60.0
MOST_KEPT = 20_000

_STAMP = "rollcall:stamp:sign-ins"


@dataclass(frozen=True, slots=True)
class _Kept:
    value: Any
    stamp: str
    # By the wall clock: other processes are told.
    read_at: float


@dataclass(frozen=True, slots=True)
class _Seen:
    """The stamp, when it was read, and when somebody tried last."""

    stamp: str | None
    read_at: float
    at: float


_kept: dict[str, _Kept] = {}
_looking = threading.Lock()
# Looks for those who may not wait.
_looker = ThreadPoolExecutor(1, thread_name_prefix="sign-ins")
_NOTHING = _Seen(None, float("-inf"), float("-inf"))
_seen = _NOTHING


def recall(
    key: str, read: Callable[[], Value | None], *, is_shared: bool = False, youngest: bool = False
) -> Value | None:
    """What is remembered under this key, else what ``read`` gives. None is not remembered.

    The value is shared by all threads: it must be one that nobody changes.

    :param is_shared: whether other processes are told, through the cache; the key must tell no secret then
    :param youngest: whether to read anew what will soon be forgotten
    """
    # Before what it vouches for is read: a change that comes between renews it.
    stamp = _stamp(time.monotonic())
    if stamp is None:
        return read()
    oldest = time.time() - (YOUNG_SECONDS if youngest else KEPT_SECONDS)
    kept = _kept.get(key)
    if kept is None or kept.stamp != stamp or kept.read_at < oldest:
        kept = _told(key, stamp, oldest) if is_shared else None
        if kept is None:
            read_at, value = time.time(), read()
            if value is None:
                return None
            kept = _Kept(value, stamp, read_at)
            if is_shared:
                cache.set(key, (value, stamp, read_at), int(KEPT_SECONDS))
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[key] = kept
    found: Value = kept.value
    return found


def _told(key: str, stamp: str, oldest: float) -> _Kept | None:
    """What another process read."""
    told = cache.get(key)
    kept = _Kept(*told) if told else None
    return kept if kept and kept.stamp == stamp and kept.read_at >= oldest else None


def forget_all() -> None:
    """Somebody's sign-in, account or role has changed: now, for this transaction, and for all once it is committed."""
    _renew()
    if transaction.get_connection().in_atomic_block:
        transaction.on_commit(_renew, robust=True)


def _renew() -> None:
    global _seen
    stamps.renew([_STAMP])
    _seen = _NOTHING


def _stamp(now: float) -> str | None:
    """The stamp as it was seen last; None where the cache is away."""
    seen = _seen
    if seen is _NOTHING:
        about_to_wait()
    # One looks for all; the others believe what is there for that moment.
    if now - seen.at > LOOK_SECONDS and _looking.acquire(blocking=seen is _NOTHING):
        if not may_wait():
            _looker.submit(_look, seen, now)
            return seen.stamp
        _look(seen, now)
        seen = _seen
    return seen.stamp


def _look(seen: _Seen, now: float) -> None:
    """Read the stamp, unless somebody did; by whoever holds ``_looking``."""
    global _seen
    try:
        if _seen is seen:
            found = stamps.read([_STAMP])
            if found:
                _seen = _Seen(found[_STAMP], now, now)
            elif now - seen.read_at < BELIEVED_SECONDS:
                _seen = _Seen(seen.stamp, seen.read_at, now)
            else:
                _seen = _Seen(None, seen.read_at, now)
    finally:
        _looking.release()
