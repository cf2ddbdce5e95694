"""Lookups of enrolments by student take the plain index, and the roster asks who counts only where it has to.

The exclusion constraint's GiST index has sections and students, and PostgreSQL's planner took it for lookups by student
alone, at 40 to 80 µs each: most of the second that a comparison of a group of 6,000 took. It now holds the student in a
form that no lookup has.

Those with a record and no enrolment are few or none. ``enrolled.id = 0`` is never true; that it names the outer join keeps
the three questions behind it from being asked for all who have a record.
"""

from importlib import import_module

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
from django.db import migrations, models

BEFORE = import_module("attendance.migrations.0004_roster_of_large_groups").ROSTER

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
           enrolled.id = 0,
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
  LEFT JOIN attendance_enrolment enrolled
    ON enrolled.section_id = m.section_id AND enrolled.student_id = r.student_id
   AND enrolled.from_date <= m.date AND (enrolled.to_date IS NULL OR enrolled.to_date > m.date)
 WHERE enrolled.id IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("attendance", "0004_roster_of_large_groups")]

    operations = [
        migrations.RunSQL(ROSTER, BEFORE),
        migrations.RemoveConstraint(model_name="enrolment", name="enrolment_student_once_a_day"),
        migrations.AddConstraint(
            model_name="enrolment",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    ("section", "="),
                    (
                        models.Func(
                            models.F("student"),
                            output_field=models.BigIntegerField(),
                            template="(%(expressions)s + 0)",
                        ),
                        "=",
                    ),
                    (
                        models.Func(
                            models.F("from_date"),
                            models.F("to_date"),
                            django.contrib.postgres.fields.ranges.RangeBoundary(),
                            function="daterange",
                            output_field=django.contrib.postgres.fields.ranges.DateRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="enrolment_student_once_a_day",
                violation_error_message="This student is already enrolled in the section on some of these days.",
            ),
        ),
    ]
