"""Statements that are prepared once: models from their rows, in Django's own transaction, with its errors."""

import pytest
from django.db import IntegrityError, connection, transaction

from attendance.lib import prepared_sql
from attendance.lib.prepared_sql import Columns
from attendance.models import AttendanceRecord, RosterEntry, Section
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)


def test_instances_are_those_that_the_orm_reads():
    section = factories.make_section(students=2)
    meeting = factories.make_session(section=section).meeting
    one, other = factories.students_of(section)
    record = AttendanceRecord.objects.create(meeting=meeting, student=one, roll_number="01")
    columns = Columns(entry=RosterEntry, record=AttendanceRecord)

    rows = prepared_sql.run(
        f"SELECT {columns.sql} FROM attendance_roster AS entry"
        " LEFT JOIN attendance_attendancerecord AS record ON record.id = entry.record_id"
        " WHERE entry.meeting_id = %(meeting)s ORDER BY entry.roll_number",
        {"meeting": meeting.pk},
    )

    found = [columns.instances(row) for row in rows]
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
        prepared_sql.run("UPDATE attendance_section SET name = 'other' WHERE id = %(pk)s", {"pk": section.pk})
        assert Section.objects.get(pk=section.pk).name == "other"
        raise Undone

    assert Section.objects.get(pk=section.pk).name == name


def test_error_is_djangos():
    section = factories.make_section(students=1)
    meeting = factories.make_session(section=section).meeting
    (student,) = factories.students_of(section)

    with pytest.raises(IntegrityError), transaction.atomic():
        prepared_sql.run(
            "INSERT INTO attendance_attendancerecord (meeting_id, student_id, roll_number, device)"
            " VALUES (%(meeting)s, %(student)s, '', '')",
            {"meeting": meeting.pk, "student": student.pk},
        )


class Undone(Exception):
    pass


def test_statement_is_prepared_once_for_a_connection():
    for number in range(3):
        prepared_sql.run("SELECT %(number)s::bigint AS prepared_here", {"number": number})

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%prepared_here%%'")
        assert cursor.fetchone() == (1,)
