"""The migrations that make rules of the minimums of sections, on the rows of a database that is in use."""

from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from tests.support.postgres.database import database_at, migrate_to

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("attendance", "0026_substitutes_and_assistants")]
AFTER = [("attendance", "0031_section_minimum_is_a_rule")]

ROWS = """
    INSERT INTO attendance_course (code, title) VALUES ('CS101', 'Computing');
    INSERT INTO attendance_section (name, external_id, course_id, minimum_percentage)
         SELECT name, '', course.id, minimum FROM attendance_course AS course,
                (VALUES ('A', 75), ('B', NULL), ('C', 0), ('D', 100)) AS new (name, minimum);
"""
RULES = """
    SELECT section.name, valid_from, rule.minimum_percentage, late_counts, excused, drop_lowest
      FROM attendance_attendancerule AS rule LEFT JOIN attendance_section AS section ON section.id = section_id
     ORDER BY section.name NULLS FIRST
"""


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_each_minimum_becomes_a_rule_from_the_beginning_and_back(monkeypatch):
    fill = import_module("attendance.migrations.0030_fill_attendance_rules")
    monkeypatch.setattr(fill, "BATCH_SIZE", 3)
    with database_at(BEFORE):
        execute(ROWS)

        migrate_to([("attendance", "0030_fill_attendance_rules")])
        with connection.schema_editor(atomic=False) as editor:
            fill.fill(None, editor)  # as after a try that was stopped
        migrate_to(AFTER)

        assert rows(RULES) == [
            (None, None, 0, 100, "neutral", 0),
            ("A", None, 75, None, "", None),
            ("C", None, 0, None, "", None),
            ("D", None, 100, None, "", None),
        ]
        assert rows("SELECT conname FROM pg_constraint WHERE NOT convalidated") == []

        execute(
            "INSERT INTO attendance_attendancerule (section_id, valid_from, minimum_percentage, excused)"
            " SELECT id, '2026-10-01', 80, '' FROM attendance_section WHERE name = 'A'"
        )
        migrate_to(BEFORE)
        assert rows("SELECT name, minimum_percentage FROM attendance_section ORDER BY name") == [
            ("A", 80),
            ("B", None),
            ("C", 0),
            ("D", 100),
        ]
