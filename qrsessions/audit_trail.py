"""What happened to a session and to its register, in one time line: the newest first."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from attendance.models import RecordChange, RosterEntry, Student, User
from attendance.natural_order import natural_key
from qrsessions.models import QRSession, SessionEvent


@dataclass(frozen=True)
class Line:
    """Either an event of the session, or the change of a record."""

    at: datetime.datetime
    by: User | None
    event: SessionEvent | None = None
    change: RecordChange | None = None


def events_of(session: QRSession) -> QuerySet[SessionEvent]:
    return SessionEvent.objects.filter(session=session).select_related("done_by")


def changes_of(session: QRSession, student: Student | None = None) -> QuerySet[RecordChange]:
    """The changes of the session's records, or of one student's."""
    changes = RecordChange.objects.filter(record__meeting=session.meeting_id)
    if student is not None:
        changes = changes.filter(record__student=student)
    return changes.select_related("changed_by", "record__student")


def time_line(session: QRSession, student: Student | None = None) -> list[Line]:
    """All events of the session, with the changes of all records, or of one student's: two queries."""
    lines = [Line(event.done_at, event.done_by, event=event) for event in events_of(session)]
    lines += [
        Line(change.changed_at, change.changed_by, change=change) for change in changes_of(session, student)
    ]
    # Each query has its newest first; of one moment, what was done to the session stands above what followed from it.
    return sorted(lines, key=lambda line: line.at, reverse=True)


def students_with_changes(session: QRSession) -> Sequence[RosterEntry]:
    """Whose records were changed, in natural order of the roll numbers."""
    changed = RecordChange.objects.filter(record__meeting=session.meeting_id).values("record__student")
    entries = RosterEntry.objects.filter(meeting=session.meeting_id, student__in=changed)
    return sorted(entries.select_related("student"), key=lambda entry: natural_key(entry.roll_number))
