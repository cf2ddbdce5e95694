"""Reading the counts that somebody vouches for: one round trip, and no query."""

from collections.abc import Sequence
from typing import Any

from attendance.models import Meeting
from attendance.stats import doubts
from attendance.stats.live_redis import Command, ask, attended_key, joined_key, verified_key

# How many joined, are present, and are on the roster.
Numbers = tuple[int, int, int]


def vouched_counts(meetings: Sequence[Meeting]) -> dict[int, Numbers] | None:
    """The counts of those meetings whose sets are vouched for, by primary key; None where Redis is away."""
    answers = ask(reading(meetings))
    return None if answers is None else vouched_in(answers, meetings)


def reading(meetings: Sequence[Meeting]) -> list[Command]:
    """The commands whose answers ``vouched_in`` reads."""
    return [command for meeting in meetings for command in _read_commands(meeting.public_id)]


def vouched_in(answers: Sequence[Any], meetings: Sequence[Meeting]) -> dict[int, Numbers]:
    """The counts of those of the meetings that somebody vouches for, by primary key."""
    found = {}
    for position, meeting in enumerate(meetings):
        numbers = verified_numbers(*answers[position * 3 : position * 3 + 3])
        if numbers and not doubts.holds(meeting.public_id):
            found[meeting.pk] = numbers
    return found


def verified_numbers(joined: Any, attended: Any, verified: Any) -> Numbers | None:
    """Joined, present and total, if somebody vouches for them. A key of another type answers with an error here."""
    if not (isinstance(joined, int) and isinstance(attended, int) and isinstance(verified, bytes)):
        return None
    try:
        at_least_joined, at_least_attended, total = map(int, verified.split(b","))
    except ValueError:
        return None
    if joined < at_least_joined or attended < at_least_attended:
        return None
    return joined, attended, total


def _read_commands(public_id: str) -> list[Command]:
    return [
        ("SCARD", joined_key(public_id)),
        ("SCARD", attended_key(public_id)),
        ("GET", verified_key(public_id)),
    ]
