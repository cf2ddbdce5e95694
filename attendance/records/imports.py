"""Records that are read from a file. Each mark is kept as a change with its author, as one by hand is."""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from attendance import stats
from attendance.models import (
    AttendanceRecord,
    ExcuseReason,
    Meeting,
    Method,
    RecordChange,
    Status,
    StatusLabel,
    Student,
    User,
)
from attendance.records.changes import change_of

_BATCH = 2000
NOTE_LENGTH = 500


@dataclass(frozen=True, slots=True)
class ImportedRecord:
    """What a student's record at a meeting will be.

    :ivar former: the record as it is now; None: there is none
    :ivar roll_number: of a new record; unique at the meeting
    """

    meeting: Meeting
    student: Student
    status: Status | None
    label: StatusLabel | None
    reason: ExcuseReason | None
    former: AttendanceRecord | None
    roll_number: str
    note: str


def write_imported(records: Sequence[ImportedRecord], *, by: User | None, at: datetime.datetime) -> None:
    """Write the records. A new one without a status only puts the student on the roster, so it is no change."""
    _insert([one for one in records if one.former is None], by=by, at=at)
    _update([one for one in records if one.former], by=by, at=at)
    by_meeting: defaultdict[Meeting, list[ImportedRecord]] = defaultdict(list)
    for one in records:
        by_meeting[one.meeting].append(one)
    for meeting, of_meeting in by_meeting.items():
        _sync_on_commit(meeting, of_meeting)


def _insert(records: Sequence[ImportedRecord], *, by: User | None, at: datetime.datetime) -> None:
    made = AttendanceRecord.objects.bulk_create(
        (
            AttendanceRecord(
                meeting=one.meeting,
                student=one.student,
                roll_number=one.roll_number,
                status=one.status,
                label=one.label,
                excused_reason=one.reason,
                method=Method.IMPORT if one.status else None,
                marked_at=at if one.status else None,
                marked_by=by if one.status else None,
            )
            for one in records
        ),
        batch_size=_BATCH,
    )
    _keep_changes(
        [(one, record) for one, record in zip(records, made, strict=True) if one.status], by=by, at=at
    )


def _update(records: Sequence[ImportedRecord], *, by: User | None, at: datetime.datetime) -> None:
    _keep_changes([(one, one.former) for one in records if one.former], by=by, at=at)
    alike: defaultdict[tuple[Status | None, int | None, int | None], list[int]] = defaultdict(list)
    for one in records:
        if one.former:
            key = (one.status, one.label.pk if one.label else None, one.reason.pk if one.reason else None)
            alike[key].append(one.former.pk)
    for (status, label, reason), keys in alike.items():
        AttendanceRecord.objects.filter(pk__in=keys).update(
            status=status,
            label=label,
            excused_reason=reason,
            method=Method.IMPORT if status else None,
            marked_at=at if status else None,
            marked_by=by if status else None,
            # Of the scan that it replaces.
            device="",
            by_program=False,
        )


def _keep_changes(
    changes: Sequence[tuple[ImportedRecord, AttendanceRecord]], *, by: User | None, at: datetime.datetime
) -> None:
    RecordChange.objects.bulk_create(
        (_change(one, record, by=by, at=at) for one, record in changes), batch_size=_BATCH
    )


def _change(
    imported: ImportedRecord, record: AttendanceRecord, *, by: User | None, at: datetime.datetime
) -> RecordChange:
    return change_of(
        imported.former or AttendanceRecord(),
        by=by,
        at=at,
        to=(imported.status, Method.IMPORT if imported.status else None),
        label_id=imported.label.pk if imported.label else None,
        reason_id=imported.reason.pk if imported.reason else None,
        note=imported.note[:NOTE_LENGTH],
        record_id=record.pk,
    )


def _sync_on_commit(meeting: Meeting, records: Sequence[ImportedRecord]) -> None:
    """Bring the live sets of a session that ended a short while ago into step. A typed register has none."""
    if meeting.opened_at is None:
        return
    students = [one.student.pk for one in records]
    transaction.on_commit(lambda: stats.sync(meeting, students), robust=True)
    if any(one.former is None for one in records):
        # The size of the roster has changed.
        stats.forget_verified_on_commit([meeting])
