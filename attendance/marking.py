"""Marking: the only writer of attendance records.

Every function runs inside the caller's transaction, after the caller has taken the meeting's lock
(``attendance.locks``); what it wrote reaches the live sets after the commit. It may lose nothing.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Joined:
    """``created`` is false for somebody who had joined before."""

    joined_at: datetime.datetime
    created: bool


@dataclass(frozen=True)
class Marked:
    """The mark that stands. ``created`` is false where an earlier one stands: then nothing was changed."""

    status: Status
    marked_at: datetime.datetime
    created: bool


def find_on_roster(*, meeting: Meeting, student: Student) -> RosterEntry:
    """The student's entry on the meeting's roster, with the record where there is one.

    :raises NotEnrolled: if the student has neither an enrolment that holds nor a record
    """
    entry = RosterEntry.objects.select_related("record").filter(meeting=meeting, student=student).first()
    if entry is None:
        raise NotEnrolled
    return entry


def join(*, meeting: Meeting, student: Student, at: datetime.datetime) -> Joined:
    """Put the student into the room's list, once.

    :raises NotEnrolled: if the student is not on the roster
    """
    entry = find_on_roster(meeting=meeting, student=student)
    row = _write(
        """
        ON CONFLICT (meeting_id, student_id) DO UPDATE SET joined_at = EXCLUDED.joined_at
         WHERE record.joined_at IS NULL
        """,
        entry,
        student,
        joined_at=at,
    )
    if row is None:
        joined_at = AttendanceRecord.objects.values_list("joined_at", flat=True).get(
            meeting=meeting, student=student
        )
        return Joined(joined_at or at, created=False)
    if entry.counts:
        transaction.on_commit(lambda: stats.add_joined(meeting, [student.student_id]), robust=True)
    return Joined(at, created=True)


def mark_present(
    *,
    entry: RosterEntry,
    meeting: Meeting,
    student: Student,
    at: datetime.datetime,
    method: Method,
    joins: bool = False,
    replaces_end: bool = False,
    claim_nonce: str | None = None,
    admitted_by: tuple[User, datetime.datetime] | None = None,
) -> Marked:
    """Mark the student present at the meeting, once.

    A second call changes nothing and says so: phones retry. What a teacher entered by hand stays.

    :param entry: the student's entry on the roster (``find_on_roster``)
    :param joins: the mark joins, too, where the student had not
    :param replaces_end: the mark replaces the absence that the end of the session recorded, and that is kept in
        the history
    :param admitted_by: the teacher who let the mark count, and when; kept in the history
    """
    row = _write(
        """
        ON CONFLICT (meeting_id, student_id) DO UPDATE
           SET marked_at = EXCLUDED.marked_at, status = EXCLUDED.status, method = EXCLUDED.method,
               claim_nonce = EXCLUDED.claim_nonce, marked_by_id = EXCLUDED.marked_by_id,
               joined_at = COALESCE(record.joined_at, EXCLUDED.joined_at)
         WHERE record.status IS NULL OR (%(replaces_end)s AND record.method = 'end')
        """,
        entry,
        student,
        joined_at=at if joins else None,
        marked_at=at,
        status=Status.PRESENT,
        method=method,
        claim_nonce=claim_nonce,
        marked_by=admitted_by[0].pk if admitted_by else None,
        replaces_end=replaces_end,
    )
    if row is None:
        record = AttendanceRecord.objects.get(meeting=meeting, student=student)
        return Marked(Status(record.status or Status.PRESENT), record.marked_at or at, created=False)
    record_id, joined_at, roll_number = row
    replaced = entry.record or AttendanceRecord()
    if replaced.status or admitted_by:
        by, changed_at = admitted_by or (None, at)
        _keep_change(
            replaced, record_id=record_id, by=by, at=changed_at, to=(Status.PRESENT, method), note=""
        )
    if entry.counts:
        transaction.on_commit(lambda: stats.add_attended(meeting, [roll_number]), robust=True)
        if joins and joined_at == at:
            transaction.on_commit(lambda: stats.add_joined(meeting, [student.student_id]), robust=True)
    return Marked(Status.PRESENT, at, created=True)


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
    _keep_change(record, record_id=record.pk, by=by, at=at, to=(status, method), note=note)
    record.status, record.method = status, method
    record.marked_at, record.marked_by = (at, by) if status else (None, None)
    record.save(update_fields=["status", "method", "marked_at", "marked_by"])
    transaction.on_commit(lambda: stats.sync(meeting, [student.pk]), robust=True)


def carry_marks(*, to: Meeting, others: Sequence[Meeting]) -> None:
    """Write what stands at the other meetings of a group into the register of one that is added to them.

    Of a student with several marks, the one of the place where the student counts, before that of the section with the
    lowest id.
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
                status=entry.record.status,
                method=entry.record.method,
                marked_by=entry.record.marked_by_id,
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
        "claim_nonce": None,
        "marked_by": None,
    }
    # A roll number is given again when its holder leaves; where the leaver has a record at this very meeting,
    # the student id serves, which nobody else has.
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO attendance_attendancerecord AS record
                   (meeting_id, student_id, roll_number, joined_at, marked_at, status, method, claim_nonce,
                    marked_by_id, device)
            SELECT %(meeting)s, %(student)s,
                   CASE WHEN EXISTS (
                            SELECT FROM attendance_attendancerecord other
                             WHERE other.meeting_id = %(meeting)s AND other.roll_number = %(roll_number)s
                               AND other.student_id <> %(student)s)
                        THEN %(student_id)s ELSE %(roll_number)s END,
                   %(joined_at)s, %(marked_at)s, %(status)s, %(method)s, %(claim_nonce)s,
                   %(marked_by)s, ''
            {on_conflict}
            RETURNING id, joined_at, roll_number
            """,  # noqa: S608 - on_conflict is written above
            defaults | values,
        )
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def _keep_change(
    before: AttendanceRecord,
    *,
    record_id: int,
    by: User | None,
    at: datetime.datetime,
    to: tuple[Status | None, Method | None],
    note: str,
) -> None:
    RecordChange.objects.create(
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
