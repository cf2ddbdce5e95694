"""The lock on a meeting that keeps joins and marks in order with the steps of its session.

Every join and mark shares the lock, every transition holds it alone, and each reads the status after it has it.
It is an advisory lock of the transaction: sharing it writes nothing, which matters with 600 at once, where
``FOR SHARE`` would write to the one row that all of them share.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import connection

from attendance import statements

# Advisory locks of a database share one space of 64-bit numbers: this keeps ours apart from others'.
_SPACE = 0x526F_6C6C << 32
_SECTIONS = 0x526F_6C6D << 32
_STUDENTS = 0x526F_6C6E << 32
ROSTER_IMPORT = _SPACE - 1
RECONCILE = _SPACE - 2
END_FORGOTTEN = _SPACE - 3

# In the order of the ids, so that two callers never wait for each other.
_KEYS = "FROM (SELECT unnest(%(keys)s::bigint[]) AS key ORDER BY 1) AS keys"
_SHARED = f"SELECT pg_advisory_xact_lock_shared(key) {_KEYS}"
_EXCLUSIVE = f"SELECT pg_advisory_xact_lock(key) {_KEYS}"


def share(meeting_ids: Iterable[int]) -> None:
    """Waits until no transition runs on the meetings; until the transaction ends none can begin."""
    _take(_SHARED, meeting_ids)


def hold(meeting_ids: Iterable[int]) -> None:
    """Waits until no join, mark or transition runs on the meetings; until the transaction ends none can begin."""
    _take(_EXCLUSIVE, meeting_ids)


def hold_sections(section_ids: Iterable[int]) -> None:
    """Waits until nobody else opens or reopens meetings of several sections with one of these among them.

    The database lets a section have one open meeting; two that write several of them in different orders would
    wait for each other there.
    """
    _take(_EXCLUSIVE, section_ids, space=_SECTIONS)


def hold_students(student_pks: Iterable[int]) -> None:
    """Waits until nobody else writes for these students at several meetings at once; to be taken after their locks."""
    _take(_EXCLUSIVE, student_pks, space=_STUDENTS)


def sharing(meeting_ids: Iterable[int]) -> tuple[str, dict[str, list[int]]]:
    """The statement of ``share``, with its values, for ``statements.run_all``: to be followed by what must come after it."""
    return _SHARED, {"keys": [_SPACE + one for one in meeting_ids]}


def _take(statement: str, ids: Iterable[int], *, space: int = _SPACE) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("the lock on a meeting lasts for a transaction, and there is none")
    keys = [space + one for one in ids]
    if keys:
        statements.run(statement, {"keys": keys})


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
