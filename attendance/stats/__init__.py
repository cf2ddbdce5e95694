"""The live counts: how many joined, how many are present. The only package that knows Redis.

``session:{id}:joined`` is the set of the student ids who joined, ``session:{id}:attended`` the set of the roll
numbers who were marked present or late. A count is a set's cardinality (SCARD), so nothing is ever incremented.
PostgreSQL comes first: what is in a set was committed before. This package may lose everything that it holds:
the next read answers from the database and repairs the sets.

``session:{id}:verified`` says that the sets were compared with the database at most 10 s ago, and holds the two
cardinalities found and the size of the roster. Where it is missing, or a set is smaller than it says, the answer comes
from the database; where not, it takes no query.

What the others call is here; ``live_redis`` talks to Redis, ``vouched`` reads, ``members`` is the truth, ``repairing``
makes the one equal to the other, ``healing`` does so for those who read, ``reconciling`` for all open sessions.
"""

import datetime
import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils import timezone

from attendance import metrics
from attendance.models import Meeting
from attendance.stats import doubts
from attendance.stats.healing import healed_counts
from attendance.stats.live_redis import (
    Command,
    ask,
    attended_key,
    breaker,
    joined_key,
    life_commands,
    sets_are_kept,
    verified_key,
)
from attendance.stats.members import counts_in_database
from attendance.stats.reconciling import Reconciled, RedisAway, delete_sets, reconcile
from attendance.stats.repairing import Difference, repair, settle_students, texts
from attendance.stats.server_settings import server_warnings
from attendance.stats.vouched import Numbers, reading, verified_numbers, vouched_counts, vouched_in

__all__ = [
    "Counts",
    "Difference",
    "LiveSets",
    "Numbers",
    "Reconciled",
    "RedisAway",
    "Source",
    "Stats",
    "add",
    "breaker",
    "delete_sets",
    "forget_verified",
    "live_counts",
    "live_sets",
    "meeting_stats",
    "memberships",
    "percentage",
    "reconcile",
    "redis_answers",
    "repair",
    "server_warnings",
    "sum_of",
    "sync",
]


class Source(enum.StrEnum):
    REDIS = "redis"
    DATABASE = "database"


@dataclass(frozen=True)
class Counts:
    """What a hall sees of one meeting. ``total`` is the roster's size; ``source`` is ``redis`` whenever Redis answered."""

    joined: int
    present: int
    total: int
    source: Source


@dataclass(frozen=True)
class Stats:
    """The counts of a meeting, beside the size of its roster."""

    total_students: int
    total_joined: int
    total_present: int
    source: Source
    as_of: datetime.datetime

    @property
    def present_percentage(self) -> float:
        return percentage(self.total_present, self.total_students)


def percentage(part: int, total: int) -> float:
    """``part`` of ``total`` in per cent, to one decimal, rounded half up; 0 of nothing is 0."""
    if total == 0:
        return 0.0
    return float((Decimal(part) * 100 / Decimal(total)).quantize(Decimal("0.1"), ROUND_HALF_UP))


def sum_of(parts: Sequence[Stats]) -> Stats:
    """The stats of several meetings as one; ``database`` if one of them had to be counted there."""
    away = any(part.source is Source.DATABASE for part in parts)
    return Stats(
        total_students=sum(part.total_students for part in parts),
        total_joined=sum(part.total_joined for part in parts),
        total_present=sum(part.total_present for part in parts),
        source=Source.DATABASE if away else Source.REDIS,
        as_of=min(part.as_of for part in parts),
    )


# --- Reading ----------------------------------------------------------------------------------------------


def meeting_stats(
    meetings: Sequence[Meeting], *, at: datetime.datetime, known: Mapping[int, Numbers] | None = None
) -> dict[int, Stats]:
    """The stats of each meeting by its primary key: one round trip to Redis, however many they are.

    :param known: what ``add`` has just read
    """
    return {
        meeting_id: Stats(counts.total, counts.joined, counts.present, counts.source, at)
        for meeting_id, counts in live_counts(meetings, at=at, known=known).items()
    }


