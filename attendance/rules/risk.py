"""Why a student is at risk: decided from where the student stands."""

from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from itertools import takewhile

from attendance.models import Status
from attendance.rules.standing import Result, Row, Standing

# Of fewer classes a low percentage says little, so nobody is listed for it.
MIN_CLASSES = 3
ABSENCES_IN_A_ROW = 3
# The trend: the last classes that count, against those before them. One absence of somebody who never misses is 25 points.
LAST_CLASSES = 4
FALL_POINTS = 30


class Risk(StrEnum):
    """The most serious first."""

    # Below the minimum, and no number of classes attended leads back to it.
    LOST = "lost"
    # Below the minimum.
    BELOW = "below"
    # Absent at each of the latest classes.
    ABSENCES = "absences"
    # Attended much less lately than before.
    FALLING = "falling"


def risks(result: Result, *, absences: int = ABSENCES_IN_A_ROW) -> list[Risk]:
    """Why a student with this result is at risk, the most serious reason first.

    :param result: with the meetings in the order in which they were held
    :param absences: how many absences in a row, up to the latest class, are a reason
    """
    found = []
    if result.standing is Standing.LOST:
        found.append(Risk.LOST)
    elif result.standing is Standing.BELOW and result.held >= MIN_CLASSES:
        found.append(Risk.BELOW)
    if latest_absences(result.rows) >= absences:
        found.append(Risk.ABSENCES)
    if is_falling(result.rows):
        found.append(Risk.FALLING)
    return found


def latest_absences(rows: Sequence[Row]) -> int:
    """At how many of the latest classes the student was absent. Excused classes and those without a status are passed over."""
    statuses = (row.meeting.status for row in reversed(rows))
    decided = (status for status in statuses if status not in (None, Status.EXCUSED))
    return sum(1 for _ in takewhile(lambda status: status is Status.ABSENT, decided))


def is_falling(rows: Sequence[Row]) -> bool:
    """Whether the student attended at least 30 points less of the last four classes that count than of those before.

    At least four classes must lie before them. Classes that the rule leaves out are passed over.
    """
    counts = [row.counts for row in rows if row.counts is not None]
    before, last = counts[:-LAST_CLASSES], counts[-LAST_CLASSES:]
    if len(before) < LAST_CLASSES:
        return False
    return Fraction(sum(before), len(before)) - Fraction(sum(last), len(last)) >= FALL_POINTS
