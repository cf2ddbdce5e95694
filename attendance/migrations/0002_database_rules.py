"""What Django's models cannot say: the roster as a view, and the change history as append-only."""

from django.db import migrations

# One definition of the roster for counts, totals, percentages and absentees alike.
# `counts`: a student of several sections of a group counts at one of its meetings: where the seat is, else
# at the meeting whose section has the lowest id. Somebody who is on a roster by a record alone counts
# there only if no other meeting of the group has the student enrolled, and of several such records only the
# one in the section with the lowest id.
ROSTER = """
CREATE VIEW attendance_roster AS
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
               SELECT FROM attendance_meeting other
                 JOIN attendance_enrolment oe
                   ON oe.section_id = other.section_id AND oe.student_id = e.student_id
                  AND oe.from_date <= other.date AND (oe.to_date IS NULL OR oe.to_date > other.date)
                WHERE other.group_id = m.group_id AND other.section_id < m.section_id)
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
               SELECT FROM attendance_meeting other
                 JOIN attendance_enrolment oe
                   ON oe.section_id = other.section_id AND oe.student_id = r.student_id
                  AND oe.from_date <= other.date AND (oe.to_date IS NULL OR oe.to_date > other.date)
                WHERE other.group_id = m.group_id AND other.id <> m.id)
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

APPEND_ONLY = """
CREATE FUNCTION attendance_refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of changes is append-only' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE ON attendance_recordchange
    FOR EACH ROW EXECUTE FUNCTION attendance_refuse_update();
"""


class Migration(migrations.Migration):
    dependencies = [("attendance", "0001_initial")]

    operations = [
        migrations.RunSQL(ROSTER, "DROP VIEW attendance_roster"),
        migrations.RunSQL(
            APPEND_ONLY,
            "DROP TRIGGER append_only ON attendance_recordchange; DROP FUNCTION attendance_refuse_update()",
        ),
    ]
