"""What nobody reads heals here: the sets of all open sessions at once, and keys whose session is gone."""

import logging
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from redis.exceptions import RedisError

from attendance import metrics
from attendance.models import Meeting
from attendance.stats.live_redis import all_keys, ask, breaker, each_server, life_commands
from attendance.stats.members import members_in_database
from attendance.stats.repairing import Difference, compare, repair, set_commands

logger = logging.getLogger("rollcall.stats")

# So many meetings in a round trip: the answer with all their members must come within the time-out.
_AT_ONCE = 20
_Item = TypeVar("_Item")
_KEY = re.compile(rb"session:([^:]+):(?:joined|attended|verified|repair)")


class RedisAway(Exception):
    """Nothing could be compared."""


@dataclass(frozen=True)
class Reconciled:
    """What was found, and, unless it was a dry run, repaired.

    ``compared`` and ``skipped`` count open sessions; one is skipped while another process repairs it.
    ``orphans`` are ids in Redis that name no meeting; ``foreign`` counts the keys ``session:…`` that are none of
    ours, which are left alone.
    """

    compared: int
    skipped: int
    differences: list[Difference]
    orphans: list[str]
    foreign: int


def reconcile(*, dry_run: bool = False) -> Reconciled:
    """Do for all open sessions what a read does for one, and remove the keys of sessions that do not exist.

    :raises RedisAway: if Redis is away or goes away meanwhile
    """
    meetings = list(Meeting.objects.open().order_by("pk"))
    compared: list[Difference] = []
    for some in _by_twenties(meetings):
        compared += _differences(some) if dry_run else repair(some)
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
    """What a repair would find. A mark that is on its way is no difference, so those are looked at twice."""
    first = _compare_once(meetings)
    again = {found.meeting.pk: found for found in _compare_once([found.meeting for found in first if found])}
    return [_in_both(found, again[found.meeting.pk]) if found else found for found in first]


def _compare_once(meetings: Sequence[Meeting]) -> list[Difference]:
    read = ask([command for meeting in meetings for command in set_commands(meeting.public_id)])
    if read is None:
        raise RedisAway
    truth = members_in_database(meetings)
    return [
        compare(meeting, read[position * 2], read[position * 2 + 1], truth[meeting.pk])
        for position, meeting in enumerate(meetings)
    ]


def _in_both(one: Difference, other: Difference) -> Difference:
    return replace(
        one,
        joined_missing=one.joined_missing & other.joined_missing,
        joined_strange=one.joined_strange & other.joined_strange,
        attended_missing=one.attended_missing & other.attended_missing,
        attended_strange=one.attended_strange & other.attended_strange,
        wrong_type=tuple(name for name in one.wrong_type if name in other.wrong_type),
    )


def _remove_orphans(*, dry_run: bool) -> tuple[list[str], int]:
    # Redis first, then the database: a key is written after the commit of its meeting, so the meeting of every key
    # that was found is known by now, one that was made a moment ago too.
    stored, foreign = _stored_ids()
    orphans: list[str] = []
    for some in _by_twenties(sorted(stored)):
        askable = [public_id for public_id in some if public_id.isprintable()]
        known = {meeting.public_id: meeting for meeting in Meeting.objects.filter(public_id__in=askable)}
        orphans += [public_id for public_id in some if public_id not in known]
        ended = [meeting for meeting in known.values() if meeting.ended_at]
        # Redis may have been away when they ended.
        if not dry_run and ended and ask([c for meeting in ended for c in life_commands(meeting)]) is None:
            raise RedisAway
    if orphans and not dry_run:
        delete_sets(orphans)
        metrics.orphans_removed(len(orphans))
        logger.warning("orphans_removed", extra={"sessions": len(orphans)})
    return orphans, foreign


def _stored_ids() -> tuple[set[str], int]:
    """The ids that our keys in Redis name, and how many keys beside them are none of ours."""
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
    """Removes all that Redis holds of meetings that no longer exist."""
    for some in _by_twenties(list(public_ids)):
        ask([("DEL", key.encode(errors="surrogateescape")) for name in some for key in all_keys(name)])


def _by_twenties(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
