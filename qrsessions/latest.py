"""Who came last, by name: for the hall's screen, where the teacher turned names on."""

import datetime
from dataclasses import dataclass

from django.db.models import Max, QuerySet

from attendance.models import ATTENDED, AttendanceRecord
from qrsessions import groups
from qrsessions.models import GroupSession, QRSession, SessionStatus

# As many as are read before the next ones come.
SHOWN = 8


@dataclass(frozen=True)
class Latest:
    """A student who joined, or while attendance is taken one who was marked."""

    name: str
    at: datetime.datetime


def latest_students(source: QRSession | GroupSession) -> list[Latest]:
    """The last who came, the newest first: joins until attendance begins, then marks; nobody after the end.

    It does not ask whether the teacher turned names on: that is the caller's.
    """
    sessions = groups.members_of(source) if isinstance(source, GroupSession) else [source]
    records = AttendanceRecord.objects.filter(meeting__in=[session.meeting_id for session in sessions])
    status = sessions[0].status
    if status == SessionStatus.ENDED:
        return []
    if status == SessionStatus.ACTIVE:
        return _newest(records.filter(status__in=ATTENDED), "marked_at")
    return _newest(records.exclude(joined_at=None), "joined_at")


def _newest(records: QuerySet[AttendanceRecord], moment: str) -> list[Latest]:
    # A student of several sections of a group has a record in each, and came once.
    by_student = records.values("student_id", "student__name").annotate(at=Max(moment))
    newest = by_student.order_by("-at", "-student_id")[:SHOWN]
    return [Latest(name=row["student__name"], at=row["at"]) for row in newest]
