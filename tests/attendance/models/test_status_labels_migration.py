"""The migrations that add labels and reasons, on the rows of a database that is in use."""

from typing import Any

import pytest
from django.db import IntegrityError, connection

from tests.support.postgres.database import database_at, migrate_to

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("attendance", "0031_section_minimum_is_a_rule")]
AFTER = [("attendance", "0034_labels_of_changes")]

ROWS = """
    INSERT INTO attendance_course (code, title) VALUES ('CS101', 'Computing');
    INSERT INTO attendance_section (name, external_id, course_id) SELECT 'A', '', id FROM attendance_course;
    INSERT INTO attendance_student (student_id, name, email) VALUES ('S1', 'Asha', ''), ('S2', 'Ben', '');
    INSERT INTO attendance_meeting (public_id, section_id, date, state, starts_at, opened_at)
         SELECT '7GK2QM9X', id, '2026-10-05', 'open', '2026-10-05T09:00Z', '2026-10-05T09:00Z' FROM attendance_section;
    INSERT INTO attendance_attendancerecord
                (meeting_id, student_id, roll_number, status, method, marked_at, device)
         SELECT meeting.id, student.id, student.student_id, mark.status, mark.method, mark.at::timestamptz, ''
           FROM attendance_meeting AS meeting, attendance_student AS student
           JOIN (VALUES ('S1', 'excused', 'manual', '2026-10-05T09:05Z'), ('S2', NULL, NULL, NULL))
                AS mark (student, status, method, at) ON mark.student = student.student_id;
    INSERT INTO attendance_recordchange (record_id, changed_at, to_status, to_method, note)
         SELECT id, '2026-10-05T09:05Z', 'excused', 'manual', 'ill'
           FROM attendance_attendancerecord WHERE status = 'excused';
"""
KEPT = """
    SELECT roll_number, record.status, record.method, change.to_status, change.note
      FROM attendance_attendancerecord AS record
      LEFT JOIN attendance_recordchange AS change ON change.record_id = record.id
     ORDER BY roll_number
"""
ROWS_KEPT = [("S1", "excused", "manual", "excused", "ill"), ("S2", None, None, None, None)]


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def files() -> list[tuple[Any, ...]]:
    """Where the tables are stored: another file is a table that was rewritten."""
    return rows(
        "SELECT relname, relfilenode FROM pg_class"
        " WHERE relname IN ('attendance_attendancerecord', 'attendance_recordchange') ORDER BY relname"
    )


def test_records_and_changes_stay_as_they_are_without_label_or_reason():
    with database_at(BEFORE):
        execute(ROWS)
        before = files()

        migrate_to(AFTER)

        assert (rows(KEPT), files()) == (ROWS_KEPT, before)
        assert rows("SELECT DISTINCT label_id, excused_reason_id FROM attendance_attendancerecord") == [
            (None, None)
        ]
        assert rows("SELECT from_label_id, from_reason_id, to_label_id, to_reason_id"
                    " FROM attendance_recordchange") == [(None,) * 4]  # fmt: skip
        assert rows("SELECT conname FROM pg_constraint WHERE NOT convalidated") == []
        execute(
            "INSERT INTO attendance_statuslabel (name, letter, colour, meaning, is_active)"
            " VALUES ('online', 'O', 'teal', 'present', true)"
        )
        with pytest.raises(IntegrityError, match="record_label_means_status"):
            execute(
                "UPDATE attendance_attendancerecord SET label_id = (SELECT id FROM attendance_statuslabel)"
                " WHERE status = 'excused'"
            )
        migrate_to(BEFORE)
        assert rows(KEPT) == ROWS_KEPT


def test_check_of_the_history_that_was_stopped_can_be_run_again():
    with database_at([("attendance", "0033_validate_status_labels")]):
        execute(
            "ALTER TABLE attendance_recordchange ADD CONSTRAINT change_from_label_means_status"
            " FOREIGN KEY (from_label_id, from_status) REFERENCES attendance_statuslabel (id, meaning) NOT VALID"
        )

        migrate_to(AFTER)

        found = rows(
            "SELECT conname, convalidated FROM pg_constraint WHERE conname LIKE 'change_%' ORDER BY conname"
        )
        assert found == [
            ("change_from_label_means_status", True),
            ("change_to_label_means_status", True),
        ]
