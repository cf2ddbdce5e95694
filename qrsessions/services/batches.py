"""What a batch of joins and a batch of scans have in common: the limits, one transaction, and the counts after it."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone

from attendance.lib.rate_limits import Limit
from attendance.lib.refusals import Refused
from attendance.models import Student
from attendance.stats import Stats, meeting_stats
from qrsessions.models import QRSession


class OfStudent(Protocol):
    """What a student's phone asked for."""

    @property
    def student(self) -> Student: ...


Item = TypeVar("Item", bound=OfStudent)
Written = TypeVar("Written")
# The session where the student counts, and what is written there.
Decided = tuple[QRSession, Written]


def decide_batch(
    items: Sequence[Item],
    *,
    limit: Limit,
    decide: Callable[[Sequence[Item]], Sequence[Decided[Written] | Refused]],
) -> list[tuple[QRSession, Written, Stats] | Exception]:
    """The outcome of each item, with the live counts after all of them. The items are of different students.

    :param limit: how often a student may try
    :param decide: decides and writes the items inside one transaction
    """
    refusals = limit.allow_each([str(item.student.pk) for item in items])
    allowed = [item for item, refusal in zip(items, refusals, strict=True) if not refusal]
    outcomes = iter(_write(allowed, decide) if allowed else ())
    return [refusal or next(outcomes) for refusal in refusals]


def _write(
    items: Sequence[Item],
    decide: Callable[[Sequence[Item]], Sequence[Decided[Written] | Refused]],
) -> list[tuple[QRSession, Written, Stats] | Exception]:
    """In one transaction; if the database refuses a row, each item in a transaction of its own."""
    try:
        with transaction.atomic():
            outcomes = decide(items)
    except IntegrityError:
        if len(items) == 1:
            raise
        return [_write([item], decide)[0] for item in items]
    meetings = {one[0].pk: one[0].meeting for one in outcomes if not isinstance(one, Refused)}
    stats = meeting_stats(list(meetings.values()), at=timezone.now())
    return [one if isinstance(one, Refused) else (*one, stats[one[0].pk]) for one in outcomes]
