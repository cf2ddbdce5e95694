"""The lock on a meeting that keeps joins and marks in order with the steps of its session.

Every join and mark shares the lock, every transition holds it alone, and each reads the status after it has it.
It is an advisory lock of the transaction: sharing it writes nothing, which matters with 600 at once, where
``FOR SHARE`` would write to the one row that all of them share.
"""

from collections.abc import Iterable

from django.db import connection

# Advisory locks of a database share one space of 64-bit numbers: this keeps ours apart from others'.
_SPACE = 0x526F_6C6C << 32
ROSTER_IMPORT = _SPACE - 1
RECONCILE = _SPACE - 2


def share(meeting_ids: Iterable[int]) -> None:
    """Waits until no transition runs on the meetings; until the transaction ends none can begin."""
    _take(
        "SELECT pg_advisory_xact_lock_shared(key) FROM (SELECT unnest(%s::bigint[]) AS key ORDER BY 1) AS keys",
        meeting_ids,
    )


def hold(meeting_ids: Iterable[int]) -> None:
    """Waits until no join, mark or transition runs on the meetings; until the transaction ends none can begin."""
    _take(
        "SELECT pg_advisory_xact_lock(key) FROM (SELECT unnest(%s::bigint[]) AS key ORDER BY 1) AS keys",
        meeting_ids,
    )


def _take(statement: str, meeting_ids: Iterable[int]) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("the lock on a meeting lasts for a transaction, and there is none")
    with connection.cursor() as cursor:
        # In the order of the ids, so that two callers never wait for each other.
        cursor.execute(statement, [[_SPACE + meeting_id for meeting_id in meeting_ids]])
