"""The live counts of a meeting: how many joined, and how many are present.

``session:{id}:joined`` is the Redis set of the student ids who joined, ``session:{id}:attended`` the set of the roll
numbers marked present or late. A count is the size of a set (SCARD); nothing is ever incremented. PostgreSQL comes
first: a student enters a set after the commit. Redis may lose everything, because a read repairs what it lost.

``session:{id}:verified`` lives for at most 10 s after the sets were compared with the database. It holds the three
numbers found (joined, present, and the roster's size) and the id of the Redis server. While it exists, names the
server that answers, and neither set is smaller than it says, a read trusts the sets and makes no query. Otherwise one
reader repairs: it compares the sets with the database, adds and removes members, and writes ``verified``. Readers wait
briefly for that repair, else they count in the database.

Only this package knows these keys. ``connection`` talks to Redis, ``verified`` reads the sets, ``database`` counts in
PostgreSQL, ``repairing`` makes the sets equal to the database, ``healing`` does so during a read, ``reconciling`` for
all open sessions, ``failed_writes`` remembers the sets that could not be written, and ``restarts`` knows which
server this is, because one that restarted may have lost the last writes.
"""

import datetime
import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from attendance import metrics
from attendance.models import Meeting, MeetingState
from attendance.rules.percentage import percentage
from attendance.stats import failed_writes
from attendance.stats.connection import (
    Command,
    attended_key,
    breaker,
    expiry_commands,
    joined_key,
    send_commands,
    sets_are_kept,
    verified_key,
)
from attendance.stats.database import counts_in_database
from attendance.stats.healing import healed_counts
from attendance.stats.reconciling import Reconciled, RedisAway, delete_sets, reconcile
from attendance.stats.repairing import Difference, repair, sync_students
from attendance.stats.server_settings import server_warnings
from attendance.stats.verified import Numbers, verified_counts

__all__ = [
    "Counts",
    "Difference",
    "Numbers",
    "Reconciled",
    "RedisAway",
    "Source",
    "Stats",
    "add",
    "breaker",
    "delete_sets",
    "forget_verified",
    "forget_verified_on_commit",
    "live_counts",
    "meeting_stats",
    "reconcile",
    "redis_answers",
    "repair",
    "server_warnings",
    "sum_of",
    "sum_of_group",
    "sync",
]


class Source(enum.StrEnum):
    REDIS = "redis"
    DATABASE = "database"


@dataclass(frozen=True)
class Counts:
    """The counts of one meeting. ``total`` is the roster's size; ``source`` is ``redis`` whenever Redis answered."""

    joined: int
    present: int
    total: int
    source: Source


@dataclass(frozen=True)
class Stats:
    """The counts of one or more meetings, with the time ``as_of`` which they hold."""

    total_students: int
    total_joined: int
    total_present: int
    source: Source
    as_of: datetime.datetime

    @property
    def present_percentage(self) -> float:
        return percentage(self.total_present, self.total_students)


def sum_of(parts: Sequence[Stats]) -> Stats:
    """The stats of several meetings added up; the source is ``database`` if it is for any of them."""
    away = any(part.source is Source.DATABASE for part in parts)
    return Stats(
        total_students=sum(part.total_students for part in parts),
        total_joined=sum(part.total_joined for part in parts),
        total_present=sum(part.total_present for part in parts),
        source=Source.DATABASE if away else Source.REDIS,
        as_of=min(part.as_of for part in parts),
    )


def sum_of_group(meetings: Sequence[Meeting], stats: Mapping[int, Stats]) -> Stats:
    """The stats of a group's meetings added up, without those that were cancelled, unless all of them were.

    :param stats: by the primary keys of the meetings
    """
    counted = [meeting for meeting in meetings if meeting.state != MeetingState.CANCELLED]
    return sum_of([stats[meeting.pk] for meeting in counted or meetings])


# --- Reading ----------------------------------------------------------------------------------------------


def meeting_stats(meetings: Sequence[Meeting], *, at: datetime.datetime) -> dict[int, Stats]:
    """The stats of each meeting by its primary key: one round trip to Redis for any number of meetings."""
    return {
        meeting_id: Stats(counts.total, counts.joined, counts.present, counts.source, at)
        for meeting_id, counts in live_counts(meetings, at=at).items()
    }


def live_counts(meetings: Sequence[Meeting], *, at: datetime.datetime) -> dict[int, Counts]:
    """The counts of each meeting by its primary key; see ``meeting_stats``."""
    found: dict[int, Numbers] = {}
    kept = [meeting for meeting in meetings if sets_are_kept(meeting, at)]
    verified = verified_counts(kept) if kept else {}
    source = Source.DATABASE if verified is None else Source.REDIS
    found |= verified or {}
    metrics.counted("redis", len(found))
    metrics.counted("database", len(meetings) - len(found))
    if verified is not None and len(verified) < len(kept):
        found |= healed_counts([meeting for meeting in kept if meeting.pk not in found])
    if rest := [meeting for meeting in meetings if meeting.pk not in found]:
        found |= counts_in_database(rest)
    return {pk: Counts(*numbers, source) for pk, numbers in found.items()}


def redis_answers() -> bool:
    """Whether Redis answers now."""
    return send_commands([("PING",)]) is not None


# --- Writing, always after the commit --------------------------------------------------------------


def add(*, joined: Sequence[tuple[Meeting, str]] = (), attended: Sequence[tuple[Meeting, str]] = ()) -> None:
    """Add students to the sets, by student id to ``joined`` and by roll number to ``attended``: one round trip."""
    now = timezone.now()
    members: dict[str, list[str]] = {}
    meetings: dict[int, Meeting] = {}
    for key_of, added in ((joined_key, joined), (attended_key, attended)):
        for meeting, member in added:
            if sets_are_kept(meeting, now):
                members.setdefault(key_of(meeting.public_id), []).append(member)
                meetings[meeting.pk] = meeting
    if not meetings:
        return
    written = list(meetings.values())
    commands: list[Command] = [("SADD", key, *names) for key, names in members.items()]
    for meeting in written:
        if meeting.ended_at:
            commands += expiry_commands(meeting)
    if send_commands(commands) is None:
        for meeting in written:
            failed_writes.add(meeting.public_id)


def sync(meeting: Meeting, student_pks: Collection[int]) -> None:
    """Make the sets agree with the database for these students, after a correction."""
    if student_pks and sets_are_kept(meeting, timezone.now()):
        sync_students(meeting, student_pks)


def forget_verified(meetings: Iterable[Meeting]) -> None:
    """Make the next read compare the sets with the database."""
    send_commands([("DEL", verified_key(meeting.public_id)) for meeting in meetings])


def forget_verified_on_commit(meetings: Iterable[Meeting]) -> None:
    """Likewise, once the transaction commits. Call it after changing the roster, the state or many records."""
    transaction.on_commit(lambda: forget_verified(meetings), robust=True)
