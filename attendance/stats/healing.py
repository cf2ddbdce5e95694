"""What a read does where nobody vouches for the sets: one comparison serves all who read at that moment.

Of the threads of a process one compares, and the others read again when it is done. What another process compares is
waited for as well. None of them waits for long: who finds nothing then counts in the database.
"""

import threading
import time
from collections.abc import Sequence

from django.db import connection

from attendance.models import Meeting
from attendance.stats import doubts
from attendance.stats.live_redis import ask, repair_key
from attendance.stats.repairing import repair
from attendance.stats.vouched import Numbers, vouched_counts

# Several times as long as the comparison of a group of 6,000 takes.
WAIT_SECONDS = 0.25
_LOOK_AGAIN_SECONDS = 0.01

_comparing = threading.Lock()


def healed_counts(meetings: Sequence[Meeting]) -> dict[int, Numbers]:
    """The counts of those meetings that are compared now, by whomever; by primary key.

    Inside a transaction it compares nothing and waits for nobody.
    """
    if connection.in_atomic_block:
        return {}
    if _comparing.acquire(blocking=False):
        found: dict[int, Numbers] = {}
    else:
        # Who waits must not keep the connection that who compares may need.
        connection.close()
        if not _comparing.acquire(timeout=WAIT_SECONDS):
            return {}
        found = vouched_counts(meetings) or {}
    try:
        if missing := [meeting for meeting in meetings if meeting.pk not in found]:
            found |= {difference.meeting.pk: difference.truth.counts for difference in repair(missing)}
        return found | _what_others_compare([meeting for meeting in missing if meeting.pk not in found])
    finally:
        _comparing.release()


def _what_others_compare(meetings: Sequence[Meeting]) -> dict[int, Numbers]:
    found: dict[int, Numbers] = {}
    until = time.monotonic() + WAIT_SECONDS
    while missing := [
        # Of a doubtful one only a comparison that begins after the doubt says anything.
        meeting
        for meeting in meetings
        if meeting.pk not in found and not doubts.holds(meeting.public_id)
    ]:
        # Before the counts: who is done by now has vouched by then.
        locks = ask([("GET", repair_key(meeting.public_id)) for meeting in missing])
        found |= vouched_counts(missing) or {}
        if not any(isinstance(lock, bytes) for lock in locks or []) or time.monotonic() > until:
            break
        time.sleep(_LOOK_AGAIN_SECONDS)
    return found
