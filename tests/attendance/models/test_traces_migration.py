"""The migration that keeps how scans were made, on a database with records from before."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from attendance.models import AttendanceRecord, Status
from tests.support import factories
from tests.support.postgres.database import database_at, migrate_to

pytestmark = pytest.mark.django_db(transaction=True)


BEFORE = [("attendance", "0014_validate_lower_case_addresses")]
AFTER = [("attendance", "0015_traces_of_scans")]


@pytest.fixture
def everything_again():
    """Afterwards the tests' database has all migrations again."""
    yield
    migrate_to(MigrationExecutor(connection).loader.graph.leaf_nodes())


def columns() -> set[str]:
    with connection.cursor() as cursor:
        description = connection.introspection.get_table_description(cursor, "attendance_attendancerecord")
    return {column.name for column in description}


def is_valid_index(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
        return cursor.fetchone() == (True,)


def test_records_from_before_stay_and_are_by_no_program(everything_again):
    """On the tests' own database: this also takes every later migration back, with a record, and runs it again."""
    record = factories.make_record(status=Status.PRESENT, device="a" * 32)
    columns_then = (
        "meeting",
        "student",
        "roll_number",
        "joined_at",
        "marked_at",
        "status",
        "method",
        "device",
    )
    written = AttendanceRecord.objects.filter(pk=record.pk).values(*columns_then).get()
    migrate_to(BEFORE)
    assert "claim_nonce" in columns()
    assert "by_program" not in columns()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE attendance_attendancerecord SET claim_nonce = 'once'")

    migrate_to(AFTER)

    found = AttendanceRecord.objects.filter(pk=record.pk)
    assert found.values(*columns_then, "by_program").get() == written | {"by_program": False}
    assert "claim_nonce" not in columns()
    assert is_valid_index("record_device")


def test_migration_can_be_run_again_after_it_stopped_half_way():
    """As when building the index is interrupted: the columns are changed, and an index is left behind."""
    with database_at(BEFORE):
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE attendance_attendancerecord DROP COLUMN claim_nonce,"
                " ADD COLUMN by_program boolean DEFAULT false NOT NULL"
            )
            cursor.execute("CREATE INDEX record_device ON attendance_attendancerecord (student_id)")

        migrate_to(AFTER)

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_get_indexdef(to_regclass('record_device'))")
            (definition,) = cursor.fetchone()
        assert "(device, student_id)" in definition
        assert is_valid_index("record_device")
