"""Marks by hand of many at once, and marks by hand put back; beside ``marking`` and ``crowds`` the only writer of attendance records.

Like there, every function runs inside the caller's transaction and under the caller's locks, every change is kept,
and what was written reaches the live sets after the commit.
"""

import datetime
from collections import defaultdict
from collections.abc import Sequence

from django.db import transaction

from attendance import stats
from attendance.models import (
    AttendanceRecord,
    Meeting,
    Method,
    RecordChange,
    RosterEntry,
    Status,
    User,
)


def mark_many(
    entries: Sequence[RosterEntry], *, status: Status, by: User, at: datetime.datetime, note: str = ""
) -> None:
    """Enter one status for all of the entries, which nobody marked yet, or only the end of the session.

    :param entries: with students and records; the caller holds the locks of their meetings alone
    """
    records = _records_of(entries)
    RecordChange.objects.bulk_create(
        RecordChange(
            record=record,
            changed_by=by,
            changed_at=at,
            from_status=record.status,
            from_method=record.method,
            from_marked_at=record.marked_at,
            to_status=status,
            to_method=Method.MANUAL,
            note=note,
        )
        for record in records
    )
    AttendanceRecord.objects.filter(pk__in=[record.pk for record in records]).update(
        status=status, method=Method.MANUAL, marked_at=at, marked_by=by, device=""
    )
    of_meeting: dict[int, list[int]] = defaultdict(list)
    for entry in entries:
        of_meeting[entry.meeting_id].append(entry.student_id)
    for meeting in Meeting.objects.filter(pk__in=of_meeting):
        _sync_on_commit(meeting, of_meeting[meeting.pk])


def stands(change: RecordChange) -> bool:
    """Whether the record is as this change left it."""
    record = change.record
    marked_at = change.changed_at if change.to_status else None
    return (record.status, record.method, record.marked_at) == (
        change.to_status,
        change.to_method,
        marked_at,
    )


def put_back(change: RecordChange, *, by: User, at: datetime.datetime, note: str) -> bool:
    """Give the record back the status, method and moment that it had before a change by hand; kept as a change.

    An absence that the end recorded comes back only while the meeting is ended.

    :returns: false, and nothing is changed, if the record is no longer as that change left it
    """
    record = AttendanceRecord.objects.select_for_update().get(pk=change.record_id)
    change.record = record
    if not stands(change):
        return False
    cleared = change.from_method == Method.END and record.meeting.ended_at is None
    status, method, marked_at = (
        (None, None, None) if cleared else (change.from_status, change.from_method, change.from_marked_at)
    )
    RecordChange.objects.create(
        record=record,
        changed_by=by,
        changed_at=at,
        from_status=record.status,
        from_method=record.method,
        from_marked_at=record.marked_at,
        to_status=status,
        to_method=method,
        note=note,
    )
    record.status, record.method, record.marked_at = status, method, marked_at
    record.marked_by = _who_marked(change) if status else None
    record.save(update_fields=["status", "method", "marked_at", "marked_by"])
    _sync_on_commit(record.meeting, [record.student_id])
    return True


def _who_marked(change: RecordChange) -> User | None:
    """Who had entered what the change replaced; nobody where it was the student's own scan."""
    before = RecordChange.objects.filter(record=change.record_id, pk__lt=change.pk).order_by("-pk").first()
    if before and (before.to_status, before.to_method) == (change.from_status, change.from_method):
        return before.changed_by
    return None


def _records_of(entries: Sequence[RosterEntry]) -> list[AttendanceRecord]:
    """The record of each entry; those that are missing are made."""
    meetings = {entry.meeting_id for entry in entries}
    taken = set(
        AttendanceRecord.objects.filter(meeting__in=meetings).values_list("meeting_id", "roll_number")
    )
    made = []
    for entry in entries:
        if entry.record is None:
            # A leaver's record may hold a roll number that was given again: then the student id serves.
            is_free = (entry.meeting_id, entry.roll_number) not in taken
            roll_number = entry.roll_number if is_free else entry.student.student_id
            made.append(
                AttendanceRecord(
                    meeting_id=entry.meeting_id, student_id=entry.student_id, roll_number=roll_number
                )
            )
    return [*(entry.record for entry in entries if entry.record), *AttendanceRecord.objects.bulk_create(made)]


def _sync_on_commit(meeting: Meeting, student_pks: Sequence[int]) -> None:
    transaction.on_commit(lambda: stats.sync(meeting, student_pks), robust=True)
