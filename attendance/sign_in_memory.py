"""What this process remembers of who is signed in, so that a request asks nobody.

One stamp (``attendance.stamps``) stands for all sign-ins, tokens, users and students of the site. Whoever ends or changes
one of them renews it, and each process looks at it five times a second: that is how soon all of them have forgotten
everything they knew. A stamp that can't be looked at is believed for two seconds more; then, as long as Redis is away,
nothing is remembered.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping
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


def known(key: str, *, youngest: bool = False) -> Any:
    """What this process remembers under the key; None if that is nothing, or may be wrong now. Where nobody may wait, nobody is asked.

    The value is shared by all threads: it must be one that nobody changes.

    :param youngest: whether what will soon be forgotten is as good as forgotten
    """
    if _seen is _NOTHING and not may_wait():
        return None
    kept = _good(_kept.get(key), _stamp(time.monotonic()), _oldest(youngest=youngest))
    return kept.value if kept else None


def recall(key: str, read: Callable[[], Value | None]) -> Value | None:
    """What is remembered under this key, else what ``read`` gives. None is not remembered."""

    def read_it(_missing: Collection[str]) -> dict[str, Value]:
        value = read()
        return {} if value is None else {key: value}

    return recall_all([key], read_it).get(key)


def recall_all(
    keys: Collection[str],
    read: Callable[[Collection[str]], Mapping[str, Value]],
    *,
    is_shared: bool = False,
    youngest: Collection[str] = (),
) -> dict[str, Value]:
    """What is remembered under these keys, and for those without, what ``read`` gives for them.

    The values are shared by all threads: they must be such that nobody changes.

    :param is_shared: whether other processes are told, through the cache; the keys must tell no secret then
    :param youngest: the keys of which to read anew what will soon be forgotten
    """
    # Before what it vouches for is read: a change that comes between renews it.
    stamp = _stamp(time.monotonic())
    if stamp is None:
        return dict(read(keys))
    good = {
        key: kept for key in keys if (kept := _good(_kept.get(key), stamp, _oldest(youngest=key in youngest)))
    }
    if is_shared and len(good) < len(set(keys)):
        for key, told in cache.get_many([key for key in keys if key not in good]).items():
            # What another process read.
            if kept := _good(_Kept(*told), stamp, _oldest(youngest=key in youngest)):
                good[key] = kept
    if missing := {key for key in keys if key not in good}:
        read_at = time.time()
        found = {key: _Kept(value, stamp, read_at) for key, value in read(missing).items()}
        if is_shared and found:
            cache.set_many(
                {key: (kept.value, stamp, read_at) for key, kept in found.items()}, int(KEPT_SECONDS)
            )
        good |= found
    if len(_kept) + len(good) > MOST_KEPT:
        _kept.clear()
    _kept.update(good)
    return {key: kept.value for key, kept in good.items()}


def _good(kept: _Kept | None, stamp: str | None, oldest: float) -> _Kept | None:
    return kept if kept and kept.stamp == stamp and kept.read_at >= oldest else None


def _oldest(*, youngest: bool) -> float:
    return time.time() - (YOUNG_SECONDS if youngest else KEPT_SECONDS)


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
