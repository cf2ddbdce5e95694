"""Marking one student by hand, and all at the end of a session. With ``crowds`` and ``hand_marks`` the only writer of records.

Every function of both runs inside the caller's transaction, after the caller has taken the meeting's lock
(``attendance.locks``); what it wrote reaches the live sets after the commit. It may lose nothing.
"""

import datetime
from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

from attendance import stats
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
from attendance.refusals import NotEnrolled

# A roll number is given again when its holder leaves; where the leaver has a record at this very meeting,
# the student id serves, which nobody else has.
FREE_ROLL_NUMBER = """
    CASE WHEN EXISTS (
             SELECT FROM attendance_attendancerecord other
              WHERE other.meeting_id = {0}.meeting AND other.roll_number = {0}.roll_number
                AND other.student_id <> {0}.student)
         THEN {0}.student_id ELSE {0}.roll_number END
"""

# How a phone marks its student.
SCANS = (Method.QR, Method.CODE, Method.CLAIM)


def find_on_roster(*, meeting: Meeting, student: Student) -> RosterEntry:
    """The student's entry on the meeting's roster, with the record where there is one.

    :raises NotEnrolled: if the student has neither an enrolment that holds nor a record
    """
    entry = RosterEntry.objects.select_related("record").filter(meeting=meeting, student=student).first()
    if entry is None:
        raise NotEnrolled
    return entry


def mark_by_hand(
    *,
    meeting: Meeting,
    student: Student,
    status: Status | None,
    by: User,
    at: datetime.datetime,
    note: str = "",
) -> None:
    """Enter what a teacher says of a student; ``None`` takes a mark back. Every change is kept with its author.

    A mark by hand does not make anybody "joined". Where the status is already so, nothing is changed; only an
    absence that the end of the session recorded becomes the teacher's own.

    :raises NotEnrolled: if the student is not on the roster
    """
    entry = find_on_roster(meeting=meeting, student=student)
    if status is None and entry.record is None:
        return
    _write("ON CONFLICT (meeting_id, student_id) DO NOTHING", entry, student)
    record = AttendanceRecord.objects.select_for_update().get(meeting=meeting, student=student)
    method = Method.MANUAL if status else None
    if record.status == status and record.method != Method.END:
        return
    change_of(record, record_id=record.pk, by=by, at=at, to=(status, method), note=note).save()
    if status and (record.status is None or record.method == Method.END):
        # Another mark than the one that was taken back, and not that phone's.
        record.device = ""
    record.status, record.method = status, method
    record.marked_at, record.marked_by = (at, by) if status else (None, None)
    record.save(update_fields=["status", "method", "marked_at", "marked_by", "device"])
    transaction.on_commit(lambda: stats.sync(meeting, [student.pk]), robust=True)


def carry_marks(*, to: Meeting, others: Sequence[Meeting]) -> None:
    """Write what stands at the other meetings of a group into the register of one that is added to them.

    Of a student with several marks, the one of the place where the student counts, before that of the section with the
    lowest id. Whom another section's rule made late was in time by this one's: its attendance starts now.
    """
    marked = RosterEntry.objects.filter(meeting__in=others, record__status__isnull=False)
    marked = marked.select_related("record", "student").order_by("student", "-counts", "meeting__section")
    own = {entry.student_id: entry for entry in to.roster.all()}
    carried: set[int] = set()
    for entry in marked.filter(student__in=own):
        if entry.record and entry.student_id not in carried:
            carried.add(entry.student_id)
            _write(
                "ON CONFLICT (meeting_id, student_id) DO NOTHING",
                own[entry.student_id],
                entry.student,
                marked_at=entry.record.marked_at,
                status=Status.PRESENT if entry.record.method in SCANS else entry.record.status,
                method=entry.record.method,
                marked_by=entry.record.marked_by_id,
                device=entry.record.device,
            )


def record_absentees(*, meetings: Sequence[Meeting], at: datetime.datetime) -> None:
    """Give everybody on the meetings' rosters without a status an absence (method ``end``)."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO attendance_attendancerecord AS record
                   (meeting_id, student_id, roll_number, marked_at, status, method, device)
            SELECT roster.meeting_id, roster.student_id,
                   CASE WHEN roster.record_id IS NULL AND EXISTS (
                            SELECT FROM attendance_attendancerecord other
                             WHERE other.meeting_id = roster.meeting_id AND other.roll_number = roster.roll_number)
                        THEN student.student_id ELSE roster.roll_number END,
                   %(at)s, 'absent', 'end', ''
              FROM attendance_roster roster
              JOIN attendance_student student ON student.id = roster.student_id
             WHERE roster.meeting_id = ANY(%(meetings)s)
            ON CONFLICT (meeting_id, student_id) DO UPDATE
               SET marked_at = EXCLUDED.marked_at, status = EXCLUDED.status, method = EXCLUDED.method
             WHERE record.status IS NULL
            """,
            {"at": at, "meetings": [meeting.pk for meeting in meetings]},
        )


def clear_absentees(*, meetings: Sequence[Meeting]) -> None:
    """Take back the absences of ``record_absentees``, and no others."""
    absences = AttendanceRecord.objects.filter(meeting__in=meetings, method=Method.END)
    absences.filter(joined_at=None, changes=None).delete()
    absences.update(status=None, method=None, marked_at=None)


def _write(on_conflict: str, entry: RosterEntry, student: Student, **values: Any) -> tuple[Any, ...] | None:
    """Insert the student's record, or do to the one that stands what ``on_conflict`` says.

    :returns: id, joined_at and roll number of the record that was written, or None if the one that stands stayed
    """
    defaults: dict[str, Any] = {
        "meeting": entry.meeting_id,
        "student": student.pk,
        "student_id": student.student_id,
        "roll_number": entry.roll_number,
        "joined_at": None,
        "marked_at": None,
        "status": None,
        "method": None,
        "marked_by": None,
        "device": "",
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO attendance_attendancerecord AS record
                   (meeting_id, student_id, roll_number, joined_at, marked_at, status, method, marked_by_id, device)
            SELECT new.meeting, new.student, {FREE_ROLL_NUMBER.format("new")},
                   %(joined_at)s, %(marked_at)s, %(status)s, %(method)s, %(marked_by)s, %(device)s
              FROM (SELECT %(meeting)s::bigint AS meeting, %(student)s::bigint AS student,
                           %(student_id)s AS student_id, %(roll_number)s AS roll_number) AS new
            {on_conflict}
            RETURNING id, joined_at, roll_number
            """,  # noqa: S608 - on_conflict is written above
            defaults | values,
        )
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def change_of(
    before: AttendanceRecord,
    *,
    record_id: int,
    by: User | None,
    at: datetime.datetime,
    to: tuple[Status | None, Method | None],
    note: str,
) -> RecordChange:
    return RecordChange(
        record_id=record_id,
        changed_by=by,
        changed_at=at,
        from_status=before.status,
        from_method=before.method,
        from_marked_at=before.marked_at,
        to_status=to[0],
        to_method=to[1],
        note=note,
    )
