"""Reading the audit log: what was done to a session and to the records in its register.

It is read by meeting, because the meeting is still there after its session was discarded.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from attendance.lib.natural_order import natural_key
from attendance.models import Meeting, RecordChange, RosterEntry, Student, User
from qrsessions.models import SessionEvent


@dataclass(frozen=True)
class Entry:
    """Either an event of the session or a change of a record."""

    at: datetime.datetime
    by: User | None
    event: SessionEvent | None = None
    change: RecordChange | None = None


def events_of(meeting: Meeting) -> QuerySet[SessionEvent]:
    return SessionEvent.objects.filter(meeting=meeting).select_related("done_by")


def changes_of(meeting: Meeting, student: Student | None = None) -> QuerySet[RecordChange]:
    """The changes of the meeting's records, or of one student's record, newest first."""
    changes = RecordChange.objects.filter(record__meeting=meeting)
    if student is not None:
        changes = changes.filter(record__student=student)
    return changes.select_related(
        "changed_by", "record__student", "from_label", "from_reason", "to_label", "to_reason"
    )


def change_made(entry: RosterEntry, *, by: User, at: datetime.datetime) -> RecordChange | None:
    """What a correction changed in the student's record; None if it changed nothing."""
    return RecordChange.objects.filter(record=entry.record, changed_by=by, changed_at=at).first()


def entries(meeting: Meeting, student: Student | None = None) -> list[Entry]:
    """The events of the session and the changes of its records, or of one student's, newest first. Two queries."""
    found = [Entry(event.done_at, event.done_by, event=event) for event in events_of(meeting)]
    found += [
        Entry(change.changed_at, change.changed_by, change=change) for change in changes_of(meeting, student)
    ]
    # The sort is stable: at the same moment, the event of the session comes above the changes that it made.
    return sorted(found, key=lambda entry: entry.at, reverse=True)


def students_with_changes(meeting: Meeting) -> Sequence[RosterEntry]:
    """The students whose records were changed, in natural order of the roll numbers."""
    changed = RecordChange.objects.filter(record__meeting=meeting).values("record__student")
    roster = RosterEntry.objects.filter(meeting=meeting, student__in=changed)
    return sorted(roster.select_related("student"), key=lambda entry: natural_key(entry.roll_number))
