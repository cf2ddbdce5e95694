"""Marks that teachers enter, change and undo. Each change is kept with its author."""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction

from attendance import stats
from attendance.models import (
    AttendanceRecord,
    ExcuseReason,
    Meeting,
    Method,
    RecordChange,
    RosterEntry,
    Status,
    StatusLabel,
    Student,
    User,
)
from attendance.models.roster import STATUSES_WITH_NOTE
from attendance.records.changes import change_of
from attendance.records.new_records import NewRecord, insert_missing


class HandMark(NamedTuple):
    """A mark as a teacher enters it; without a status, the mark is removed.

    ``label`` means the status, and only an excuse has a ``reason``.
    """

    status: Status | None
    label: StatusLabel | None = None
    reason: ExcuseReason | None = None


def mark_of(entry: RosterEntry) -> HandMark:
    """The mark that a student has. The entry's record needs its label and reason loaded."""
    record = entry.record
    if record is None or record.status is None:
        return HandMark(None)
    return HandMark(Status(record.status), record.label, record.excused_reason)


# The fields of a record that make its mark.
_MARK = ("status", "label", "excused_reason", "method", "marked_at", "marked_by")


def mark_by_hand(
    *,
    meeting: Meeting,
    student: Student,
    status: Status | None,
    by: User,
    at: datetime.datetime,
    note: str = "",
    label: StatusLabel | None = None,
    reason: ExcuseReason | None = None,
) -> None:
    """Set the student's status, with its label and the reason for an excuse; ``None`` removes the mark.

    It does not make the student "joined". Setting what a record already has changes nothing, except that an absence
    recorded at the end of the session becomes the teacher's, and that an excuse or a late mark gets a new note. A new
    label or reason alone keeps the note.

    :param label: a label that means the status
    :param reason: only with an excuse
    :raises NotEnrolled: if the student is not on the roster
    """
    entry = RosterEntry.objects.with_notes().find(meeting=meeting, student=student)
    if status is None and entry.record is None:
        return
    is_new_note = status in STATUSES_WITH_NOTE and note not in ("", entry.note)
    insert_missing([NewRecord(entry)])
    record = AttendanceRecord.objects.select_for_update().get(meeting=meeting, student=student)
    is_same = (record.status, record.label_id, record.excused_reason_id) == (status, _pk(label), _pk(reason))
    if is_same and record.method != Method.END and not is_new_note:
        return
    if record.status == status:
        note = note or entry.note
    method = Method.MANUAL if status else None
    change_of(
        record, by=by, at=at, to=(status, method), label_id=_pk(label), reason_id=_pk(reason), note=note
    ).save()
    if status and (record.status is None or record.method == Method.END):
        # A new mark, and not one from the phone of an earlier mark that was removed.
        record.device, record.by_program = "", False
    record.status, record.method = status, method
    record.label, record.excused_reason = label, reason
    record.marked_at, record.marked_by = (at, by) if status else (None, None)
    record.save(update_fields=[*_MARK, "device", "by_program"])
    _sync_on_commit(meeting, [student.pk])


def mark_many(
    entries: Sequence[RosterEntry], *, status: Status, by: User, at: datetime.datetime, note: str = ""
) -> None:
    """Set one status for all of the entries, none of which has a mark other than an absence from the end.

    :param entries: with students and records loaded; the caller holds their meetings' exclusive locks
    """
    insert_missing([NewRecord(entry) for entry in entries if entry.record is None])
    records = _records_of(entries)
    RecordChange.objects.bulk_create(
        change_of(record, by=by, at=at, to=(status, Method.MANUAL), note=note) for record in records
    )
    AttendanceRecord.objects.filter(pk__in=[record.pk for record in records]).update(
        status=status,
        label=None,
        excused_reason=None,
        method=Method.MANUAL,
        marked_at=at,
        marked_by=by,
        device="",
        by_program=False,
    )
    student_pks: dict[int, list[int]] = defaultdict(list)
    for entry in entries:
        student_pks[entry.meeting_id].append(entry.student_id)
    for meeting in Meeting.objects.filter(pk__in=student_pks):
        _sync_on_commit(meeting, student_pks[meeting.pk])


def undo_change(change: RecordChange, *, by: User, at: datetime.datetime, note: str) -> bool:
    """Restore the status with its label and reason, the method and the time from before a change by hand. The undo is kept as a change too.

    An absence from the end of the session is restored only while the meeting is ended; else the mark is removed.

    :returns: False, with nothing changed, if the record has changed again since
    """
    record = AttendanceRecord.objects.select_for_update().get(pk=change.record_id)
    change.record = record
    if not is_current(change):
        return False
    cleared = change.from_method == Method.END and record.meeting.is_open
    status = Status(change.from_status) if change.from_status and not cleared else None
    method = Method(change.from_method) if change.from_method and not cleared else None
    label_id = change.from_label_id if status else None
    reason_id = change.from_reason_id if status else None
    change_of(
        record, by=by, at=at, to=(status, method), label_id=label_id, reason_id=reason_id, note=note
    ).save()
    record.status, record.method = status, method
    record.label_id, record.excused_reason_id = label_id, reason_id
    record.marked_at = change.from_marked_at if status else None
    record.marked_by = _author_before(change) if status else None
    record.save(update_fields=_MARK)
    _sync_on_commit(record.meeting, [record.student_id])
    return True


def is_current(change: RecordChange) -> bool:
    """Whether the record is still as this change left it."""
    record = change.record
    marked_at = change.changed_at if change.to_status else None
    left = (change.to_status, change.to_label_id, change.to_reason_id, change.to_method, marked_at)
    return left == (
        record.status,
        record.label_id,
        record.excused_reason_id,
        record.method,
        record.marked_at,
    )


def _author_before(change: RecordChange) -> User | None:
    """Who had made the mark that the change replaced; None if it was the student's own scan."""
    before = RecordChange.objects.filter(record=change.record_id, pk__lt=change.pk).order_by("-pk").first()
    if before and (before.to_status, before.to_method) == (change.from_status, change.from_method):
        return before.changed_by
    return None


def _pk(row: StatusLabel | ExcuseReason | None) -> int | None:
    return row.pk if row else None


def _records_of(entries: Sequence[RosterEntry]) -> list[AttendanceRecord]:
    keys = {(entry.meeting_id, entry.student_id) for entry in entries}
    records = AttendanceRecord.objects.filter(
        meeting__in={meeting_pk for meeting_pk, _ in keys}, student__in={student_pk for _, student_pk in keys}
    )
    # The query finds a student's records at all of these meetings; the entries may name only some.
    return [record for record in records.order_by("pk") if (record.meeting_id, record.student_id) in keys]


def _sync_on_commit(meeting: Meeting, student_pks: Sequence[int]) -> None:
    transaction.on_commit(lambda: stats.sync(meeting, student_pks), robust=True)
