"""Makes the sets equal to the database while other requests mark and correct."""

import logging
import random
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from attendance import metrics
from attendance.models import Meeting, RosterEntry
from attendance.stats import failed_writes
from attendance.stats.connection import (
    Command,
    attended_key,
    expiry_commands,
    joined_key,
    repair_key,
    send_commands,
    verified_key,
)
from attendance.stats.database import Members, members_in_database
from attendance.stats.restarts import server_id
from attendance.stats.verified import verified_value

logger = logging.getLogger("rollcall.stats")

VERIFIED_MILLISECONDS = (7_000, 10_000)
REPAIR_MILLISECONDS = 3_000
# How often a repair reads the database again before it gives up and leaves the set to the next repair.
MAX_ATTEMPTS = 10

# Writes the numbers only if our marker is still there, and keeps the marker's expiry. So a repair that was overtaken,
# or that hung while Redis was stopped, cannot mark sets as verified that may have changed since.
_SET_VERIFIED = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
end
"""


@dataclass(frozen=True)
class Difference:
    """How a meeting's sets differed from the database: missing and extra members, and keys that were not sets."""

    meeting: Meeting
    expected: Members
    joined_missing: frozenset[str]
    joined_extra: frozenset[str]
    attended_missing: frozenset[str]
    attended_extra: frozenset[str]
    wrong_type: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.joined or self.attended or self.wrong_type)

    @property
    def joined(self) -> frozenset[str]:
        return self.joined_missing | self.joined_extra

    @property
    def attended(self) -> frozenset[str]:
        return self.attended_missing | self.attended_extra


def repair(meetings: Sequence[Meeting]) -> list[Difference]:
    """Make the sets of the meetings equal to the database, except those that another process is repairing.

    Marks and corrections continue during a repair; the order of the steps keeps the result right. The sets are read before the
    database: a member enters a set after its commit, so the later read of the database includes it. Another request
    may change a member while the repair writes it, so the database is read again for those members until it agrees
    with what was written. tests/attendance/stats/test_interleavings.py tries every step.

    :returns: the differences found, for those meetings whose sets are right now
    """
    # The caller may roll back what this would read and write into the sets.
    if connection.in_atomic_block:
        return []
    locks = send_commands(
        [("SET", repair_key(meeting.public_id), "1", "NX", "PX", REPAIR_MILLISECONDS) for meeting in meetings]
    )
    mine = [meeting for meeting, lock in zip(meetings, locks or [], strict=False) if lock is True]
    if not mine:
        return []
    # Before reading anything: a write that fails after this must count as failed, and the server may be replaced.
    server = server_id()
    failed = failed_writes.take([meeting.public_id for meeting in mine])
    marker = f"comparing {secrets.token_hex(8)}"
    read = send_commands(
        [command for meeting in mine for command in _comparison_commands(meeting.public_id, marker)]
    )
    if read is None:
        for public_id in failed:
            failed_writes.add(public_id)
        return []
    expected = members_in_database(mine)
    repaired = []
    for index, meeting in enumerate(mine):
        _, joined, attended = read[index * 3 : index * 3 + 3]
        difference = compare(meeting, joined, attended, expected[meeting.pk])
        if _write_difference(difference):
            repaired.append(difference)
        else:
            failed_writes.add(meeting.public_id)
    _mark_verified(repaired, marker, server=server)
    return repaired


def _comparison_commands(public_id: str, marker: str) -> list[Command]:
    milliseconds = random.randint(*VERIFIED_MILLISECONDS)  # noqa: S311 - jitter
    return [
        # The expiry of ``verified`` is set here, before anything is read.
        ("SET", verified_key(public_id), marker, "PX", milliseconds),
        *set_commands(public_id),
    ]


def set_commands(public_id: str) -> list[Command]:
    """The commands that read both sets."""
    return [("SMEMBERS", joined_key(public_id)), ("SMEMBERS", attended_key(public_id))]


def compare(meeting: Meeting, joined: Any, attended: Any, expected: Members) -> Difference:
    """Compare the answers to ``set_commands`` with the expected members; for a wrong type the answer is an exception."""
    return Difference(
        meeting,
        expected,
        joined_missing=expected.joined - decode_members(joined),
        joined_extra=decode_members(joined) - expected.joined,
        attended_missing=expected.attended - decode_members(attended),
        attended_extra=decode_members(attended) - expected.attended,
        wrong_type=tuple(
            name
            for name, value in (("joined", joined), ("attended", attended))
            if isinstance(value, Exception)
        ),
    )


def _write_difference(difference: Difference) -> bool:
    """Correct the sets, and return whether they are right now."""
    meeting = difference.meeting
    keys = {"joined": joined_key(meeting.public_id), "attended": attended_key(meeting.public_id)}
    wrong_type = difference.wrong_type
    if wrong_type and send_commands([("DEL", keys[name]) for name in wrong_type]) is None:
        return False
    if not write_members(meeting, difference.joined, difference.attended, difference.expected):
        return False
    if difference:
        _log_repair(difference)
    return True


def _mark_verified(repaired: Sequence[Difference], marker: str, *, server: str) -> None:
    commands: list[Command] = []
    for meeting, expected in ((difference.meeting, difference.expected) for difference in repaired):
        value = verified_value(expected.counts, server=server)
        commands += [
            *expiry_commands(meeting),
            ("EVAL", _SET_VERIFIED, 1, verified_key(meeting.public_id), marker, value),
            ("DEL", repair_key(meeting.public_id)),
        ]
    if commands:
        send_commands(commands)


def _log_repair(difference: Difference) -> None:
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


def sync_students(meeting: Meeting, student_pks: Collection[int]) -> None:
    """Make the sets agree with the database for these students."""
    entries = RosterEntry.objects.filter(meeting=meeting, student__in=student_pks)
    known = entries.values_list("student__student_id", "roll_number")
    if not write_members(meeting, [row[0] for row in known], [row[1] for row in known]):
        failed_writes.add(meeting.public_id)


def write_members(
    meeting: Meeting,
    student_ids: Collection[str],
    roll_numbers: Collection[str],
    expected: Members | None = None,
) -> bool:
    """Write these members as the database has them, until a new read agrees with what was written.

    :param expected: the members as just read from the database
    :returns: False if Redis went away, or if the same members kept changing
    """
    if not student_ids and not roll_numbers:
        return True
    for _ in range(MAX_ATTEMPTS):
        expected = expected or members_in_database([meeting], student_ids, roll_numbers)[meeting.pk]
        written = Members(expected.joined & set(student_ids), expected.attended & set(roll_numbers))
        if send_commands(_member_commands(meeting, written, student_ids, roll_numbers)) is None:
            return False
        expected = members_in_database([meeting], student_ids, roll_numbers)[meeting.pk]
        if expected == written:
            return True
    return False


def _member_commands(
    meeting: Meeting, members: Members, student_ids: Collection[str], roll_numbers: Collection[str]
) -> list[Command]:
    commands: list[Command] = []
    for key, present, checked in (
        (joined_key(meeting.public_id), members.joined, student_ids),
        (attended_key(meeting.public_id), members.attended, roll_numbers),
    ):
        if present:
            commands.append(("SADD", key, *present))
        if absent := set(checked) - present:
            commands.append(("SREM", key, *(member.encode(errors="surrogateescape") for member in absent)))
    return commands + expiry_commands(meeting)


def decode_members(members: Any) -> frozenset[str]:
    """The members of a set; none for a key of the wrong type."""
    if isinstance(members, Exception):
        return frozenset()
    return frozenset(member.decode(errors="surrogateescape") for member in members)
