"""How a class came in over time: how many had joined and how many were present at each moment, as a small curve."""

import datetime
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from django.db.models import Q

from attendance.models import ATTENDED, Meeting, RosterEntry

# The drawing's own units; its width stretches with the page.
WIDTH, HEIGHT = 400, 80
# More points than these nobody sees.
POINTS = 60
_TOP = 4


@dataclass(frozen=True)
class Arrivals:
    """Cumulative counts at evenly spaced moments from ``began`` to ``until``, the last arrival.

    What was entered after the end stands at the end.
    """

    began: datetime.datetime
    until: datetime.datetime
    joined: list[int]
    present: list[int]

    # As the template asks for them.
    width, height = WIDTH, HEIGHT

    @property
    def highest(self) -> int:
        return max(self.joined[-1], self.present[-1])

    @property
    def joined_line(self) -> str:
        return self._line(self.joined)

    @property
    def present_line(self) -> str:
        return self._line(self.present)

    @property
    def present_area(self) -> str:
        return f"{self.present_line} V{HEIGHT} H0 Z"

    def _line(self, counts: Sequence[int]) -> str:
        step = WIDTH / (len(counts) - 1)
        scale = (HEIGHT - _TOP) / (self.highest or 1)
        points = (f"{place * step:.4g} {HEIGHT - count * scale:.4g}" for place, count in enumerate(counts))
        return "M" + " L".join(points)

    def half_present_at(self) -> datetime.datetime | None:
        """When half of those who are present were; None where nobody is."""
        half = self.present[-1] / 2
        if not half:
            return None
        place = next(place for place, count in enumerate(self.present) if count >= half)
        return self.began + (self.until - self.began) * place / (len(self.present) - 1)


def arrivals(
    meetings: Sequence[Meeting], *, opened_at: datetime.datetime, ended_at: datetime.datetime | None
) -> Arrivals | None:
    """The arrivals of one meeting, or of all of a group, where every student counts once; None before the first.

    :param ended_at: the end of the session, where it has ended
    """
    came = RosterEntry.objects.filter(meeting__in=meetings).counted()
    came = came.filter(Q(record__joined_at__isnull=False) | Q(record__status__in=ATTENDED))
    rows = list(came.values_list("record__joined_at", "record__marked_at", "record__status"))
    if not rows:
        return None
    joined = [joined_at for joined_at, _, _ in rows if joined_at]
    present = [marked_at for _, marked_at, status in rows if marked_at and status in ATTENDED]
    moments = _within([*joined, *present], ended_at)
    began, until = min(opened_at, *moments), max(moments)
    return Arrivals(
        began,
        until,
        _cumulative(_within(joined, ended_at), began, until),
        _cumulative(_within(present, ended_at), began, until),
    )


def _within(
    moments: Iterable[datetime.datetime], ended_at: datetime.datetime | None
) -> list[datetime.datetime]:
    return [min(moment, ended_at) if ended_at else moment for moment in moments]


def _cumulative(
    moments: Sequence[datetime.datetime], began: datetime.datetime, until: datetime.datetime
) -> list[int]:
    seconds = (until - began).total_seconds()
    new = [0] * POINTS
    for moment in moments:
        part = (moment - began).total_seconds() / seconds if seconds else 1
        # At the first point that is not before it.
        new[math.ceil(part * (POINTS - 1))] += 1
    return list(accumulate(new))
