"""What a read does when sets are not verified: it repairs them, once for all who read at that moment.

In a process one thread repairs while the others wait, then read again. If another process is repairing, they wait for
that too. No wait is longer than ``WAIT_SECONDS``; after that the counts come from the database.
"""

import threading
import time
from collections.abc import Sequence

from django.db import connection

from attendance.models import Meeting
from attendance.stats import failed_writes
from attendance.stats.connection import repair_key, send_commands
from attendance.stats.repairing import repair
from attendance.stats.verified import Numbers, verified_counts

# Several times as long as a repair of a group of 6,000 students takes.
WAIT_SECONDS = 0.25
_POLL_SECONDS = 0.01

_repairing = threading.Lock()


def healed_counts(meetings: Sequence[Meeting]) -> dict[int, Numbers]:
    """The counts of those meetings that this or another process repairs now, by primary key.

    Inside a transaction it repairs nothing and does not wait.
    """
    if connection.in_atomic_block:
        return {}
    if _repairing.acquire(blocking=False):
        found: dict[int, Numbers] = {}
    else:
        # Free our database connection while waiting: the repairing thread may need it.
        connection.close()
        if not _repairing.acquire(timeout=WAIT_SECONDS):
            return {}
        found = verified_counts(meetings) or {}
    try:
        if missing := [meeting for meeting in meetings if meeting.pk not in found]:
            found |= {difference.meeting.pk: difference.expected.counts for difference in repair(missing)}
        return found | _wait_for_other_processes([one for one in missing if one.pk not in found])
    finally:
        _repairing.release()


def _wait_for_other_processes(meetings: Sequence[Meeting]) -> dict[int, Numbers]:
    found: dict[int, Numbers] = {}
    deadline = time.monotonic() + WAIT_SECONDS
    while missing := [
        # After a failed write only a repair that begins later can be trusted.
        meeting
        for meeting in meetings
        if meeting.pk not in found and not failed_writes.contains(meeting.public_id)
    ]:
        # Read the locks before the counts: a repair writes ``verified`` before it releases its lock.
        locks = send_commands([("GET", repair_key(meeting.public_id)) for meeting in missing])
        found |= verified_counts(missing) or {}
        if not any(isinstance(lock, bytes) for lock in locks or []) or time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    return found
