"""Reads verified counts: one round trip to Redis and no query."""

from collections.abc import Sequence
from typing import Any

from attendance.models import Meeting
from attendance.stats import failed_writes
from attendance.stats.connection import Command, attended_key, joined_key, send_commands, verified_key
from attendance.stats.restarts import server_id

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
    server = server_id()
    answers = send_commands(commands)
    if answers is None:
        return None
    if server_id() != server:
        # Some answers may be of a server that lost its last writes.
        return {}
    found = {}
    for index, meeting in enumerate(meetings):
        numbers = check_verified(*answers[index * 3 : index * 3 + 3], server=server)
        if numbers and not failed_writes.contains(meeting.public_id):
            found[meeting.pk] = numbers
    return found


def verified_value(counts: Numbers, *, server: str) -> str:
    """What ``verified`` holds: the three numbers, and the id of the server."""
    return ",".join([*map(str, counts), server])


def check_verified(joined: Any, attended: Any, verified: Any, *, server: str) -> Numbers | None:
    """The counts, or None if ``verified`` is missing or of another server, or if a set is smaller than it says.

    A key of the wrong type has an exception as its answer.
    """
    if not (isinstance(joined, int) and isinstance(attended, int) and isinstance(verified, bytes)):
        return None
    try:
        *numbers, verified_on = verified.decode().split(",")
        verified_joined, verified_attended, total = map(int, numbers)
    except ValueError:
        return None
    if verified_on != server or joined < verified_joined or attended < verified_attended:
        return None
    return joined, attended, total
