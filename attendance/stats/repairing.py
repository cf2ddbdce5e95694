"""Making the sets equal to the database while others mark and correct."""

import logging
import random
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from attendance import metrics
from attendance.models import Meeting, RosterEntry
from attendance.stats import doubts
from attendance.stats.live_redis import (
    Command,
    ask,
    attended_key,
    joined_key,
    life_commands,
    repair_key,
    verified_key,
)
from attendance.stats.members import Members, members_in_database

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


@dataclass(frozen=True)
class Difference:
    """What the sets of one meeting had too few and too many of what they should hold, and which keys were no sets."""

    meeting: Meeting
    truth: Members
    joined_missing: frozenset[str]
    joined_strange: frozenset[str]
    attended_missing: frozenset[str]
    attended_strange: frozenset[str]
    wrong_type: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.joined or self.attended or self.wrong_type)

    @property
    def joined(self) -> frozenset[str]:
        return self.joined_missing | self.joined_strange

    @property
    def attended(self) -> frozenset[str]:
        return self.attended_missing | self.attended_strange


def repair(meetings: Sequence[Meeting]) -> list[Difference]:
    """Makes the sets of the meetings equal to the database, if nobody else is at it.

    The order closes the race with marks and corrections that go on meanwhile. The sets are read before the
    database: whoever is in a set was committed before, so the database read that follows knows of it. A member that
    is added or removed here may be changed by another at the same moment, so the database is read again for exactly
    those members until it agrees with what was written last. (See docs/architecture.md for the interleavings.)

    :returns: what was found in the sets of the meetings that were compared and settled
    """
    # A caller's transaction would see neither what others commit nor, on rollback, what it repaired by.
    if connection.in_atomic_block:
        return []
    locks = ask(
        [("SET", repair_key(meeting.public_id), "1", "NX", "PX", REPAIR_MILLISECONDS) for meeting in meetings]
    )
    mine = [meeting for meeting, lock in zip(meetings, locks or [], strict=False) if lock is True]
    if not mine:
        return []
    # Before anything is read: a write that fails from here on is doubtful again.
    doubtful = doubts.take([meeting.public_id for meeting in mine])
    comparison = f"comparing {secrets.token_hex(8)}"
    read = ask(
        [command for meeting in mine for command in _comparison_commands(meeting.public_id, comparison)]
    )
    if read is None:
        for public_id in doubtful:
            doubts.add(public_id)
        return []
    truth = members_in_database(mine)
    settled = []
    for position, meeting in enumerate(mine):
        _, joined, attended = read[position * 3 : position * 3 + 3]
        difference = compare(meeting, joined, attended, truth[meeting.pk])
        if _is_settled(difference):
            settled.append(difference)
        else:
            doubts.add(meeting.public_id)
    _vouch_for(settled, comparison)
    return settled


def _comparison_commands(public_id: str, comparison: str) -> list[Command]:
    life = random.randint(*VERIFIED_MILLISECONDS)  # noqa: S311 - jitter
    return [
        # The life of what will vouch begins here, before anything is read.
        ("SET", verified_key(public_id), comparison, "PX", life),
        *set_commands(public_id),
    ]


def set_commands(public_id: str) -> list[Command]:
    """What reads both sets."""
    return [("SMEMBERS", joined_key(public_id)), ("SMEMBERS", attended_key(public_id))]


def compare(meeting: Meeting, joined: Any, attended: Any, truth: Members) -> Difference:
    """The answers to ``set_commands`` beside the truth. A key of another type answers with an exception."""
    return Difference(
        meeting,
        truth,
        joined_missing=truth.joined - texts(joined),
        joined_strange=texts(joined) - truth.joined,
        attended_missing=truth.attended - texts(attended),
        attended_strange=texts(attended) - truth.attended,
        wrong_type=tuple(
            name
            for name, value in (("joined", joined), ("attended", attended))
            if isinstance(value, Exception)
        ),
    )


def _is_settled(difference: Difference) -> bool:
    """Write the difference, and say whether the sets are right now."""
    meeting = difference.meeting
    keys = {"joined": joined_key(meeting.public_id), "attended": attended_key(meeting.public_id)}
    wrong_type = difference.wrong_type
    if wrong_type and ask([("DEL", keys[name]) for name in wrong_type]) is None:
        return False
    if not settle(meeting, difference.joined, difference.attended, difference.truth):
        return False
    if difference:
        _tell(difference)
    return True


def _vouch_for(settled: Sequence[Difference], comparison: str) -> None:
    commands: list[Command] = []
    for meeting, truth in ((difference.meeting, difference.truth) for difference in settled):
        sizes = ",".join(map(str, truth.counts))
        commands += [
            *life_commands(meeting),
            ("EVAL", _VOUCH, 1, verified_key(meeting.public_id), comparison, sizes),
            ("DEL", repair_key(meeting.public_id)),
        ]
    if commands:
        ask(commands)


def _tell(difference: Difference) -> None:
    joined, attended = len(difference.joined), len(difference.attended)
    metrics.sets_repaired(joined=joined, attended=attended, wrong_type=difference.wrong_type)
    logger.warning(
        "sets_repaired",
        extra={
            "session": difference.meeting.public_id,
            "joined": joined,
            "attended": attended,
            "wrong_type": ",".join(difference.wrong_type),
        },
    )


def settle_students(meeting: Meeting, student_pks: Collection[int]) -> None:
    """Brings the students' membership in line with the database, whichever way it changed."""
    entries = RosterEntry.objects.filter(meeting=meeting, student__in=student_pks)
    known = entries.values_list("student__student_id", "roll_number")
    if not settle(meeting, [row[0] for row in known], [row[1] for row in known]):
        doubts.add(meeting.public_id)


def settle(
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
        truth = truth or members_in_database([meeting], student_ids, roll_numbers)[meeting.pk]
        written = Members(truth.joined & set(student_ids), truth.attended & set(roll_numbers))
        if ask(_member_commands(meeting, written, student_ids, roll_numbers)) is None:
            return False
        truth = members_in_database([meeting], student_ids, roll_numbers)[meeting.pk]
        if truth == written:
            return True
    return False


def _member_commands(
    meeting: Meeting, members: Members, student_ids: Collection[str], roll_numbers: Collection[str]
) -> list[Command]:
    commands: list[Command] = []
    for key, present, doubtful in (
        (joined_key(meeting.public_id), members.joined, student_ids),
        (attended_key(meeting.public_id), members.attended, roll_numbers),
    ):
        if present:
            commands.append(("SADD", key, *present))
        if absent := set(doubtful) - present:
            commands.append(("SREM", key, *(member.encode(errors="surrogateescape") for member in absent)))
    return commands + life_commands(meeting)


def texts(members: Any) -> frozenset[str]:
    """What a set held; a key of another type held nobody."""
    if isinstance(members, Exception):
        return frozenset()
    return frozenset(member.decode(errors="surrogateescape") for member in members)
