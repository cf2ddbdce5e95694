"""The live counts: how many joined, how many are present. The only module that knows Redis.

``session:{id}:joined`` is the set of the student ids who joined, ``session:{id}:attended`` the set of the roll
numbers who were marked present or late. A count is a set's cardinality (SCARD), so nothing is ever incremented.
PostgreSQL comes first: what is in a set was committed before. This module may lose everything that it holds:
the next read answers from the database and repairs the sets.

``session:{id}:verified`` says that the sets were compared with the database at most 10 s ago, and holds the two
cardinalities found. Where it is missing, or a set is smaller than it says, the answer comes from the database.
"""

import datetime
import enum
import logging
import random
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone
from django_redis import get_redis_connection
from redis.exceptions import RedisError, ResponseError

from attendance.breaker import CircuitBreaker
from attendance.models import ATTENDED, Meeting, RosterEntry

logger = logging.getLogger("rollcall.stats")

VERIFIED_MILLISECONDS = (7_000, 10_000)
REPAIR_MILLISECONDS = 3_000
# How often a repair reads the database again before it leaves the rest to the next one.
CONFIRMATIONS = 10

# Only the repair that began this comparison may vouch for it, and only as long as it said at its beginning: a
# command that hung while Redis was stopped must not vouch for what happened meanwhile.
_VOUCH = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
end
"""

# A command as it goes over the wire, such as ("SCARD", "session:7GK2QM9X:joined").
Command = tuple[str | bytes | int, ...]

breaker = CircuitBreaker(probe_seconds=1.0)

# The public ids of meetings to whose sets this process could not write: nobody vouches for them here until they are
# repaired, so that the answer to a mark counts that mark. What another process could not write heals within 10 s.
_unwritten: set[str] = set()


class Source(enum.StrEnum):
    REDIS = "redis"
    DATABASE = "database"


@dataclass(frozen=True)
class Counts:
    """What a hall sees of one meeting. ``source`` is ``redis`` whenever Redis answered."""

    joined: int
    present: int
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


# --- Reading ----------------------------------------------------------------------------------------------


def meeting_stats(meetings: Sequence[Meeting], *, at: datetime.datetime) -> dict[int, Stats]:
    """The stats of each meeting by its primary key: one query and one round trip to Redis, however many they are."""
    totals = dict(
        RosterEntry.objects.filter(meeting__in=meetings)
        .counted()
        .values_list("meeting_id")
        .annotate(total=Count("student_id"))
    )
    return {
        meeting_id: Stats(totals.get(meeting_id, 0), counts.joined, counts.present, counts.source, at)
        for meeting_id, counts in live_counts(meetings, at=at).items()
    }


def live_counts(meetings: Sequence[Meeting], *, at: datetime.datetime) -> dict[int, Counts]:
    """How many joined and are present at each meeting, by its primary key."""
    kept = [meeting for meeting in meetings if _sets_are_kept(meeting, at)]
    answers: list[Any] | None = None
    if kept:
        answers = _ask([command for meeting in kept for command in _read_commands(meeting.public_id)])
    counts: dict[int, Counts] = {}
    if answers is not None:
        for position, meeting in enumerate(kept):
            found = _verified_counts(*answers[position * 3 : position * 3 + 3])
            if found and meeting.public_id not in _unwritten:
                counts[meeting.pk] = Counts(*found, Source.REDIS)
    unverified = [meeting for meeting in meetings if meeting.pk not in counts]
    if unverified:
        source = Source.DATABASE if kept and answers is None else Source.REDIS
        expected = _counts_in_database(unverified)
        counts |= {pk: Counts(*numbers, source) for pk, numbers in expected.items()}
        if answers is not None:
            repair([meeting for meeting in unverified if meeting in kept])
    return counts


def redis_answers() -> bool:
    """Whether Redis answers now."""
    return _ask([("PING",)]) is not None


def _read_commands(public_id: str) -> list[Command]:
    return [
        ("SCARD", _joined_key(public_id)),
        ("SCARD", _attended_key(public_id)),
        ("GET", _verified_key(public_id)),
    ]


def _verified_counts(joined: Any, attended: Any, verified: Any) -> tuple[int, int] | None:
    """The two cardinalities, if somebody vouches for them. A key of another type answers with an error here."""
    if not (isinstance(joined, int) and isinstance(attended, int) and isinstance(verified, bytes)):
        return None
    try:
        at_least_joined, at_least_attended = map(int, verified.split(b","))
    except ValueError:
        return None
    if joined < at_least_joined or attended < at_least_attended:
        return None
    return joined, attended


def _counts_in_database(meetings: Collection[Meeting]) -> dict[int, tuple[int, int]]:
    rows = (
        RosterEntry.objects.filter(meeting__in=meetings)
        .counted()
        .values("meeting_id")
        .annotate(
            joined=Count("student_id", filter=Q(record__joined_at__isnull=False)),
            present=Count("student_id", filter=Q(record__status__in=ATTENDED)),
        )
    )
    found = {row["meeting_id"]: (row["joined"], row["present"]) for row in rows}
    return {meeting.pk: found.get(meeting.pk, (0, 0)) for meeting in meetings}


# --- Writing: after the commit, never before --------------------------------------------------------------


def add_joined(meeting: Meeting, student_ids: Collection[str]) -> None:
    _add(meeting, _joined_key(meeting.public_id), student_ids)


def add_attended(meeting: Meeting, roll_numbers: Collection[str]) -> None:
    _add(meeting, _attended_key(meeting.public_id), roll_numbers)


def _add(meeting: Meeting, key: str, members: Collection[str]) -> None:
    if members and _sets_are_kept(meeting, timezone.now()):
        written = _ask([("SADD", key, *members), *(_life_commands(meeting) if meeting.ended_at else [])])
        if written is None:
            _unwritten.add(meeting.public_id)


def sync(meeting: Meeting, student_pks: Collection[int]) -> None:
    """Brings the students' membership in line with the database after a correction, whichever way it went."""
    if not student_pks or not _sets_are_kept(meeting, timezone.now()):
        return
    entries = RosterEntry.objects.filter(meeting=meeting, student__in=student_pks)
    known = entries.values_list("student__student_id", "roll_number")
    if not _settle(meeting, [row[0] for row in known], [row[1] for row in known]):
        _unwritten.add(meeting.public_id)


