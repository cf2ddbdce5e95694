"""The migration that adds departments, on a database with courses from before."""

import pytest
from django.db import connection

from attendance.models import Course
from tests.support.postgres.database import database_at, migrate_to

pytestmark = pytest.mark.django_db(transaction=True)


BEFORE = [("attendance", "0035_meeting_unlocked_at")]
AFTER = [("attendance", "0037_course_departments")]


def where_rows_lie() -> int:
    """A number that changes when PostgreSQL writes the whole table again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_filenode('attendance_course')")
        return int(cursor.fetchone()[0])


def test_courses_from_before_have_no_department_and_are_not_rewritten():
    with database_at(BEFORE):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO attendance_course (code, title) VALUES ('CS101', 'Computing')")
        before = where_rows_lie()

        migrate_to(AFTER)

        assert list(Course.objects.values_list("code", "department")) == [("CS101", "")]
        assert where_rows_lie() == before
        with connection.cursor() as cursor:
            # By a process that does not know the column yet.
            cursor.execute("INSERT INTO attendance_course (code, title) VALUES ('CS102', 'Computing')")
        assert Course.objects.get(code="CS102").department == ""
