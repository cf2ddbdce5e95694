"""Reads verified counts: one round trip to Redis and no query."""

from collections.abc import Sequence
from typing import Any

from attendance.models import Meeting
from attendance.stats import failed_writes
from attendance.stats.connection import Command, attended_key, joined_key, send_commands, verified_key

# How many joined, how many are present, and the size of the roster.
Numbers = tuple[int, int, int]


def verified_counts(meetings: Sequence[Meeting]) -> dict[int, Numbers] | None:
    """The counts of those meetings whose sets are verified, by primary key; None if Redis is away."""
    commands: list[Command] = []
    for meeting in meetings:
        commands += [
            ("SCARD", joined_key(meeting.public_id)),
            ("SCARD", attended_key(meeting.public_id)),
            ("GET", verified_key(meeting.public_id)),
        ]
    answers = send_commands(commands)
    if answers is None:
        return None
    found = {}
    for index, meeting in enumerate(meetings):
        numbers = check_verified(*answers[index * 3 : index * 3 + 3])
        if numbers and not failed_writes.contains(meeting.public_id):
            found[meeting.pk] = numbers
    return found


def check_verified(joined: Any, attended: Any, verified: Any) -> Numbers | None:
    """The counts, or None if ``verified`` is missing or a set is smaller than it says.

    A key of the wrong type has an exception as its answer.
    """
    if not (isinstance(joined, int) and isinstance(attended, int) and isinstance(verified, bytes)):
        return None
    try:
        verified_joined, verified_attended, total = map(int, verified.split(b","))
    except ValueError:
        return None
    if joined < verified_joined or attended < verified_attended:
        return None
    return joined, attended, total
