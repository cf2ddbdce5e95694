"""Repairs the sets of all open sessions, and deletes keys whose session no longer exists."""

import logging
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from redis.exceptions import RedisError

from attendance import metrics
from attendance.lib.parts import in_parts
from attendance.models import Meeting
from attendance.stats.connection import all_keys, breaker, each_server, expiry_commands, send_commands
from attendance.stats.database import members_in_database
from attendance.stats.repairing import Difference, compare, repair, set_commands

logger = logging.getLogger("rollcall.stats")

# Meetings per round trip: all their members must arrive within the time-out.
_BATCH_SIZE = 20
_KEY = re.compile(rb"session:([^:]+):(?:joined|attended|verified|repair)")


class RedisAway(Exception):
    """The sets could not be compared."""


@dataclass(frozen=True)
class Reconciled:
    """What was found and, unless it was a dry run, repaired.

    ``compared`` and ``skipped`` count open sessions; one is skipped while another process repairs it.
    ``orphans`` are ids in Redis of meetings that do not exist or were discarded. ``foreign`` counts keys ``session:…`` that belong to another
    application; they are left alone.
    """

    compared: int
    skipped: int
    differences: list[Difference]
    orphans: list[str]
    foreign: int


def reconcile(*, dry_run: bool = False) -> Reconciled:
    """Repair the sets of all open sessions and delete the keys of sessions that do not exist.

    :raises RedisAway: if Redis is away or goes away before the end
    """
    meetings = list(Meeting.objects.open().order_by("pk"))
    compared: list[Difference] = []
    for batch in in_parts(meetings, _BATCH_SIZE):
        compared += _differences(batch) if dry_run else repair(batch)
        if breaker.is_open:
            raise RedisAway
    orphans, foreign = _remove_orphans(dry_run=dry_run)
    return Reconciled(
        compared=len(compared),
        skipped=len(meetings) - len(compared),
        differences=[difference for difference in compared if difference],
        orphans=orphans,
        foreign=foreign,
    )


def _differences(meetings: Sequence[Meeting]) -> list[Difference]:
    """What a repair would find. Differences are checked twice, because a mark being made looks like one."""
    first = _compare_once(meetings)
    again = {found.meeting.pk: found for found in _compare_once([found.meeting for found in first if found])}
    return [_intersection(found, again[found.meeting.pk]) if found else found for found in first]


def _compare_once(meetings: Sequence[Meeting]) -> list[Difference]:
    read = send_commands([command for meeting in meetings for command in set_commands(meeting.public_id)])
    if read is None:
        raise RedisAway
    expected = members_in_database(meetings)
    return [
        compare(meeting, read[index * 2], read[index * 2 + 1], expected[meeting.pk])
        for index, meeting in enumerate(meetings)
    ]


def _intersection(one: Difference, other: Difference) -> Difference:
    return replace(
        one,
        joined_missing=one.joined_missing & other.joined_missing,
        joined_extra=one.joined_extra & other.joined_extra,
        attended_missing=one.attended_missing & other.attended_missing,
        attended_extra=one.attended_extra & other.attended_extra,
        wrong_type=tuple(name for name in one.wrong_type if name in other.wrong_type),
    )


def _remove_orphans(*, dry_run: bool) -> tuple[list[str], int]:
    # Redis first, then the database: a key is written after its meeting is committed, so the query finds the meeting
    # of every key, even of a new one.
    stored, foreign = _stored_ids()
    orphans: list[str] = []
    for batch in in_parts(sorted(stored), _BATCH_SIZE):
        printable = [public_id for public_id in batch if public_id.isprintable()]
        # A join that was committed just before its session was discarded may be added to the set just after it.
        met = Meeting.objects.met().filter(public_id__in=printable)
        known = {meeting.public_id: meeting for meeting in met}
        orphans += [public_id for public_id in batch if public_id not in known]
        ended = [meeting for meeting in known.values() if meeting.ended_at]
        if ended and not dry_run:
            # Set the expiry again: Redis may have been away when the session ended.
            commands = [command for meeting in ended for command in expiry_commands(meeting)]
            if send_commands(commands) is None:
                raise RedisAway
    if orphans and not dry_run:
        delete_sets(orphans)
        metrics.orphans_removed(len(orphans))
        logger.warning("orphans_removed", extra={"sessions": len(orphans)})
    return orphans, foreign


def _stored_ids() -> tuple[set[str], int]:
    """The ids in our keys, and how many ``session:…`` keys are not ours."""
    stored: set[str] = set()
    foreign = 0
    try:
        for server in each_server():
            for key in server.scan_iter(match="session:*", count=1000):
                ours = _KEY.fullmatch(key)
                if ours:
                    stored.add(ours[1].decode(errors="surrogateescape"))
                else:
                    foreign += 1
    except (RedisError, OSError) as error:
        raise RedisAway from error
    return stored, foreign


def delete_sets(public_ids: Collection[str]) -> None:
    """Delete all keys of meetings that no longer exist."""
    for batch in in_parts(public_ids, _BATCH_SIZE):
        send_commands(
            [
                ("DEL", key.encode(errors="surrogateescape"))
                for public_id in batch
                for key in all_keys(public_id)
            ]
        )
