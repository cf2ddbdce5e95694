"""Meetings whose sets this process failed to write, because Redis was away.

This process does not trust those sets until it has repaired them, so that the answer to a mark counts that mark. Other
processes still trust ``verified``: a thread deletes it as soon as Redis answers again, so that their next read repairs.
"""

import threading
import time
from collections.abc import Collection

from attendance.stats.connection import send_commands, verified_key

RETRY_SECONDS = 0.5
THREAD_NAME = "delete-verified"

_lock = threading.Lock()
_failed: set[str] = set()
# Those whose ``verified`` is still to be deleted.
_to_delete: set[str] = set()
_thread: threading.Thread | None = None


def add(public_id: str) -> None:
    """Note that the meeting's sets miss something that was committed."""
    global _thread
    with _lock:
        _failed.add(public_id)
        _to_delete.add(public_id)
        if _thread is None:
            _thread = threading.Thread(target=_delete_verified, name=THREAD_NAME, daemon=True)
            _thread.start()


def contains(public_id: str) -> bool:
    return public_id in _failed


def take(public_ids: Collection[str]) -> set[str]:
    """Forget the failures of these meetings, before their sets are compared.

    :returns: the ids that had failed
    """
    with _lock:
        taken = _failed.intersection(public_ids)
        _failed.difference_update(taken)
    return taken


def _delete_verified() -> None:
    global _thread
    while True:
        time.sleep(RETRY_SECONDS)
        with _lock:
            public_ids = list(_to_delete)
            _to_delete.clear()
        deleted = send_commands([("DEL", verified_key(public_id)) for public_id in public_ids]) is not None
        with _lock:
            if not deleted:
                _to_delete.update(public_ids)
            elif not _to_delete:
                _thread = None
                return