def live_counts(
    meetings: Sequence[Meeting], *, at: datetime.datetime, known: Mapping[int, Numbers] | None = None
) -> dict[int, Counts]:
    """How many joined, are present, and are on the roster of each meeting, by its primary key."""
    found = {meeting.pk: known[meeting.pk] for meeting in meetings if meeting.pk in known} if known else {}
    kept = [meeting for meeting in meetings if meeting.pk not in found and sets_are_kept(meeting, at)]
    vouched = vouched_counts(kept) if kept else {}
    source = Source.DATABASE if vouched is None else Source.REDIS
    found |= vouched or {}
    metrics.counted("redis", len(found))
    metrics.counted("database", len(meetings) - len(found))
    if vouched is not None and len(vouched) < len(kept):
        found |= healed_counts([meeting for meeting in kept if meeting.pk not in found])
    if rest := [meeting for meeting in meetings if meeting.pk not in found]:
        found |= counts_in_database(rest)
    return {pk: Counts(*numbers, source) for pk, numbers in found.items()}


def memberships(
    students: Sequence[tuple[Meeting, str, str]], *, at: datetime.datetime
) -> list[tuple[bool, bool]] | None:
    """Whether each student is in the two sets of a meeting: joined, present. One round trip.

    :param students: a meeting, and the student's id and roll number there
    :returns: None where Redis cannot say
    """
    if not all(sets_are_kept(meeting, at) for meeting, _student_id, _roll_number in students):
        return None
    commands: list[Command] = []
    for meeting, student_id, roll_number in students:
        commands.append(("SISMEMBER", joined_key(meeting.public_id), student_id))
        commands.append(("SISMEMBER", attended_key(meeting.public_id), roll_number))
    answers = ask(commands) if commands else []
    if answers is None or any(isinstance(answer, Exception) for answer in answers):
        return None
    return [
        (bool(joined), bool(attended)) for joined, attended in zip(answers[::2], answers[1::2], strict=True)
    ]


@dataclass(frozen=True)
class LiveSets:
    """The members of a meeting's two sets; ``total`` is the roster's size, None where nobody vouches for all this."""

    joined: frozenset[str]
    attended: frozenset[str]
    total: int | None


def live_sets(public_ids: Collection[str]) -> dict[str, LiveSets] | None:
    """The sets of open meetings by their public ids: one round trip. None where Redis is away."""
    names = list(public_ids)
    commands = [
        command
        for name in names
        for command in (
            ("SMEMBERS", joined_key(name)),
            ("SMEMBERS", attended_key(name)),
            ("GET", verified_key(name)),
        )
    ]
    answers = ask(commands) if commands else []
    if answers is None:
        return None
    return {name: _live_sets(name, *answers[place * 3 : place * 3 + 3]) for place, name in enumerate(names)}


def _live_sets(public_id: str, joined: Any, attended: Any, verified: Any) -> LiveSets:
    members = texts(joined), texts(attended)
    found = None
    if not isinstance(joined, Exception) and not isinstance(attended, Exception):
        found = verified_numbers(len(members[0]), len(members[1]), verified)
    return LiveSets(*members, total=found[2] if found and not doubts.holds(public_id) else None)


def redis_answers() -> bool:
    """Whether Redis answers now."""
    return ask([("PING",)]) is not None


# --- Writing: after the commit, never before --------------------------------------------------------------


def add(
    *, joined: Sequence[tuple[Meeting, str]] = (), attended: Sequence[tuple[Meeting, str]] = ()
) -> dict[int, Numbers]:
    """Put students who joined (by their ids) or are present (by their roll numbers) into the sets: one round trip.

    :returns: the counts after that of those meetings whose sets are vouched for, by primary key
    """
    now = timezone.now()
    members: dict[str, list[str]] = {}
    meetings: dict[int, Meeting] = {}
    for key_of, added in ((joined_key, joined), (attended_key, attended)):
        for meeting, member in added:
            if sets_are_kept(meeting, now):
                members.setdefault(key_of(meeting.public_id), []).append(member)
                meetings[meeting.pk] = meeting
    if not meetings:
        return {}
    written = list(meetings.values())
    commands: list[Command] = [("SADD", key, *names) for key, names in members.items()]
    for meeting in written:
        if meeting.ended_at:
            commands += life_commands(meeting)
    answers = ask([*commands, *reading(written)])
    if answers is None:
        for meeting in written:
            doubts.add(meeting.public_id)
        return {}
    return vouched_in(answers[len(commands) :], written)


def sync(meeting: Meeting, student_pks: Collection[int]) -> None:
    """Brings the students' membership in line with the database after a correction, whichever way it went."""
    if student_pks and sets_are_kept(meeting, timezone.now()):
        settle_students(meeting, student_pks)


def forget_verified(meetings: Iterable[Meeting]) -> None:
    """Makes the next read compare the sets with the database: after anything that changes many records at once."""
    ask([("DEL", verified_key(meeting.public_id)) for meeting in meetings])
