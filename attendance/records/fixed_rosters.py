"""The roster of a meeting is fixed when it first ends: from then on, it is the meeting's records.

A student of several sections of a group then counts where the seat is, so no later enrolment changes the counts.
"""

from collections.abc import Sequence

from django.db import connection

from attendance import stats
from attendance.lib.refusals import NotEnrolled
from attendance.models import Enrolment, GroupSeat, Meeting, RosterEntry, Student
from attendance.records.new_records import NewRecord, insert_missing
from attendance.records.roll_numbers import FREE_ROLL_NUMBER


def fix_rosters(meetings: Sequence[Meeting]) -> None:
    """Give everybody on the rosters of these meetings a record, and a seat to those on several rosters of a group.

    Call it before ``roster_fixed_at`` is set. Meetings whose rosters are fixed already stay as they are.
    """
    pks = [meeting.pk for meeting in meetings if meeting.roster_fixed_at is None]
    with connection.cursor() as cursor:
        cursor.execute(_FIX, {"meetings": pks})


# One statement, so that an import that commits meanwhile changes either both or none.
_FIX = f"""
    WITH roster AS MATERIALIZED (
        SELECT roster.meeting_id AS meeting, meeting.group_id, roster.student_id AS student, student.student_id,
               roster.roll_number, roster.record_id, roster.counts,
               count(*) OVER (PARTITION BY meeting.group_id, roster.student_id) AS number
          FROM attendance_roster roster
          JOIN attendance_meeting meeting ON meeting.id = roster.meeting_id
          JOIN attendance_student student ON student.id = roster.student_id
         -- Not meeting.id, or PostgreSQL reads the rosters of all meetings first.
         WHERE roster.meeting_id = ANY(%(meetings)s)
    ), seats AS (
        INSERT INTO attendance_groupseat (group_id, student_id, meeting_id)
        SELECT group_id, student, meeting FROM roster WHERE group_id IS NOT NULL AND number > 1 AND counts
        ON CONFLICT (group_id, student_id) DO NOTHING
    )
    INSERT INTO attendance_attendancerecord (meeting_id, student_id, roll_number, device)
    SELECT roster.meeting, roster.student, {FREE_ROLL_NUMBER.format("roster")}, ''
      FROM roster WHERE record_id IS NULL
    ON CONFLICT (meeting_id, student_id) DO NOTHING
"""  # noqa: S608 - only text of this package


def seat_everybody(meetings: Sequence[Meeting]) -> None:
    """Keep everybody on these fixed rosters of a group where they count, also when a section with a live one is added."""
    fixed = {meeting.pk: meeting for meeting in meetings if meeting.roster_fixed_at}
    if not fixed:
        return
    counted = RosterEntry.objects.filter(meeting__in=fixed).counted().values_list("student_id", "meeting_id")
    GroupSeat.objects.bulk_create(
        (
            GroupSeat(group=fixed[meeting].group, student_id=student, meeting_id=meeting)
            for student, meeting in counted
        ),
        ignore_conflicts=True,
    )


def add_student(*, meeting: Meeting, student: Student) -> None:
    """Add a student to the fixed roster of a meeting, for a teacher of the section.

    In a group, a student who counts at another meeting goes on counting there.

    :raises NotEnrolled: if the student was never enrolled in the section
    """
    enrolments = Enrolment.objects.filter(section=meeting.section_id, student=student)
    enrolment = enrolments.order_by("-from_date").first()
    if enrolment is None:
        raise NotEnrolled
    if meeting.group_id:
        in_group = RosterEntry.objects.filter(meeting__group=meeting.group_id, student=student)
        counted = in_group.counted().values_list("meeting_id", flat=True).first()
        seat = GroupSeat(group_id=meeting.group_id, student=student, meeting_id=counted or meeting.pk)
        GroupSeat.objects.bulk_create([seat], ignore_conflicts=True)
    entry = RosterEntry(meeting=meeting, student=student, roll_number=enrolment.roll_number)
    insert_missing([NewRecord(entry)])
    # The size of the roster has changed.
    stats.forget_verified_on_commit([meeting])
