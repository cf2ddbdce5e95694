"""Joins and marks that students make with their phones, many at once: one statement for all joins, one for all marks.

Every function runs inside the caller's transaction, after the caller has taken the meetings' locks
(``attendance.lib.advisory_locks``). What was written is added to the live sets after the commit.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import transaction

from attendance import stats
from attendance.lib import prepared_sql
from attendance.models import (
    AttendanceRecord,
    Meeting,
    Method,
    RecordChange,
    RosterEntry,
    Status,
    Student,
    User,
)
from attendance.records.changes import change_of
from attendance.records.roll_numbers import FREE_ROLL_NUMBER
from attendance.rules.late_rule import status_of_scan

# A meeting, and the member that its set gets.
Members = Sequence[tuple[Meeting, str]]


@dataclass(frozen=True)
class Joined:
    """The join that counts. ``created`` is false if the student had joined before."""

    joined_at: datetime.datetime
    created: bool


@dataclass(frozen=True)
class NewJoin:
    """A join to write, of a student who is on the roster of the meeting."""

    entry: RosterEntry
    meeting: Meeting
    student: Student
    at: datetime.datetime

    @cached_property
    def key(self) -> tuple[int, int]:
        return self.meeting.pk, self.student.pk


def write_joins(joins: Sequence[NewJoin]) -> list[Joined]:
    """Join each student once. An earlier join stays as it is."""
    if not joins:
        return []
    rows = [
        {
            "meeting": join.meeting.pk,
            "student": join.student.pk,
            "student_id": join.student.student_id,
            "roll_number": join.entry.roll_number,
            "joined_at": join.at,
        }
        # Two processes that write the same students in the same order can't deadlock.
        for join in sorted(joins, key=lambda join: join.key)
    ]
    written = set(prepared_sql.run(_INSERT_JOINS, {"rows": prepared_sql.rows(rows)}))
    earlier = _records_of([join for join in joins if join.key not in written])
    add_to_sets_on_commit(
        joined=[
            (join.meeting, join.student.student_id)
            for join in joins
            if join.key in written and join.entry.counts
        ]
    )
    return [
        Joined(join.at, created=True)
        if join.key in written
        else Joined(earlier[join.key].joined_at or join.at, created=False)
        for join in joins
    ]


_INSERT_JOINS = f"""
    INSERT INTO attendance_attendancerecord AS record (meeting_id, student_id, roll_number, joined_at, device)
    SELECT new.meeting, new.student, {FREE_ROLL_NUMBER.format("new")}, new.joined_at, ''
      FROM json_to_recordset(%(rows)s::json)
        AS new(meeting bigint, student bigint, student_id text, roll_number text, joined_at timestamptz)
    ON CONFLICT (meeting_id, student_id) DO UPDATE SET joined_at = EXCLUDED.joined_at
     WHERE record.joined_at IS NULL
    RETURNING meeting_id, student_id
