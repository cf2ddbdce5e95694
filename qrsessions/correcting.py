"""The register of a session as its teacher reads and corrects it."""

import datetime

from django.db import transaction

from attendance import locks, marking
from attendance.models import Meeting, RosterEntry, Status, Student, User
from attendance.natural_order import natural_key
from qrsessions.models import QRSession


def roster_in_order(meeting: Meeting) -> list[RosterEntry]:
    """The meeting's whole roster with students and records, in natural order of the roll numbers."""
    entries = meeting.roster.select_related("student", "record")
    return sorted(entries, key=lambda entry: natural_key(entry.roll_number))


def correct(
    *,
    session: QRSession,
    student: Student,
    status: Status | None,
    by: User,
    at: datetime.datetime,
    note: str = "",
) -> RosterEntry:
    """Enter a student's status by hand in any state of the session; ``None`` takes a mark back.

    :returns: the student's entry as it is now
    :raises NotEnrolled: if the student is not on the roster
    """
    with transaction.atomic():
        locks.share([session.meeting_id])
        marking.mark_by_hand(meeting=session.meeting, student=student, status=status, by=by, at=at, note=note)
    return RosterEntry.objects.select_related("student", "record").get(
        meeting=session.meeting, student=student
    )