def forget_verified(meetings: Iterable[Meeting]) -> None:
    """Makes the next read compare the sets with the database: after anything that changes many records at once."""
    _ask([("DEL", _verified_key(meeting.public_id)) for meeting in meetings])


def delete_sets(public_ids: Iterable[str]) -> None:
    """Removes all that Redis holds of meetings that no longer exist."""
    _ask([("DEL", key) for public_id in public_ids for key in _all_keys(public_id)])


# --- Repair -----------------------------------------------------------------------------------------------


def repair(meetings: Sequence[Meeting]) -> None:
    """Makes the sets of the meetings equal to the database, if nobody else is at it.

    The order closes the race with marks and corrections that go on meanwhile. The sets are read before the
    database: whoever is in a set was committed before, so the database read that follows knows of it. A member that
    is added or removed here may be changed by another at the same moment, so the database is read again for exactly
    those members until it agrees with what was written last. (See docs/architecture.md for the interleavings.)
    """
    # A caller's transaction would see neither what others commit nor, on rollback, what it repaired by.
    if connection.in_atomic_block:
        return
    locks = _ask(
        [
            ("SET", _repair_key(meeting.public_id), "1", "NX", "PX", REPAIR_MILLISECONDS)
            for meeting in meetings
        ]
    )
    mine = [meeting for meeting, lock in zip(meetings, locks or [], strict=False) if lock is True]
    if not mine:
        return
    # Before anything is read: a write that fails from here on is doubtful again.
    doubtful = _unwritten.intersection(meeting.public_id for meeting in mine)
    _unwritten.difference_update(doubtful)
    comparison = f"comparing {secrets.token_hex(8)}"
    read = _ask(
        [command for meeting in mine for command in _comparison_commands(meeting.public_id, comparison)]
    )
    if read is None:
        _unwritten.update(doubtful)
        return
    truth = _members_in_database(mine)
    for position, meeting in enumerate(mine):
        _, joined, attended = read[position * 3 : position * 3 + 3]
        if not _repair_one(meeting, joined, attended, truth[meeting.pk], comparison):
            _unwritten.add(meeting.public_id)


