"""The migrations that turn the teachers of sections into assignments, on the rows of a database that is in use."""

from typing import Any

import pytest
from django.db import connection

from tests.support.postgres.database import database_at, migrate_to

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("attendance", "0016_fixed_rosters")]
AFTER = [("attendance", "0019_teaching_assignment_rules")]
# Two sections; the first user teaches both, the second one of them.
ROWS = """
    INSERT INTO attendance_user (username, password, is_superuser, first_name, last_name, email, is_staff,
                                 is_active, date_joined, is_teacher)
         SELECT name, '', false, '', '', '', false, true, now(), true FROM unnest(ARRAY['asha', 'bo']) AS name;
    INSERT INTO attendance_course (code, title) VALUES ('CS101', 'Computing');
    INSERT INTO attendance_section (name, term, external_id, course_id)
         SELECT name, '', '', attendance_course.id FROM attendance_course, unnest(ARRAY['A', 'B']) AS name;
    INSERT INTO attendance_section_teachers (section_id, user_id)
         SELECT section.id, teacher.id FROM attendance_section section, attendance_user teacher
          WHERE teacher.username = 'asha' OR section.name = 'A' ORDER BY 1, 2;
"""
TEACHERS = """
    SELECT one.id, section.name, username FROM {table} one
      JOIN attendance_section section ON section.id = section_id
      JOIN attendance_user teacher ON teacher.id = user_id ORDER BY one.id
"""
NEW_TABLE, OLD_TABLE = "attendance_teachingassignment", "attendance_section_teachers"


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_teachers_in_use_go_on_teaching_without_dates_and_the_way_back_keeps_those_of_today():
    with database_at(BEFORE):
        execute(ROWS)
        before = rows(TEACHERS.format(table=OLD_TABLE))

        # As after an index that could not be completed.
        migrate_to([("attendance", "0018_teaching_assignments")])
        execute(f"CREATE INDEX teaching_assignment_once ON {NEW_TABLE} (user_id)")
        migrate_to(AFTER)

        assert [row[1:] for row in before] == [("A", "asha"), ("A", "bo"), ("B", "asha")]
        assert rows(TEACHERS.format(table=NEW_TABLE)) == before
        what = "role, from_date, to_date, imported_row, removed_by_hand"
        assert set(rows(f"SELECT {what} FROM {NEW_TABLE}")) == {("teacher", None, None, "", False)}
        # Nothing is left unchecked, and no index is broken.
        assert rows("SELECT conname FROM pg_constraint WHERE NOT convalidated") == []
        assert rows("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid") == []

        # New rows still get their keys, and one teacher may have several.
        execute(
            f"INSERT INTO {NEW_TABLE} (section_id, user_id, from_date, to_date)"
            f" SELECT section_id, user_id, current_date - days, current_date - days + 5 FROM {NEW_TABLE},"
            " unnest(ARRAY[90, 60, 2]) AS days"
        )
        execute(f"UPDATE {NEW_TABLE} SET removed_by_hand = true WHERE id = {before[1][0]}")
        migrate_to(BEFORE)

        kept = [row[1:] for row in rows(TEACHERS.format(table=OLD_TABLE))]
        assert sorted(kept) == [("A", "asha"), ("A", "bo"), ("B", "asha")]
        assert rows(TEACHERS.format(table=OLD_TABLE))[:1] == before[:1]
