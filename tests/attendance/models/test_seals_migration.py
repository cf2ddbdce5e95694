"""The migration that adds seals, on a database with meetings from before, there and back."""

from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction

from tests.support.postgres.database import database_at, migrate_to

pytestmark = pytest.mark.django_db(transaction=True)

AFTER = [("attendance", "0038_register_seals")]
ROWS = """
    INSERT INTO attendance_course (code, title) VALUES ('CS101', 'Computing');
    INSERT INTO attendance_section (name, external_id, course_id) SELECT 'A', '', id FROM attendance_course;
    INSERT INTO attendance_meeting (section_id, public_id, state, starts_at, date, ended_at, roster_fixed_at)
    SELECT id, '7GK2QM9X', 'held', now(), now()::date, now(), now() FROM attendance_section;
    INSERT INTO attendance_meeting (section_id, public_id, state, starts_at, date)
    SELECT id, '7GK2QM9Y', 'open', now(), now()::date FROM attendance_section;
"""


def execute(statement):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.rowcount


@pytest.fixture
def before():
    """The migrations that it depends on, also after it got others."""
    return import_module("attendance.migrations.0038_register_seals").Migration.dependencies


def test_held_meetings_from_before_are_kept_from_then_on(before):
    with database_at(before):
        execute(ROWS)

        migrate_to(AFTER)

        with pytest.raises(IntegrityError, match="only cancelled"):
            execute("DELETE FROM attendance_meeting WHERE state = 'held'")
        assert execute("DELETE FROM attendance_meeting WHERE state = 'open'") == 1
        execute(
            "INSERT INTO attendance_registerseal (section_id, number, meeting_id, made_at, is_whole, content, key_id, mac)"
            " VALUES (1, 1, 1, now(), TRUE, '{}', '', '')"
        )
        for statement in (
            "UPDATE attendance_registerseal SET number = 2",
            "DELETE FROM attendance_registerseal",
        ):
            with pytest.raises(IntegrityError, match="neither changed nor deleted"):
                execute(statement)

        migrate_to(before)

        assert execute("DELETE FROM attendance_meeting WHERE state = 'held'") == 1