def _comparison_commands(public_id: str, comparison: str) -> list[Command]:
    life = random.randint(*VERIFIED_MILLISECONDS)  # noqa: S311 - jitter
    return [
        # The life of what will vouch begins here, before anything is read.
        ("SET", _verified_key(public_id), comparison, "PX", life),
        ("SMEMBERS", _joined_key(public_id)),
        ("SMEMBERS", _attended_key(public_id)),
    ]


def _repair_one(meeting: Meeting, joined: Any, attended: Any, truth: "Members", comparison: str) -> bool:
    """Write the difference and, where that is settled, vouch for it.

    :returns: whether it is settled
    """
    wrong_type = [
        key
        for key, value in (
            (_joined_key(meeting.public_id), joined),
            (_attended_key(meeting.public_id), attended),
        )
        if isinstance(value, Exception)
    ]
    if wrong_type and _ask([("DEL", key) for key in wrong_type]) is None:
        return False
    doubtful_joined = truth.joined ^ _texts(joined)
    doubtful_attended = truth.attended ^ _texts(attended)
    if doubtful_joined or doubtful_attended or wrong_type:
        logger.warning(
            "sets_repaired",
            extra={
                "session": meeting.public_id,
                "joined": len(doubtful_joined),
                "attended": len(doubtful_attended),
            },
        )
    if not _settle(meeting, doubtful_joined, doubtful_attended, truth):
        return False
    cardinalities = f"{len(truth.joined)},{len(truth.attended)}"
    verified = _verified_key(meeting.public_id)
    _ask(
        [
            *_life_commands(meeting),
            ("EVAL", _VOUCH, 1, verified, comparison, cardinalities),
            ("DEL", _repair_key(meeting.public_id)),
        ]
    )
    return True


@dataclass(frozen=True)
class Members:
    """Who is in a meeting's two sets, by right."""

    joined: frozenset[str]
    attended: frozenset[str]


def _settle(
    meeting: Meeting,
    student_ids: Collection[str],
    roll_numbers: Collection[str],
    truth: Members | None = None,
) -> bool:
    """Writes the doubtful members as the database has them, until a read agrees with the last write.

    :returns: whether it agreed; if not, Redis went away or others changed the same members all the time
    """
    if not student_ids and not roll_numbers:
        return True
    for _ in range(CONFIRMATIONS):
        truth = truth or _members_in_database([meeting], student_ids, roll_numbers)[meeting.pk]
        written = Members(truth.joined & set(student_ids), truth.attended & set(roll_numbers))
        if _ask(_member_commands(meeting, written, student_ids, roll_numbers)) is None:
            return False
        truth = _members_in_database([meeting], student_ids, roll_numbers)[meeting.pk]
        if truth == written:
            return True
    return False


def _member_commands(
    meeting: Meeting, members: Members, student_ids: Collection[str], roll_numbers: Collection[str]
) -> list[Command]:
    commands: list[Command] = []
    for key, present, doubtful in (
        (_joined_key(meeting.public_id), members.joined, student_ids),
        (_attended_key(meeting.public_id), members.attended, roll_numbers),
    ):
        if present:
            commands.append(("SADD", key, *present))
        if absent := set(doubtful) - present:
            commands.append(("SREM", key, *(member.encode(errors="surrogateescape") for member in absent)))
    return commands + _life_commands(meeting)


