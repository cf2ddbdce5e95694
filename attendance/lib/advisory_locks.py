"""The lock on a meeting that keeps joins and marks apart from the steps of its session.

Joins and marks share the lock, a step holds it alone, and each reads the session's status after it has the lock. It is an
advisory lock of the transaction. Sharing it writes nothing, while ``FOR SHARE`` would write to the one row that 600
students share.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import connection

from attendance.lib import prepared_sql

# All advisory locks of a database are 64-bit numbers. These ranges keep ours apart.
_MEETINGS = 0x526F_6C6C << 32
_SECTIONS = 0x526F_6C6D << 32
_STUDENTS = 0x526F_6C6E << 32
_SEALS = 0x526F_6C6F << 32
_IMPORTS = _MEETINGS - 1
RECONCILE = _MEETINGS - 2
END_FORGOTTEN = _MEETINGS - 3
BACKGROUND = _MEETINGS - 4

# In the order of the ids, so that two callers never wait for each other.
_KEYS = "FROM (SELECT unnest(%(keys)s::bigint[]) AS key ORDER BY 1) AS keys"
_SHARED = f"SELECT pg_advisory_xact_lock_shared(key) {_KEYS}"
_EXCLUSIVE = f"SELECT pg_advisory_xact_lock(key) {_KEYS}"


def share(meeting_ids: Iterable[int]) -> None:
    """Share the locks of the meetings until the transaction ends. Waits for a step that holds one of them."""
    _take(_SHARED, meeting_ids)


def hold(meeting_ids: Iterable[int]) -> None:
    """Hold the locks of the meetings alone until the transaction ends. Waits for joins, marks and steps."""
    _take(_EXCLUSIVE, meeting_ids)


def hold_sections(section_ids: Iterable[int]) -> None:
    """Keep others from opening or reopening meetings of these sections until the transaction ends.

    The database allows one open meeting per section. Two groups that open meetings of the same sections in different
    orders would deadlock there.
    """
    _take(_EXCLUSIVE, section_ids, space=_SECTIONS)


def hold_students(student_pks: Iterable[int]) -> None:
    """Keep others from writing for these students at several meetings. Take the locks of the meetings first."""
    _take(_EXCLUSIVE, student_pks, space=_STUDENTS)


def hold_seals(section_ids: Iterable[int]) -> None:
    """Keep others from sealing registers of these sections until the transaction ends. Take all other locks first."""
    _take(_EXCLUSIVE, section_ids, space=_SEALS)


def share_seals(section_ids: Iterable[int]) -> None:
    """Keep sealed registers of these sections as they are until the transaction ends."""
    _take(_SHARED, section_ids, space=_SEALS)


def hold_imports() -> None:
    """Let one import that makes students or sections run at a time, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_IMPORTS])


def _take(statement: str, ids: Iterable[int], *, space: int = _MEETINGS) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("this lock lasts for a transaction, and there is none")
    keys = [space + one for one in ids]
    if keys:
        prepared_sql.run(statement, {"keys": keys})


@contextmanager
def only_one(key: int) -> Iterator[bool]:
    """Whether nobody else holds this lock of the whole database; if so, it is held while the block runs.

    It belongs to the connection: where that breaks, the lock is gone.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        (mine,) = cursor.fetchone()
    try:
        yield mine
    finally:
        if mine and not connection.needs_rollback and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
