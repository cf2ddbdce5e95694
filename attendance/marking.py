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

# A roll number is given again when its holder leaves; where the leaver has a record at this very meeting,
# the student id serves, which nobody else has.
_FREE_ROLL_NUMBER = """
    CASE WHEN EXISTS (
             SELECT FROM attendance_attendancerecord other
              WHERE other.meeting_id = {0}.meeting AND other.roll_number = {0}.roll_number
                AND other.student_id <> {0}.student)
         THEN {0}.student_id ELSE {0}.roll_number END
"""

# How a phone marks its student.
SCANS = (Method.QR, Method.CODE, Method.CLAIM)


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
        transaction.on_commit(lambda: stats.add(joined=[(meeting, student.student_id)]), robust=True)
    return Joined(at, created=True)


@dataclass(frozen=True)
class NewMark:
    """A mark that is to be made, of a student whose entry stands on the roster of the meeting.

    ``late_from`` is the moment from which on a mark is late. ``joins``: it joins, too, where the student had not.
    ``device`` is the phone it came from, as a hash; empty where that is not known. ``admitted_by`` is the teacher who let
    it count, and when; kept in the history.
    """

    entry: RosterEntry
    meeting: Meeting
    student: Student
    at: datetime.datetime
    method: Method
    late_from: datetime.datetime | None = None
    joins: bool = False
    claim_nonce: str | None = None
    device: str = ""
    admitted_by: tuple[User, datetime.datetime] | None = None

    @property
    def status(self) -> Status:
        return Status.LATE if self.late_from and self.at >= self.late_from else Status.PRESENT

    @property
    def key(self) -> tuple[int, int]:
        return self.meeting.pk, self.student.pk


def mark_all(marks: Sequence[NewMark]) -> list[Marked]:
    """Mark students present, each once, by one statement; late, where that is what the section's rule says.

    Where a mark stands already, nothing is changed, and the answer says so: phones retry. What a teacher entered by hand
    stays; the absence that the end of the session recorded is replaced, and kept in the history.

    :raises django.db.IntegrityError: if a claim has marked before; no mark is made then
    """
    written = {}
    # In one order, so that two processes that mark the same students never wait for each other.
    for row in _insert_marks(sorted(marks, key=lambda mark: mark.key)):
        meeting_pk, student_pk, *values = row
        written[meeting_pk, student_pk] = values
    standing = _standing([mark for mark in marks if mark.key not in written])
    changes, joined, attended, answers = [], [], [], []
    for mark in marks:
        if mark.key not in written:
            # None where a teacher has taken the other mark back since.
            answers.append(standing.get(mark.key) or Marked(mark.status, mark.at, created=False))
            continue
        record_id, joined_at, roll_number = written[mark.key]
        answers.append(Marked(mark.status, mark.at, created=True))
        replaced = mark.entry.record or AttendanceRecord()
        if replaced.status or mark.admitted_by:
            by, changed_at = mark.admitted_by or (None, mark.at)
            to = (mark.status, mark.method)
            changes.append(_change(replaced, record_id=record_id, by=by, at=changed_at, to=to, note=""))
        if mark.entry.counts:
            attended.append((mark.meeting, roll_number))
            if mark.joins and joined_at == mark.at:
                joined.append((mark.meeting, mark.student.student_id))
    if changes:
        RecordChange.objects.bulk_create(changes)
    if attended:
        transaction.on_commit(lambda: stats.add(joined=joined, attended=attended), robust=True)
    return answers


def _insert_marks(marks: Sequence[NewMark]) -> list[tuple[Any, ...]]:
    """:returns: meeting, student, id, joined_at and roll number of the records that were written"""
    if not marks:
        return []
    columns: dict[str, list[Any]] = {
        "meetings": [mark.meeting.pk for mark in marks],
        "students": [mark.student.pk for mark in marks],
        "student_ids": [mark.student.student_id for mark in marks],
        "roll_numbers": [mark.entry.roll_number for mark in marks],
        "joined": [mark.at if mark.joins else None for mark in marks],
        "marked": [mark.at for mark in marks],
        "statuses": [str(mark.status) for mark in marks],
        "methods": [str(mark.method) for mark in marks],
        "nonces": [mark.claim_nonce for mark in marks],
        "marked_by": [mark.admitted_by[0].pk if mark.admitted_by else None for mark in marks],
        "devices": [mark.device for mark in marks],
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO attendance_attendancerecord AS record
                   (meeting_id, student_id, roll_number, joined_at, marked_at, status, method, claim_nonce,
                    marked_by_id, device)
            SELECT mark.meeting, mark.student, {_FREE_ROLL_NUMBER.format("mark")},
                   mark.joined_at, mark.marked_at, mark.status, mark.method, mark.nonce, mark.marked_by,
                   mark.device
              FROM unnest(%(meetings)s::bigint[], %(students)s::bigint[], %(student_ids)s::text[],
                          %(roll_numbers)s::text[], %(joined)s::timestamptz[], %(marked)s::timestamptz[],
                          %(statuses)s::text[], %(methods)s::text[], %(nonces)s::text[], %(marked_by)s::bigint[],
                          %(devices)s::text[])
                AS mark(meeting, student, student_id, roll_number, joined_at, marked_at, status, method, nonce,
                        marked_by, device)
            ON CONFLICT (meeting_id, student_id) DO UPDATE
               SET marked_at = EXCLUDED.marked_at, status = EXCLUDED.status, method = EXCLUDED.method,
                   claim_nonce = EXCLUDED.claim_nonce, marked_by_id = EXCLUDED.marked_by_id,
                   device = EXCLUDED.device, joined_at = COALESCE(record.joined_at, EXCLUDED.joined_at)
             WHERE record.status IS NULL OR record.method = 'end'
            RETURNING meeting_id, student_id, id, joined_at, roll_number
            """,  # noqa: S608 - nothing but the text above
            columns,
        )
        return list(cursor.fetchall())


def _standing(marks: Sequence[NewMark]) -> dict[tuple[int, int], Marked]:
    """What stands where a mark was not written."""
    records = AttendanceRecord.objects.filter(
        meeting__in={mark.meeting.pk for mark in marks}, student__in={mark.student.pk for mark in marks}
    )
    return {
        (record.meeting_id, record.student_id): Marked(Status(record.status), record.marked_at, created=False)
        for record in (records if marks else ())
        if record.status and record.marked_at
    }


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
    _change(record, record_id=record.pk, by=by, at=at, to=(status, method), note=note).save()
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
            SELECT new.meeting, new.student, {_FREE_ROLL_NUMBER.format("new")},
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


def _change(
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
