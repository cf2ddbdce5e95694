"""The migrations that make terms of the names of terms, on the rows of a database that is in use."""

from importlib import import_module
from typing import Any

import pytest
from django.db import IntegrityError, connection

from tests.support.postgres.database import database_at, migrate_to

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("attendance", "0019_teaching_assignment_rules")]
AFTER = [("attendance", "0024_planned_meeting_rules")]

ROWS = """
    INSERT INTO attendance_course (code, title) VALUES ('CS101', 'Computing'), ('CS102', 'More');
    INSERT INTO attendance_section (name, term, external_id, course_id)
         SELECT name, term, '', course.id FROM attendance_course AS course,
                (VALUES ('A', 'Autumn 2026'), ('B', 'Autumn 2026'), ('A', 'Spring 2027'), ('A', '')) AS new (name, term);
    INSERT INTO attendance_meeting (public_id, state, starts_at, date, ended_at, roster_fixed_at, section_id)
         SELECT lpad(id::text, 8, '0'), 'held', now(), now(), now(), now(), id FROM attendance_section;
"""
TERMS = """
    SELECT course.code, section.name, coalesce(term.name, '') FROM attendance_section AS section
      JOIN attendance_course AS course ON course.id = course_id
      LEFT JOIN attendance_term AS term ON term.id = term_id
     ORDER BY section.id
"""


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_sections_in_use_get_one_term_for_each_name(monkeypatch):
    fill = import_module("attendance.migrations.0021_fill_terms")
    monkeypatch.setattr(fill, "BATCH_SIZE", 3)
    with database_at(BEFORE):
        execute(ROWS)
        before = rows(
            "SELECT code, name, term FROM attendance_section JOIN attendance_course AS course"
            " ON course.id = course_id ORDER BY attendance_section.id"
        )

        migrate_to(AFTER)

        assert rows(TERMS) == before
        assert rows("SELECT name, first_day, last_day FROM attendance_term ORDER BY name") == [
            ("Autumn 2026", None, None),
            ("Spring 2027", None, None),
        ]
        assert rows("SELECT count(*), count(ends_at), count(pattern_id) FROM attendance_meeting") == [
            (8, 0, 0)
        ]
        # Nothing is left unchecked, and no index is broken.
        assert rows("SELECT conname FROM pg_constraint WHERE NOT convalidated") == []
        assert rows("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid") == []
        # A section without a term is unique, too.
        with pytest.raises(IntegrityError, match="section_unique"):
            execute(
                "INSERT INTO attendance_section (name, external_id, course_id)"
                " SELECT 'A', '', id FROM attendance_course"
            )

        migrate_to(BEFORE)
        assert [row[2] for row in before] == [
            row[0] for row in rows("SELECT term FROM attendance_section ORDER BY id")
        ]


def test_filling_the_terms_can_be_stopped_and_run_again():
    fill = import_module("attendance.migrations.0021_fill_terms")
    with database_at(BEFORE):
        execute(ROWS)
        before = rows("SELECT term FROM attendance_section ORDER BY id")
        migrate_to([("attendance", "0020_terms_and_patterns")])
        execute(fill.MAKE)
        first = rows("SELECT min(id) FROM attendance_section")[0][0]
        execute(fill.FILL.replace("%(after)s", str(first - 1)).replace("%(until)s", str(first)))

        with connection.schema_editor(atomic=False) as editor:
            fill.fill(None, editor)

        assert [row[2] for row in rows(TERMS)] == [row[0] for row in before]
        assert rows("SELECT count(*) FROM attendance_term") == [(2,)]
