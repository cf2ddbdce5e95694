"""The roster of a meeting that has ended is its records, so that an ended register never changes by itself.

No record with a status is invented, changed or deleted: the end wrote one for everybody on the roster, and students who
were enrolled or backdated later have none. Two kinds of meetings have no record of everybody, and get empty ones: a
register that was not taken, and a session that was reopened, which used to delete the absences. Where a student of several
sections of a group counts, the old view decides.

The data is written in batches, each in its own transaction. It can be stopped and run again.
"""

from importlib import import_module
from typing import Any

from django.db import migrations

BEFORE = import_module("attendance.migrations.0005_lookups_by_student").ROSTER
BATCH_SIZE = 200

FIXED = """
    SELECT id FROM attendance_meeting WHERE id > %(after)s AND roster_fixed_at IS NOT NULL ORDER BY id LIMIT %(size)s
"""

# Where a student with several records counted until now. Not at a meeting without a record, which leaves its roster.
SEATS = """
    INSERT INTO attendance_groupseat (group_id, student_id, meeting_id)
    SELECT meeting.group_id, roster.student_id, roster.meeting_id
      FROM attendance_roster roster
      JOIN attendance_meeting meeting ON meeting.id = roster.meeting_id
     WHERE roster.meeting_id = ANY(%(meetings)s) AND meeting.group_id IS NOT NULL
       AND roster.counts AND roster.record_id IS NOT NULL
       AND EXISTS (SELECT FROM attendance_meeting other
                     JOIN attendance_attendancerecord record ON record.meeting_id = other.id
                    WHERE other.group_id = meeting.group_id AND other.id <> meeting.id
                      AND record.student_id = roster.student_id)
    ON CONFLICT (group_id, student_id) DO NOTHING
"""

# Nobody had a mark or an absence when a register that was not taken ended; marks by hand may have been made since. A
# teacher ended a session without any record while nobody was enrolled.
EMPTY_RECORDS = """
    INSERT INTO attendance_attendancerecord (meeting_id, student_id, roll_number, device)
    SELECT roster.meeting_id, roster.student_id,
           CASE WHEN EXISTS (SELECT FROM attendance_attendancerecord other
                              WHERE other.meeting_id = roster.meeting_id
                                AND other.roll_number = roster.roll_number)
                THEN student.student_id ELSE roster.roll_number END,
           ''
      FROM attendance_roster roster
      JOIN attendance_meeting meeting ON meeting.id = roster.meeting_id
      JOIN attendance_student student ON student.id = roster.student_id
     WHERE roster.meeting_id = ANY(%(meetings)s)
       AND roster.record_id IS NULL
       AND (meeting.state = 'open'
            OR meeting.state = 'held'
               AND EXISTS (SELECT FROM attendance_attendancerecord record WHERE record.meeting_id = meeting.id)
               AND NOT EXISTS (SELECT FROM attendance_attendancerecord record
                                WHERE record.meeting_id = meeting.id
                                  AND (record.method = 'end' OR record.marked_at <= meeting.ended_at)))
    ON CONFLICT (meeting_id, student_id) DO NOTHING
"""

# As before while a meeting is live: planned or open, and not ended yet. Then its records.
# `counts` at a live meeting ignores enrolments at fixed ones: when a section is added to a group whose rosters are fixed,
# everybody on them gets a seat. At a fixed meeting `counts` follows from seats and records alone.
ROSTER = """
CREATE OR REPLACE VIEW attendance_roster AS
SELECT m.id AS meeting_id,
       e.student_id,
       r.id AS record_id,
       COALESCE(r.roll_number, e.roll_number) AS roll_number,
       TRUE AS enrolled,
       m.group_id IS NULL OR COALESCE(
           (SELECT seat.meeting_id = m.id
              FROM attendance_groupseat seat
             WHERE seat.group_id = m.group_id AND seat.student_id = e.student_id),
           NOT EXISTS (
               SELECT FROM (SELECT section_id, from_date, to_date
                              FROM attendance_enrolment
                             WHERE student_id = e.student_id AND section_id < m.section_id
                            OFFSET 0) oe
                 JOIN attendance_meeting other
                   ON other.group_id = m.group_id AND other.section_id = oe.section_id
                  AND other.roster_fixed_at IS NULL
                  AND oe.from_date <= other.date AND (oe.to_date IS NULL OR oe.to_date > other.date))
       ) AS counts
  FROM attendance_meeting m
  JOIN attendance_enrolment e
    ON e.section_id = m.section_id
   AND e.from_date <= m.date AND (e.to_date IS NULL OR e.to_date > m.date)
  LEFT JOIN attendance_attendancerecord r ON r.meeting_id = m.id AND r.student_id = e.student_id
 WHERE m.roster_fixed_at IS NULL AND m.state IN ('planned', 'open')
UNION ALL
SELECT m.id,
       r.student_id,
       r.id,
       r.roll_number,
       FALSE,
       m.group_id IS NULL OR COALESCE(
           enrolled.id = 0,
           (SELECT seat.meeting_id = m.id
              FROM attendance_groupseat seat
             WHERE seat.group_id = m.group_id AND seat.student_id = r.student_id),
           (m.roster_fixed_at IS NOT NULL
            OR NOT EXISTS (
               SELECT FROM (SELECT section_id, from_date, to_date
                              FROM attendance_enrolment
                             WHERE student_id = r.student_id
                            OFFSET 0) oe
                 JOIN attendance_meeting other
                   ON other.group_id = m.group_id AND other.section_id = oe.section_id AND other.id <> m.id
                  AND other.roster_fixed_at IS NULL
                  AND oe.from_date <= other.date AND (oe.to_date IS NULL OR oe.to_date > other.date)))
           AND NOT EXISTS (
               SELECT FROM attendance_meeting other
                 JOIN attendance_attendancerecord ore ON ore.meeting_id = other.id AND ore.student_id = r.student_id
                WHERE other.group_id = m.group_id AND other.section_id < m.section_id)
       )
  FROM attendance_meeting m
  JOIN attendance_attendancerecord r ON r.meeting_id = m.id
  LEFT JOIN attendance_enrolment enrolled
    ON enrolled.section_id = m.section_id AND enrolled.student_id = r.student_id
   AND enrolled.from_date <= m.date AND (enrolled.to_date IS NULL OR enrolled.to_date > m.date)
   AND m.roster_fixed_at IS NULL AND m.state IN ('planned', 'open')
 WHERE enrolled.id IS NULL
"""


def write_seats(apps: Any, schema_editor: Any) -> None:
    _in_batches(schema_editor, SEATS)


def write_empty_records(apps: Any, schema_editor: Any) -> None:
    _in_batches(schema_editor, EMPTY_RECORDS)


def _in_batches(schema_editor: Any, statement: str) -> None:
    with schema_editor.connection.cursor() as cursor:
        after = 0
        while True:
            cursor.execute(FIXED, {"after": after, "size": BATCH_SIZE})
            meetings = [pk for (pk,) in cursor.fetchall()]
            if not meetings:
                return
            cursor.execute(statement, {"meetings": meetings})
            after = meetings[-1]


class Migration(migrations.Migration):
    # Each statement is a transaction of its own.
    atomic = False
    dependencies = [("attendance", "0015_traces_of_scans")]

    operations = [
        migrations.RunPython(write_seats, migrations.RunPython.noop),
        migrations.RunPython(write_empty_records, migrations.RunPython.noop),
        migrations.RunSQL(ROSTER, BEFORE),
    ]
