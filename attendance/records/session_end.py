"""Absences and copied marks at the end of a session, and taking them back when it is reopened or discarded."""

import datetime
from collections.abc import Sequence

from django.db import connection

from attendance.models import AttendanceRecord, Meeting, MeetingState, Method, Status

# What an absence from the end leaves when it is taken back.
_NO_MARK = {"status": None, "label": None, "excused_reason": None, "method": None, "marked_at": None}


def record_absentees(*, meetings: Sequence[Meeting], at: datetime.datetime) -> None:
    """Give everybody on the meetings' fixed rosters without a status an absence (method ``end``)."""
    unmarked = AttendanceRecord.objects.filter(meeting__in=meetings, status=None)
    unmarked.update(status=Status.ABSENT, method=Method.END, marked_at=at)


def copy_marks_in_group(meetings: Sequence[Meeting]) -> None:
    """Give students who have a status at one of the group's meetings that mark at the others where they have none.

    Of several marks, the one from the section where the student counts is copied, else the one from the section with the
    lowest id.

    :param meetings: all meetings of a group, with fixed rosters
    """
    with connection.cursor() as cursor:
        cursor.execute(_COPY_MARKS, {"meetings": [meeting.pk for meeting in meetings]})


_COPY_MARKS = """
    UPDATE attendance_attendancerecord AS record
       SET marked_at = mark.marked_at, status = mark.status, label_id = mark.label_id,
           excused_reason_id = mark.excused_reason_id, method = mark.method, marked_by_id = mark.marked_by_id,
           device = mark.device, by_program = mark.by_program
      FROM (SELECT DISTINCT ON (marked.student_id) marked.*
              FROM attendance_roster roster
              JOIN attendance_attendancerecord marked ON marked.id = roster.record_id
              JOIN attendance_meeting meeting ON meeting.id = roster.meeting_id
             WHERE roster.meeting_id = ANY(%(meetings)s) AND marked.status IS NOT NULL
             ORDER BY marked.student_id, roster.counts DESC, meeting.section_id) AS mark
     WHERE record.meeting_id = ANY(%(meetings)s) AND record.student_id = mark.student_id AND record.status IS NULL
"""


def clear_absentees(*, meetings: Sequence[Meeting]) -> None:
    """Take back the absences that ``record_absentees`` entered, and no others. The records stay: they are the roster."""
    absences = AttendanceRecord.objects.filter(meeting__in=meetings, method=Method.END)
    absences.update(**_NO_MARK)


def are_marked(meetings: Sequence[Meeting]) -> bool:
    """Whether somebody was marked at one of the meetings.

    An absence from the end of a session is not a mark, nor is an excuse that was entered before the class.
    """
    return AttendanceRecord.objects.filter(meeting__in=meetings).marks().exists()


def are_held_without_statuses(meetings: Sequence[Meeting]) -> bool:
    """Whether the meetings were held and nobody got a status: they ended by themselves before anybody was marked."""
    pks = [meeting.pk for meeting in meetings]
    # Read again, because a meeting may have been reopened since it was read.
    if Meeting.objects.filter(pk__in=pks).exclude(state=MeetingState.HELD).exists():
        return False
    return not AttendanceRecord.objects.filter(meeting__in=pks).of_the_class().exists()


def are_joined(meetings: Sequence[Meeting]) -> bool:
    """Whether somebody has joined one of the meetings."""
    return AttendanceRecord.objects.filter(meeting__in=meetings, joined_at__isnull=False).exists()


def delete_unmarked(*, meetings: Sequence[Meeting]) -> None:
    """Delete the joins of the meetings and the absences of their ends; nobody has another mark there.

    A record that was changed by hand stays without them, because its changes belong to the audit log. So does an excuse
    that was entered before the class.
    """
    records = AttendanceRecord.objects.filter(meeting__in=meetings)
    records.filter(changes=None).delete()
    records.of_the_class().update(**_NO_MARK)
    records.update(joined_at=None)
