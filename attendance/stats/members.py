"""The truth that the sets are compared with: who joined and who is present, as PostgreSQL has it."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from django.db.models import Count, Q

from attendance.models import ATTENDED, Meeting, RosterEntry


@dataclass(frozen=True)
class Members:
    """Who is in a meeting's two sets, by right; ``total`` is the roster's size, where the whole of it was read."""

    joined: frozenset[str]
    attended: frozenset[str]
    total: int = field(default=0, compare=False)


def counts_in_database(meetings: Collection[Meeting]) -> dict[int, tuple[int, int, int]]:
    """How many joined, are present, and are on the roster of each meeting, by its primary key."""
    rows = (
        RosterEntry.objects.filter(meeting__in=meetings)
        .counted()
        .values("meeting_id")
        .annotate(
            joined=Count("student_id", filter=Q(record__joined_at__isnull=False)),
            present=Count("student_id", filter=Q(record__status__in=ATTENDED)),
            total=Count("student_id"),
        )
    )
    found = {row["meeting_id"]: (row["joined"], row["present"], row["total"]) for row in rows}
    return {meeting.pk: found.get(meeting.pk, (0, 0, 0)) for meeting in meetings}


def members_in_database(
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
    )
    totals: Counter[int] = Counter()
    joined: dict[int, set[str]] = {meeting.pk: set() for meeting in meetings}
    attended: dict[int, set[str]] = {meeting.pk: set() for meeting in meetings}
    for meeting_id, student_id, roll_number, joined_at, status in rows:
        totals[meeting_id] += 1
        if joined_at and (student_ids is None or student_id in student_ids):
            joined[meeting_id].add(student_id)
        if status in ATTENDED and (roll_numbers is None or roll_number in roll_numbers):
            attended[meeting_id].add(roll_number)
    return {pk: Members(frozenset(joined[pk]), frozenset(attended[pk]), totals[pk]) for pk in joined}


def _storable(texts: Collection[str] | None) -> list[str]:
    """Those that PostgreSQL could hold: a stranger in a set may be any bytes."""
    return [text for text in texts or () if text.isprintable()]
