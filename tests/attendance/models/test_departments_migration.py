"""The migration that adds departments, on a database with courses from before."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from attendance.models import Course

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def state_before():
    """Migrate back to before it; afterwards everything is migrated again."""
    graph = MigrationExecutor(connection).loader.graph
    migration = next(node for node in graph.nodes if node[1].endswith("course_departments"))
    parents = [node.key for node in graph.node_map[migration].parents]
    MigrationExecutor(connection).migrate(parents)
    yield lambda: MigrationExecutor(connection).migrate([migration])
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def where_rows_lie() -> int:
    """A number that changes when PostgreSQL writes the whole table again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_filenode('attendance_course')")
        return int(cursor.fetchone()[0])


def test_courses_from_before_have_no_department_and_are_not_rewritten(state_before):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO attendance_course (code, title) VALUES ('CS101', 'Computing')")
    before = where_rows_lie()

    state_before()

    assert list(Course.objects.values_list("code", "department")) == [("CS101", "")]
    assert where_rows_lie() == before
    with connection.cursor() as cursor:
        # By a process that does not know the column yet.
        cursor.execute("INSERT INTO attendance_course (code, title) VALUES ('CS102', 'Computing')")
    assert Course.objects.get(code="CS102").department == ""
