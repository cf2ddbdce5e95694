"""What the students of a hall do at once with their phones: joins, and marks, each kind by one statement for all.

As in ``marking``, every function runs inside the caller's transaction, after the caller has taken the meetings' locks;
what it wrote reaches the live sets after the commit. The counts after that, read in the same round trip, are then put into
``counted``, where the caller gives one (``stats.meeting_stats`` takes it).
"""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import transaction

from attendance import statements, stats
from attendance.marking import FREE_ROLL_NUMBER, change_of
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

# By the primary key of a meeting.
Counted = dict[int, stats.Numbers]
# Meetings, and the members that their sets get.
_Members = Sequence[tuple[Meeting, str]]


@dataclass(frozen=True)
class Joined:
    """``created`` is false for somebody who had joined before."""

    joined_at: datetime.datetime
    created: bool


@dataclass(frozen=True)
class NewJoin:
    """A join that is to be made, of a student whose entry stands on the roster of the meeting."""

    entry: RosterEntry
    meeting: Meeting
    student: Student
    at: datetime.datetime

    @cached_property
    def key(self) -> tuple[int, int]:
        return self.meeting.pk, self.student.pk


def join_all(
    joins: Sequence[NewJoin], *, counted: Counted | None = None, is_last: bool = False
) -> list[Joined]:
    """Put students into the room's list, each once. Who had joined before stays as before.

    :param is_last: nothing else is done in the transaction: it is committed with the joins
    """
    # In one order, so that two processes that write the same students never wait for each other.
    rows = [
        {
            "meeting": join.meeting.pk,
            "student": join.student.pk,
            "student_id": join.student.student_id,
            "roll_number": join.entry.roll_number,
            "joined_at": join.at,
        }
        for join in sorted(joins, key=lambda join: join.key)
    ]
    run = statements.run_and_commit if is_last else statements.run
    written = set(run(_INSERT_JOINS, {"rows": statements.rows(rows)})) if rows else set()
    before = [join for join in joins if join.key not in written]
    records = AttendanceRecord.objects.filter(
        meeting__in={join.meeting.pk for join in before}, student__in={join.student.pk for join in before}
    )
    standing = {(one.meeting_id, one.student_id): one.joined_at for one in (records if before else ())}
    added = [
        (join.meeting, join.student.student_id) for join in joins if join.key in written and join.entry.counts
    ]
    add_on_commit(counted, joined=added)
    return [Joined(standing.get(join.key) or join.at, created=join.key in written) for join in joins]


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
    """The mark that stands. ``created`` is false where an earlier one stands: then nothing was changed."""

    status: Status
    marked_at: datetime.datetime
    created: bool


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

    @cached_property
    def key(self) -> tuple[int, int]:
        return self.meeting.pk, self.student.pk


def mark_all(
    marks: Sequence[NewMark], *, counted: Counted | None = None, is_last: bool = False
) -> list[Marked]:
    """Mark students present, each once, by one statement; late, where that is what the section's rule says.

    Where a mark stands already, nothing is changed, and the answer says so: phones retry. What a teacher entered by hand
    stays; the absence that the end of the session recorded is replaced, and kept in the history.

    :param is_last: nothing else is done in the transaction: if nothing goes to the history it is committed with the marks
    :raises django.db.IntegrityError: if a claim has marked before; no mark is made then
    """
    written = {}
    run = statements.run_and_commit if is_last and not any(map(_is_change, marks)) else statements.run
    # In one order, so that two processes that mark the same students never wait for each other.
    for row in _insert_marks(sorted(marks, key=lambda mark: mark.key), run):
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
        if _is_change(mark):
            by, changed_at = mark.admitted_by or (None, mark.at)
            to = (mark.status, mark.method)
            changes.append(
                change_of(
                    mark.entry.record or AttendanceRecord(),
                    record_id=record_id,
                    by=by,
                    at=changed_at,
                    to=to,
                    note="",
                )
            )
        if mark.entry.counts:
            attended.append((mark.meeting, roll_number))
            if mark.joins and joined_at == mark.at:
                joined.append((mark.meeting, mark.student.student_id))
    if changes:
        RecordChange.objects.bulk_create(changes)
    add_on_commit(counted, joined=joined, attended=attended)
    return answers


_INSERT_MARKS = f"""
    INSERT INTO attendance_attendancerecord AS record
           (meeting_id, student_id, roll_number, joined_at, marked_at, status, method, claim_nonce,
            marked_by_id, device)
    SELECT mark.meeting, mark.student, {FREE_ROLL_NUMBER.format("mark")},
           mark.joined_at, mark.marked_at, mark.status, mark.method, mark.nonce, mark.marked_by,
           mark.device
      FROM json_to_recordset(%(rows)s::json)
        AS mark(meeting bigint, student bigint, student_id text, roll_number text, joined_at timestamptz,
                marked_at timestamptz, status text, method text, nonce text, marked_by bigint, device text)
    ON CONFLICT (meeting_id, student_id) DO UPDATE
       SET marked_at = EXCLUDED.marked_at, status = EXCLUDED.status, method = EXCLUDED.method,
           claim_nonce = EXCLUDED.claim_nonce, marked_by_id = EXCLUDED.marked_by_id,
           device = EXCLUDED.device, joined_at = COALESCE(record.joined_at, EXCLUDED.joined_at)
     WHERE record.status IS NULL OR record.method = 'end'
    RETURNING meeting_id, student_id, id, joined_at, roll_number
"""  # noqa: S608 - nothing but the text above


def _is_change(mark: NewMark) -> bool:
    """Whether the history keeps it: it replaces what stood, or somebody let it count."""
    return bool(mark.admitted_by or (mark.entry.record and mark.entry.record.status))


def _insert_marks(
    marks: Sequence[NewMark], run: Callable[[str, Mapping[str, Any]], list[statements.Row]]
) -> list[statements.Row]:
    """:returns: meeting, student, id, joined_at and roll number of the records that were written"""
    if not marks:
        return []
    return run(_INSERT_MARKS, {"rows": statements.rows([_row_of(mark) for mark in marks])})


def _row_of(mark: NewMark) -> dict[str, Any]:
    meeting_pk, student_pk = mark.key
    at = mark.at.isoformat()
    return {
        "meeting": meeting_pk,
        "student": student_pk,
        "student_id": mark.student.student_id,
        "roll_number": mark.entry.roll_number,
        "joined_at": at if mark.joins else None,
        "marked_at": at,
        "status": mark.status,
        "method": mark.method,
        "nonce": mark.claim_nonce,
        "marked_by": mark.admitted_by[0].pk if mark.admitted_by else None,
        "device": mark.device,
    }


def add_on_commit(counted: Counted | None, *, joined: _Members = (), attended: _Members = ()) -> None:
    """Put them into the live sets after the commit: those of new joins and marks, and those whose join or mark is found to stand.

    An earlier try may have committed that one without hearing of it: then nobody has put it there.
    """

    def add() -> None:
        found = stats.add(joined=joined, attended=attended)
        if counted is not None:
            counted.update(found)

    if joined or attended:
        transaction.on_commit(add, robust=True)


def _standing(marks: Sequence[NewMark]) -> dict[tuple[int, int], Marked]:
    """What stands where a mark was not written."""
    if not marks:
        return {}
    records = AttendanceRecord.objects.filter(
        meeting__in={mark.meeting.pk for mark in marks}, student__in={mark.student.pk for mark in marks}
    )
    return {
        (record.meeting_id, record.student_id): Marked(Status(record.status), record.marked_at, created=False)
        for record in records
        if record.status and record.marked_at
    }
