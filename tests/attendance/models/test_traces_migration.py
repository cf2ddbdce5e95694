"""The migration that keeps how scans were made, on a database with records from before."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from attendance.models import AttendanceRecord, Status
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def migration() -> tuple[str, str]:
    """The name of the migration in this project."""
    graph = MigrationExecutor(connection).loader.graph
    return next(node for node in graph.nodes if node[1].endswith("traces_of_scans"))


@pytest.fixture
def state_before(migration):
    """Migrate back to before it; afterwards everything is migrated again."""
    executor = MigrationExecutor(connection)
    parents = [node.key for node in executor.loader.graph.node_map[migration].parents]
    yield lambda: MigrationExecutor(connection).migrate(parents)
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def columns() -> set[str]:
    with connection.cursor() as cursor:
        description = connection.introspection.get_table_description(cursor, "attendance_attendancerecord")
    return {column.name for column in description}


def is_valid_index(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
        return cursor.fetchone() == (True,)


def test_records_from_before_stay_and_are_by_no_program(state_before, migration):
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
    state_before()
    assert "claim_nonce" in columns()
    assert "by_program" not in columns()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE attendance_attendancerecord SET claim_nonce = 'once'")

    MigrationExecutor(connection).migrate([migration])

    found = AttendanceRecord.objects.filter(pk=record.pk)
    assert found.values(*columns_then, "by_program").get() == written | {"by_program": False}
    assert "claim_nonce" not in columns()
    assert is_valid_index("record_device")


def test_migration_can_be_run_again_after_it_stopped_half_way(state_before, migration):
    """As when building the index is interrupted: the columns are changed, and an index is left behind."""
    state_before()
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE attendance_attendancerecord DROP COLUMN claim_nonce,"
            " ADD COLUMN by_program boolean DEFAULT false NOT NULL"
        )
        cursor.execute("CREATE INDEX record_device ON attendance_attendancerecord (student_id)")

    MigrationExecutor(connection).migrate([migration])

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef(to_regclass('record_device'))")
        (definition,) = cursor.fetchone()
    assert "(device, student_id)" in definition
    assert is_valid_index("record_device")