def _members_in_database(
    meetings: Sequence[Meeting],
    student_ids: Collection[str] | None = None,
    roll_numbers: Collection[str] | None = None,
) -> dict[int, Members]:
    """Who is in the sets by right; of the named students and roll numbers only, where they are given."""
    entries = RosterEntry.objects.filter(meeting__in=meetings).counted()
    if student_ids is not None or roll_numbers is not None:
        entries = entries.filter(
            Q(student__student_id__in=_storable(student_ids)) | Q(roll_number__in=_storable(roll_numbers))
        )
    rows = entries.values_list(
        "meeting_id", "student__student_id", "roll_number", "record__joined_at", "record__status"
    ).filter(record__isnull=False)
    joined: dict[int, set[str]] = {meeting.pk: set() for meeting in meetings}
    attended: dict[int, set[str]] = {meeting.pk: set() for meeting in meetings}
    for meeting_id, student_id, roll_number, joined_at, status in rows:
        if joined_at and (student_ids is None or student_id in student_ids):
            joined[meeting_id].add(student_id)
        if status in ATTENDED and (roll_numbers is None or roll_number in roll_numbers):
            attended[meeting_id].add(roll_number)
    return {pk: Members(frozenset(joined[pk]), frozenset(attended[pk])) for pk in joined}


# --- Redis ------------------------------------------------------------------------------------------------


def _joined_key(public_id: str) -> str:
    return f"session:{public_id}:joined"


def _attended_key(public_id: str) -> str:
    return f"session:{public_id}:attended"


def _verified_key(public_id: str) -> str:
    return f"session:{public_id}:verified"


def _repair_key(public_id: str) -> str:
    return f"session:{public_id}:repair"


def _all_keys(public_id: str) -> list[str]:
    return [key(public_id) for key in (_joined_key, _attended_key, _verified_key, _repair_key)]


def _texts(members: Any) -> frozenset[str]:
    """What a set held; a key of another type held nobody."""
    if isinstance(members, Exception):
        return frozenset()
    return frozenset(member.decode(errors="surrogateescape") for member in members)


def _storable(texts: Collection[str] | None) -> list[str]:
    """Those that PostgreSQL could hold: a stranger in a set may be any bytes."""
    return [text for text in texts or () if text.isprintable()]


def _sets_are_kept(meeting: Meeting, at: datetime.datetime) -> bool:
    return meeting.ended_at is None or at < _kept_until(meeting.ended_at)


def _kept_until(ended_at: datetime.datetime) -> datetime.datetime:
    return ended_at + datetime.timedelta(seconds=settings.LIVE_SETS_KEPT_SECONDS)


def _life_commands(meeting: Meeting) -> list[Command]:
    """The sets of an open session live for ever, those of an ended one until it is long over."""
    keys = (_joined_key(meeting.public_id), _attended_key(meeting.public_id))
    if meeting.ended_at is None:
        return [("PERSIST", key) for key in keys]
    until = int(_kept_until(meeting.ended_at).timestamp())
    return [("EXPIREAT", key, until) for key in keys]


def _ask(commands: Sequence[Command]) -> list[Any] | None:
    """One round trip: the answers in the order of the commands, or None where Redis is away.

    A command that fails for its key alone answers with its exception.
    """
    if not breaker.allows():
        return None
    try:
        pipe = get_redis_connection("live").pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        answers: list[Any] = pipe.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, RedisError) and not _is_about_its_key(answer):
                raise answer
    except (RedisError, OSError) as error:
        if not breaker.is_open:
            logger.warning("redis_away", extra={"error": type(error).__name__})
        breaker.failed()
        return None
    breaker.succeeded()
    return answers


def _is_about_its_key(error: RedisError) -> bool:
    return isinstance(error, ResponseError) and str(error).startswith("WRONGTYPE")
