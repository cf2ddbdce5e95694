"""The migration that adds substitutes and assistants, on the rows of a database that is in use."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from tests.support.postgres.database import database_at, migrate_to

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("attendance", "0025_calendar_feeds")]
AFTER = [("attendance", "0026_substitutes_and_assistants")]
TABLE = "attendance_teachingassignment"
# One section with a meeting; its teacher of today, one who left and came back, and one who was removed.
ROWS = f"""
    INSERT INTO attendance_user (username, password, is_superuser, first_name, last_name, email, is_staff,
                                 is_active, date_joined, is_teacher)
         SELECT name, '', false, '', '', '', false, true, now(), true FROM unnest(ARRAY['asha', 'bo']) AS name;
    INSERT INTO attendance_course (code, title) VALUES ('CS101', 'Computing');
    INSERT INTO attendance_section (name, external_id, course_id) SELECT 'A', '', id FROM attendance_course;
    INSERT INTO attendance_meeting (section_id, public_id, state, starts_at, ends_at, date)
         SELECT id, '7GK2QM9X', 'planned', now(), now() + interval '1 hour', current_date FROM attendance_section;
    INSERT INTO {TABLE} (section_id, user_id, from_date, to_date, imported_row, removed_by_hand)
         SELECT section.id, teacher.id, from_date::date, to_date::date, 'teacher,,', removed
           FROM attendance_section section, attendance_user teacher,
                (VALUES ('asha', NULL, NULL, false), ('bo', '2026-01-01', '2026-03-01', false),
                        ('bo', '2026-05-01', NULL, false), ('bo', '2026-05-01', NULL, true))
                AS given (name, from_date, to_date, removed)
          WHERE teacher.username = given.name;
"""
OLD = "SELECT id, section_id, user_id, role, from_date, to_date, imported_row, removed_by_hand"


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def give(role: str, what: str) -> None:
    """Insert an assignment of bo, with values for the meeting and the two days."""
    execute(
        f"INSERT INTO {TABLE} (section_id, user_id, role, meeting_id, from_date, to_date)"
        f" SELECT section.id, teacher.id, '{role}', {what} FROM attendance_section section, attendance_user teacher,"
        " attendance_meeting meeting WHERE username = 'bo'"
    )


def test_teachers_stay_as_they_are_and_the_way_back_removes_the_new_roles():
    with database_at(BEFORE):
        execute(ROWS)
        before = rows(f"{OLD} FROM {TABLE} ORDER BY id")
        # As after a first try that was stopped before its last index was complete.
        execute(f"ALTER TABLE {TABLE} ADD COLUMN meeting_id bigint REFERENCES attendance_meeting (id)")
        execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT teaching_assignment_role")
        execute(f"CREATE INDEX teaching_assignment_one_substitute ON {TABLE} (user_id)")

        migrate_to(AFTER)

        assert len(before) == 4
        assert rows(f"{OLD} FROM {TABLE} ORDER BY id") == before
        assert set(rows(f"SELECT meeting_id, given_by_id FROM {TABLE}")) == {(None, None)}
        # Nothing is left unchecked, and no index is broken.
        assert rows("SELECT conname FROM pg_constraint WHERE NOT convalidated") == []
        assert rows("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid") == []
        unique = "SELECT indexrelid::regclass::text FROM pg_index WHERE indisunique AND NOT indisprimary"
        assert sorted(rows(f"{unique} AND indrelid = '{TABLE}'::regclass")) == [
            ("teaching_assignment_once_a_day",),
            ("teaching_assignment_one_substitute",),
        ]

        give("assistant", "NULL::bigint, NULL::date, NULL::date")
        give("substitute", "meeting.id, NULL, NULL")
        for role, what in (
            ("janitor", "NULL, NULL, NULL"),
            ("teacher", "NULL::bigint, '2026-05-01', NULL::date"),
            ("substitute", "NULL::bigint, NULL::date, NULL::date"),
            ("substitute", "meeting.id, NULL, NULL"),
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                give(role, what)

        migrate_to(BEFORE)

        assert rows(f"{OLD} FROM {TABLE} ORDER BY id") == before
        with pytest.raises(IntegrityError, match="teaching_assignment_role"), transaction.atomic():
            execute(f"UPDATE {TABLE} SET role = 'assistant'")
        with pytest.raises(IntegrityError, match="teaching_assignment_once"), transaction.atomic():
            execute(
                f"INSERT INTO {TABLE} (section_id, user_id) SELECT section_id, user_id FROM {TABLE} LIMIT 1"
            )
