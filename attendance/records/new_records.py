"""Records for students on a meeting's roster who have none yet."""

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from attendance.models import Method, RosterEntry, Status
from attendance.records.roll_numbers import FREE_ROLL_NUMBER


@dataclass(frozen=True)
class NewRecord:
    """A record to insert, without a mark unless one is given. ``entry`` needs its student loaded."""

    entry: RosterEntry
    status: Status | None = None
    label_id: int | None = None
    excused_reason_id: int | None = None
    method: Method | None = None
    marked_at: datetime.datetime | None = None
    marked_by_id: int | None = None
    device: str = ""
    by_program: bool = False


def insert_missing(records: Sequence[NewRecord]) -> None:
    """Insert the records in one statement. A student who has a record at the meeting keeps it as it is."""
    if not records:
        return
    rows = [
        {
            "meeting": record.entry.meeting_id,
            "student": record.entry.student_id,
            "student_id": record.entry.student.student_id,
            "roll_number": record.entry.roll_number,
            "marked_at": record.marked_at.isoformat() if record.marked_at else None,
            "status": record.status,
            "label": record.label_id,
            "excused_reason": record.excused_reason_id,
            "method": record.method,
            "marked_by": record.marked_by_id,
            "device": record.device,
            "by_program": record.by_program,
        }
        for record in records
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [json.dumps(rows)])


_INSERT = f"""
    INSERT INTO attendance_attendancerecord
           (meeting_id, student_id, roll_number, marked_at, status, label_id, excused_reason_id, method,
            marked_by_id, device, by_program)
    SELECT new.meeting, new.student, {FREE_ROLL_NUMBER.format("new")},
           new.marked_at, new.status, new.label, new.excused_reason, new.method,
           new.marked_by, new.device, new.by_program
      FROM json_to_recordset(%s::json)
        AS new(meeting bigint, student bigint, student_id text, roll_number text, marked_at timestamptz,
               status text, label bigint, excused_reason bigint, method text,
               marked_by bigint, device text, by_program boolean)
    ON CONFLICT (meeting_id, student_id) DO NOTHING
"""  # noqa: S608 - only text of this package
