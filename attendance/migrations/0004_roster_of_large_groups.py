"""The roster as before, in a form that PostgreSQL reads in time for a group of any size.

Whether a student counts at a meeting of a group depends on the student's other enrolments. These are few and are looked
up first (``OFFSET 0`` keeps it so): the other way round, through all meetings of the group for each student, a group of
100 sections took seconds, and minutes where no meeting had been in a group before and the planner guessed wrongly.
"""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("attendance.migrations.0002_database_rules").ROSTER

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
                  AND oe.from_date <= other.date AND (oe.to_date IS NULL OR oe.to_date > other.date))
       ) AS counts
  FROM attendance_meeting m
  JOIN attendance_enrolment e
    ON e.section_id = m.section_id
   AND e.from_date <= m.date AND (e.to_date IS NULL OR e.to_date > m.date)
  LEFT JOIN attendance_attendancerecord r ON r.meeting_id = m.id AND r.student_id = e.student_id
UNION ALL
SELECT m.id,
       r.student_id,
       r.id,
       r.roll_number,
       FALSE,
       m.group_id IS NULL OR COALESCE(
           (SELECT seat.meeting_id = m.id
              FROM attendance_groupseat seat
             WHERE seat.group_id = m.group_id AND seat.student_id = r.student_id),
           NOT EXISTS (
               SELECT FROM (SELECT section_id, from_date, to_date
                              FROM attendance_enrolment
                             WHERE student_id = r.student_id
                            OFFSET 0) oe
                 JOIN attendance_meeting other
                   ON other.group_id = m.group_id AND other.section_id = oe.section_id AND other.id <> m.id
                  AND oe.from_date <= other.date AND (oe.to_date IS NULL OR oe.to_date > other.date))
           AND NOT EXISTS (
               SELECT FROM attendance_meeting other
                 JOIN attendance_attendancerecord ore ON ore.meeting_id = other.id AND ore.student_id = r.student_id
                WHERE other.group_id = m.group_id AND other.section_id < m.section_id)
       )
  FROM attendance_meeting m
  JOIN attendance_attendancerecord r ON r.meeting_id = m.id
 WHERE NOT EXISTS (
           SELECT FROM attendance_enrolment e
            WHERE e.section_id = m.section_id AND e.student_id = r.student_id
              AND e.from_date <= m.date AND (e.to_date IS NULL OR e.to_date > m.date))
"""


class Migration(migrations.Migration):
    dependencies = [("attendance", "0003_section_rules")]

    operations = [migrations.RunSQL(ROSTER, BEFORE.replace("CREATE VIEW", "CREATE OR REPLACE VIEW"))]
