"""The migrations that give meetings a state, on the rows of a database that is in use."""

import datetime
from importlib import import_module
from typing import Any

import pytest
from django.db import IntegrityError, connection

from tests.support.postgres.database import database_at, migrate_to

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("attendance", "0007_plain_texts"), ("qrsessions", "0004_plain_texts")]
AFTER = [("attendance", "0010_meeting_state_rules"), ("qrsessions", "0006_check_events")]
NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)

# One section with held meetings, as many as asked for, and an open one. Each was opened by its session.
ROWS = """
    INSERT INTO attendance_user (username, password, is_superuser, first_name, last_name, email, is_staff,
                                 is_active, date_joined, is_teacher)
         VALUES ('asha', '', false, '', '', '', false, true, now(), true);
    INSERT INTO attendance_course (code, title) VALUES ('CS101', 'Computing');
    INSERT INTO attendance_section (name, term, external_id, course_id)
         SELECT 'A', '', '', id FROM attendance_course;
    INSERT INTO attendance_meeting (public_id, starts_at, date, ended_at, section_id)
         SELECT lpad(number::text, 8, '0'), began, began::date,
                CASE WHEN number > 0 THEN began + interval '1 hour' END, section.id
           FROM attendance_section section, generate_series(0, {held}) AS number,
                LATERAL (SELECT timestamptz '2026-11-20 12:00Z' - number * interval '1 day' AS began) AS moment;
    INSERT INTO qrsessions_qrsession (meeting_id, status, join_policy, code_enabled, names_on_screen, secret,
                                      opened_by_id, created_at)
         SELECT meeting.id, CASE WHEN ended_at IS NULL THEN 'created' ELSE 'ended' END, 'strict', true, false,
                sha256(public_id::bytea), teacher.id, starts_at
           FROM attendance_meeting meeting, attendance_user teacher;
    INSERT INTO qrsessions_sessionevent (session_id, action, done_at, done_by_id, detail)
         SELECT meeting_id, 'open', created_at, opened_by_id, '' FROM qrsessions_qrsession;
"""


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def rows(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_meetings_in_use_get_their_state_and_keep_their_events(monkeypatch):
    fill = import_module("attendance.migrations.0009_fill_meeting_state")
    monkeypatch.setattr(fill, "BATCH_SIZE", 2)
    with database_at(BEFORE):
        execute(ROWS.format(held=4))
        events = rows("SELECT id, session_id, action, done_at FROM qrsessions_sessionevent ORDER BY id")

        migrate_to(AFTER)

        found = rows(
            "SELECT state, opened_at, ended_at, roster_fixed_at FROM attendance_meeting ORDER BY starts_at DESC"
        )
        days = [NOON - datetime.timedelta(days=number) for number in range(5)]
        assert found == [
            ("open", days[0], None, None),
            *(("held", day, day + HOUR, day + HOUR) for day in days[1:]),
        ]
        assert (
            rows("SELECT id, meeting_id, action, done_at FROM qrsessions_sessionevent ORDER BY id") == events
        )
        # Nothing is left unchecked, and no index is broken.
        assert rows("SELECT conname FROM pg_constraint WHERE NOT convalidated") == []
        assert rows("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid") == []
        with pytest.raises(IntegrityError, match="meeting_one_open_per_section"):
            execute(
                "INSERT INTO attendance_meeting (public_id, state, starts_at, opened_at, date, section_id)"
                " SELECT '99999999', 'open', now(), now(), now(), id FROM attendance_section"
            )


def test_filling_the_states_can_be_stopped_and_run_again(monkeypatch):
    fill = import_module("attendance.migrations.0009_fill_meeting_state")
    monkeypatch.setattr(fill, "BATCH_SIZE", 2)
    with database_at([("attendance", "0008_meeting_state"), ("qrsessions", "0004_plain_texts")]):
        # As old processes have written them; the rules hold for what is written from now on.
        execute("SET session_replication_role = replica")
        execute("ALTER TABLE attendance_meeting DROP CONSTRAINT meeting_held_has_ended")
        execute(ROWS.format(held=4))
        first = rows("SELECT min(id) FROM attendance_meeting")[0][0]
        execute(fill.FILL.replace("%(after)s", str(first)).replace("%(until)s", str(first + 1)))
        half = rows("SELECT xmin, id FROM attendance_meeting WHERE state = 'held'")

        with connection.schema_editor(atomic=False) as editor:
            fill.fill(None, editor)

        assert rows("SELECT count(*) FROM attendance_meeting WHERE state = 'held'") == [(4,)]
        # Those that were right already are not written again.
        assert set(half) <= set(rows("SELECT xmin, id FROM attendance_meeting"))
