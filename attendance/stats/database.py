"""Who joined and who is present according to PostgreSQL, which the sets are compared with."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Q, Value

from attendance.models import ATTENDED, Meeting, RosterEntry


@dataclass(frozen=True)
class Members:
    """Who belongs in a meeting's two sets. ``total`` is the roster's size, if all of it was read."""

    joined: frozenset[str]
    attended: frozenset[str]
    total: int = field(default=0, compare=False)

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many joined, how many are present, and the size of the roster."""
        return len(self.joined), len(self.attended), self.total


def counts_in_database(meetings: Collection[Meeting]) -> dict[int, tuple[int, int, int]]:
    """How many joined, how many are present, and the roster's size, by the meeting's primary key."""
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
    """Who belongs in each meeting's sets; limited to these students and roll numbers if they are given."""
    entries = RosterEntry.objects.filter(meeting__in=meetings).counted()
    has_joined, has_attended = Q(record__joined_at__isnull=False), Q(record__status__in=ATTENDED)
    if student_ids is not None or roll_numbers is not None:
        named = Q(student__student_id__in=_storable(student_ids))
        numbered = Q(roll_number__in=_storable(roll_numbers))
        entries = entries.filter(named | numbered)
        has_joined, has_attended = has_joined & named, has_attended & numbered
    rows = entries.values("meeting_id").annotate(
        joined=ArrayAgg("student__student_id", filter=has_joined, default=Value([])),
        attended=ArrayAgg("roll_number", filter=has_attended, default=Value([])),
        total=Count("student_id"),
    )
    found = {
        row["meeting_id"]: Members(frozenset(row["joined"]), frozenset(row["attended"]), row["total"])
        for row in rows
    }
    empty = Members(frozenset(), frozenset())
    return {meeting.pk: found.get(meeting.pk, empty) for meeting in meetings}


def _storable(texts: Collection[str] | None) -> list[str]:
    """Those that PostgreSQL can store: a damaged set may contain any bytes."""
    return [text for text in texts or () if text.isprintable()]