"""  # noqa: S608 - nothing but the text above


@dataclass(frozen=True)
class Marked:
    """The mark that counts. ``created`` is false if it was there before: then nothing was changed."""

    status: Status
    marked_at: datetime.datetime
    created: bool


@dataclass(frozen=True)
class NewMark:
    """A mark to write, of a student who is on the roster of the meeting.

    :param late_from: a mark at or after this moment is late
    :param joins: join the student as well, if they had not joined
    :param device: hash of the phone's device cookie; empty if unknown
    :param by_program: a program sent the scan with an API token
    :param admitted_by: the teacher who admitted the scan, and when; kept in the change history
    """

    entry: RosterEntry
    meeting: Meeting
    student: Student
    at: datetime.datetime
    method: Method
    late_from: datetime.datetime | None = None
    joins: bool = False
    device: str = ""
    by_program: bool = False
    admitted_by: tuple[User, datetime.datetime] | None = None

    @property
    def status(self) -> Status:
        return status_of_scan(self.at, self.late_from)

    @cached_property
    def key(self) -> tuple[int, int]:
        return self.meeting.pk, self.student.pk

    @property
    def is_change(self) -> bool:
        """Whether the change history keeps it: it replaces a status, or a teacher admitted it."""
        return bool(self.admitted_by or (self.entry.record and self.entry.record.status))


def write_marks(marks: Sequence[NewMark]) -> list[Marked]:
    """Mark each student present (or late, as the section's rule says) once.

    An earlier mark stays as it is, because phones retry; so does what a teacher entered by hand. The absence that the end
    of the session recorded is replaced, and kept in the change history.
    """
    if not marks:
        return []
    # Two processes that write the same students in the same order can't deadlock.
    rows = [_row_of(mark) for mark in sorted(marks, key=lambda mark: mark.key)]
    written: dict[tuple[int, int], tuple[int, datetime.datetime | None, str]] = {
        (meeting, student): (record, joined_at, roll_number)
        for meeting, student, record, joined_at, roll_number in prepared_sql.run(
            _INSERT_MARKS, {"rows": prepared_sql.rows(rows)}
        )
    }
    made = [mark for mark in marks if mark.key in written]
    earlier = _records_of([mark for mark in marks if mark.key not in written])
    RecordChange.objects.bulk_create(_change(mark, written[mark.key][0]) for mark in made if mark.is_change)
    counted = [mark for mark in made if mark.entry.counts]
    add_to_sets_on_commit(
        joined=[
            (mark.meeting, mark.student.student_id)
            for mark in counted
            if mark.joins and written[mark.key][1] == mark.at
        ],
        attended=[(mark.meeting, written[mark.key][2]) for mark in counted],
    )
    return [
        Marked(mark.status, mark.at, created=True)
        if mark.key in written
        else _marked_earlier(mark, earlier.get(mark.key))
        for mark in marks
    ]


_INSERT_MARKS = f"""
    INSERT INTO attendance_attendancerecord AS record
           (meeting_id, student_id, roll_number, joined_at, marked_at, status, method, marked_by_id, device,
            by_program)
    SELECT mark.meeting, mark.student, {FREE_ROLL_NUMBER.format("mark")},
           mark.joined_at, mark.marked_at, mark.status, mark.method, mark.marked_by,
           mark.device, mark.by_program
      FROM json_to_recordset(%(rows)s::json)
        AS mark(meeting bigint, student bigint, student_id text, roll_number text, joined_at timestamptz,
                marked_at timestamptz, status text, method text, marked_by bigint, device text,
                by_program boolean)
    ON CONFLICT (meeting_id, student_id) DO UPDATE
       SET marked_at = EXCLUDED.marked_at, status = EXCLUDED.status, label_id = NULL,
           excused_reason_id = NULL, method = EXCLUDED.method,
           marked_by_id = EXCLUDED.marked_by_id, device = EXCLUDED.device,
           by_program = EXCLUDED.by_program, joined_at = COALESCE(record.joined_at, EXCLUDED.joined_at)
     WHERE record.status IS NULL OR record.method = 'end'
    RETURNING meeting_id, student_id, id, joined_at, roll_number
"""  # noqa: S608 - nothing but the text above


def _row_of(mark: NewMark) -> dict[str, Any]:
    return {
        "meeting": mark.meeting.pk,
        "student": mark.student.pk,
        "student_id": mark.student.student_id,
        "roll_number": mark.entry.roll_number,
        "joined_at": mark.at if mark.joins else None,
        "marked_at": mark.at,
        "status": mark.status,
        "method": mark.method,
        "marked_by": mark.admitted_by[0].pk if mark.admitted_by else None,
        "device": mark.device,
        "by_program": mark.by_program,
    }


def _change(mark: NewMark, record_id: int) -> RecordChange:
    by, at = mark.admitted_by or (None, mark.at)
    before = mark.entry.record or AttendanceRecord()
    return change_of(before, record_id=record_id, by=by, at=at, to=(mark.status, mark.method), note="")


def _marked_earlier(mark: NewMark, record: AttendanceRecord | None) -> Marked:
    if record and record.status and record.marked_at:
        return Marked(Status(record.status), record.marked_at, created=False)
    # A teacher took the earlier mark back a moment ago.
    return Marked(mark.status, mark.at, created=False)


def _records_of(written: Sequence[NewJoin | NewMark]) -> dict[tuple[int, int], AttendanceRecord]:
    """The records that are there already, by meeting and student."""
    if not written:
        return {}
    records = AttendanceRecord.objects.filter(
        meeting__in={one.meeting.pk for one in written}, student__in={one.student.pk for one in written}
    )
    return {(record.meeting_id, record.student_id): record for record in records}


def add_to_sets_on_commit(*, joined: Members = (), attended: Members = ()) -> None:
    """Add students to the live sets after the commit: those who join or are marked now, and those who already had been.

    If the connection broke after an earlier commit, nobody added that join or mark: this does.
    """
    if joined or attended:
        transaction.on_commit(lambda: stats.add(joined=joined, attended=attended), robust=True)
