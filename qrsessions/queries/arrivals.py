"""How a class arrived: the curve of joins and marks over time, and the names of the latest arrivals."""

import datetime
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from django.db.models import Max, Q, QuerySet

from attendance.models import ATTENDED, AttendanceRecord, Meeting, MeetingState, RosterEntry, Section
from attendance.registers.dates import DateRange
from qrsessions.models import QRSession, SessionOrGroup, SessionStatus
from qrsessions.queries.groups import sessions_in

# In units of the SVG, which the page stretches.
WIDTH, HEIGHT = 400, 80
# Enough for a smooth line.
POINTS = 60
# Space above the highest point.
_TOP = 4
LATEST_SHOWN = 8
# Of the table beside the curve.
STEPS = 6


@dataclass(frozen=True)
class Arrivals:
    """Cumulative counts at evenly spaced moments from ``began`` to ``until``, the last arrival.

    Marks entered after the end of the session count at the end.
    """

    began: datetime.datetime
    until: datetime.datetime
    joined: list[int]
    present: list[int]

    # For the template.
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
        points = (f"{number * step:.4g} {HEIGHT - count * scale:.4g}" for number, count in enumerate(counts))
        return "M" + " L".join(points)

    @property
    def steps(self) -> list[tuple[datetime.datetime, int, int]]:
        """The counts at a few moments: the moment, how many had joined, and how many were present."""
        last = len(self.present) - 1
        length = (self.until - self.began) / last
        numbers = [last * step // STEPS for step in range(STEPS + 1)]
        return [
            (self.began + number * length, self.joined[number], self.present[number]) for number in numbers
        ]

    def half_present_at(self) -> datetime.datetime | None:
        """When half of the students now present had arrived; None if nobody is present."""
        half = self.present[-1] / 2
        if not half:
            return None
        point = next(point for point, count in enumerate(self.present) if count >= half)
        return self.began + (self.until - self.began) * point / (len(self.present) - 1)


def arrivals_of(session_or_group: SessionOrGroup, sessions: Sequence[QRSession]) -> Arrivals | None:
    """The arrivals in a session or in all sessions of a group; None before the first.

    :param sessions: as ``sessions_in`` finds them
    """
    return arrivals(
        [session.meeting for session in sessions],
        opened_at=session_or_group.created_at,
        ended_at=sessions[0].ended_at,
    )


@dataclass(frozen=True)
class ClassArrivals:
    """:ivar curve: None if nobody arrived"""

    session: QRSession
    curve: Arrivals | None


def latest_arrivals(section: Section, *, dates: DateRange) -> ClassArrivals | None:
    """The arrivals at the latest class of the section that was held with phones; None if there was none."""
    held = QRSession.objects.filter(meeting__section=section, meeting__state=MeetingState.HELD)
    session = (
        dates.limit(held.with_names(), by="meeting__date").order_by("-meeting__starts_at", "-pk").first()
    )
    return ClassArrivals(session, arrivals_of(session, [session])) if session else None


def arrivals(
    meetings: Sequence[Meeting], *, opened_at: datetime.datetime, ended_at: datetime.datetime | None
) -> Arrivals | None:
    """The arrivals at the meetings, each student counted once; None before the first.

    :param ended_at: None while the session is open
    """
    arrived = RosterEntry.objects.filter(meeting__in=meetings).counted()
    arrived = arrived.filter(Q(record__joined_at__isnull=False) | Q(record__status__in=ATTENDED))
    rows = list(arrived.values_list("record__joined_at", "record__marked_at", "record__status"))
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
        fraction = (moment - began).total_seconds() / seconds if seconds else 1
        # Count it at the next point.
        new[math.ceil(fraction * (POINTS - 1))] += 1
    return list(accumulate(new))


@dataclass(frozen=True)
class LatestStudent:
    """``at`` is when the student joined or was marked."""

    name: str
    at: datetime.datetime


def latest_students(session_or_group: SessionOrGroup) -> list[LatestStudent]:
    """The latest arrivals by name, newest first: joins until attendance starts, then marks; nobody after the end.

    Nobody as well unless the teacher turned on names on the screen.
    """
    if not session_or_group.names_on_screen:
        return []
    sessions = sessions_in(session_or_group)
    records = AttendanceRecord.objects.filter(meeting__in=[session.meeting_id for session in sessions])
    status = sessions[0].status
    if status == SessionStatus.ENDED:
        return []
    if status == SessionStatus.ACTIVE:
        return _newest(records.filter(status__in=ATTENDED), "marked_at")
    return _newest(records.exclude(joined_at=None), "joined_at")


def _newest(records: QuerySet[AttendanceRecord], moment: str) -> list[LatestStudent]:
    # A student of several sections of a group has a record in each; show the name once.
    by_student = records.values("student_id", "student__name").annotate(at=Max(moment))
    newest = by_student.order_by("-at", "-student_id")[:LATEST_SHOWN]
    return [LatestStudent(name=row["student__name"], at=row["at"]) for row in newest]
