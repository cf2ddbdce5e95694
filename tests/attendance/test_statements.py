"""Statements that are prepared once: models from their rows, in Django's own transaction, with its errors."""

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import psycopg
import pytest
from django.db import DataError, IntegrityError, connection, transaction
from psycopg.pq import TransactionStatus

from attendance import statements
from attendance.models import AttendanceRecord, RosterEntry, Section
from attendance.statements import Read
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def test_instances_are_those_that_the_orm_reads():
    section = factories.make_section(students=2)
    meeting = factories.make_session(section=section).meeting
    one, other = factories.students_of(section)
    record = AttendanceRecord.objects.create(meeting=meeting, student=one, roll_number="01")
    read = Read(entry=RosterEntry, record=AttendanceRecord)

    rows = statements.run(
        f"SELECT {read.columns} FROM attendance_roster AS entry"
        " LEFT JOIN attendance_attendancerecord AS record ON record.id = entry.record_id"
        " WHERE entry.meeting_id = %(meeting)s ORDER BY entry.roll_number",
        {"meeting": meeting.pk},
    )

    found = [read.instances(row) for row in rows]
    assert [(entry.student_id, entry.roll_number, entry.counts) for entry, _record in found] == [
        (one.pk, "01", True),
        (other.pk, "02", True),
    ]
    assert found[0][1] == record
    assert found[1][1] is None
    assert not found[0][0]._state.adding


def test_statement_is_part_of_the_transaction():
    section = factories.make_section()
    name = Section.objects.get(pk=section.pk).name

    with pytest.raises(Undone), transaction.atomic():  # noqa: PT012 - it is the block that is rolled back
        statements.run("UPDATE attendance_section SET name = 'other' WHERE id = %(pk)s", {"pk": section.pk})
        assert Section.objects.get(pk=section.pk).name == "other"
        raise Undone

    assert Section.objects.get(pk=section.pk).name == name


def test_error_is_djangos():
    section = factories.make_section(students=1)
    meeting = factories.make_session(section=section).meeting
    (student,) = factories.students_of(section)

    with pytest.raises(IntegrityError), transaction.atomic():
        statements.run(
            "INSERT INTO attendance_attendancerecord (meeting_id, student_id, roll_number, device)"
            " VALUES (%(meeting)s, %(student)s, '', '')",
            {"meeting": meeting.pk, "student": student.pk},
        )


RENAME = "UPDATE attendance_section SET name = %(name)s WHERE id = %(pk)s RETURNING name"
READ = "SELECT name FROM attendance_section WHERE id = %(pk)s"


class Undone(Exception):
    pass


def name_as_others_see_it(section):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_read_and_close, section).result()


def _read_and_close(section):
    try:
        return Section.objects.get(pk=section.pk).name
    finally:
        connection.close()


def test_first_statements_of_a_transaction_begin_it():
    section = factories.make_section()
    before = section.name

    with pytest.raises(Undone), transaction.atomic():  # noqa: PT012 - it is the block that is rolled back
        found = statements.run_all((RENAME, {"pk": section.pk, "name": "other"}), (READ, {"pk": section.pk}))
        assert found == [[("other",)], [("other",)]]
        assert name_as_others_see_it(section) == before
        raise Undone

    assert name_as_others_see_it(section) == before


def test_begins_in_the_same_round_trip():
    with transaction.atomic():
        connection.ensure_connection()
        with patch.object(psycopg.Connection, "_exec_command") as sent_by_itself:
            statements.run_all(("SELECT 1", {}))
        sent_by_itself.assert_not_called()
        assert connection.connection.info.transaction_status == TransactionStatus.INTRANS


def test_failing_first_statement_leaves_a_connection_that_works():
    section = factories.make_section()

    with pytest.raises(DataError), transaction.atomic():
        statements.run_all((RENAME, {"pk": section.pk, "name": "other"}), ("SELECT 1 / 0", {}))

    assert Section.objects.get(pk=section.pk).name == section.name


def test_last_statement_is_committed_with_itself():
    section = factories.make_section()
    called = []

    with transaction.atomic():
        transaction.on_commit(lambda: called.append(name_as_others_see_it(section)))
        assert statements.run_and_commit(RENAME, {"pk": section.pk, "name": "other"}) == [("other",)]
        assert name_as_others_see_it(section) == "other"
        assert called == []

    assert called == ["other"]


def test_last_statement_that_fails_is_undone_with_all_before_it():
    section = factories.make_section()
    called = []

    with pytest.raises(DataError), transaction.atomic():  # noqa: PT012 - it is the block that is rolled back
        transaction.on_commit(lambda: called.append(1))
        statements.run_all((RENAME, {"pk": section.pk, "name": "other"}))
        statements.run_and_commit("SELECT 1 / %(nothing)s", {"nothing": 0})

    assert name_as_others_see_it(section) == section.name
    assert called == []


def test_commit_that_fails_is_an_error_and_undoes_all():
    section = factories.make_section()

    # The reference is looked at by the commit.
    with pytest.raises(IntegrityError), transaction.atomic():
        statements.run_and_commit(
            "UPDATE attendance_section SET name = 'other', course_id = 0 WHERE id = %(pk)s RETURNING id",
            {"pk": section.pk},
        )

    assert name_as_others_see_it(section) == section.name


def test_last_statement_inside_another_transaction_waits_for_that():
    section = factories.make_section()

    with pytest.raises(Undone), transaction.atomic():  # noqa: PT012 - it is the block that is rolled back
        with transaction.atomic():
            statements.run_and_commit(RENAME, {"pk": section.pk, "name": "other"})
        assert name_as_others_see_it(section) == section.name
        raise Undone

    assert name_as_others_see_it(section) == section.name


def test_statement_is_prepared_once_for_a_connection():
    for number in range(3):
        statements.run("SELECT %(number)s::bigint AS prepared_here", {"number": number})

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%prepared_here%%'")
        assert cursor.fetchone() == (1,)
