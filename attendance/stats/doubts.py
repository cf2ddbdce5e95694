"""Meetings to whose sets this process could not write.

Nobody vouches for them here until they are repaired, so that the answer to a mark counts that mark. The other processes
still trust ``verified``: as soon as Redis answers again, it is taken away, so that their next read compares, too.
"""

import threading
import time
from collections.abc import Collection

from attendance.stats.live_redis import ask, verified_key

RETRY_SECONDS = 0.5

_lock = threading.Lock()
_doubtful: set[str] = set()
_untold: set[str] = set()
_teller: threading.Thread | None = None


def add(public_id: str) -> None:
    """The sets of this meeting miss what was committed."""
    global _teller
    with _lock:
        _doubtful.add(public_id)
        _untold.add(public_id)
        if _teller is None:
            _teller = threading.Thread(target=_tell_the_others, name="doubts", daemon=True)
            _teller.start()


def holds(public_id: str) -> bool:
    return public_id in _doubtful


def take(public_ids: Collection[str]) -> set[str]:
    """Forget the doubts about these meetings, before they are compared.

    :returns: those that were doubtful
    """
    with _lock:
        taken = _doubtful.intersection(public_ids)
        _doubtful.difference_update(taken)
    return taken


def _tell_the_others() -> None:
    global _teller
    while True:
        time.sleep(RETRY_SECONDS)
        with _lock:
            names = list(_untold)
            _untold.clear()
        told = ask([("DEL", verified_key(name)) for name in names]) is not None
        with _lock:
            if not told:
                _untold.update(names)
            elif not _untold:
                _teller = None
                return
