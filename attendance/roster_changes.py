"""What is told of a change of the roster while its class runs: the totals, and what is open on the students' phones."""

from collections.abc import Collection
from typing import Any

from django.db import connection, transaction

from attendance import stamps, stats
from attendance.models import Enrolment, Meeting


def tell(enrolments: Collection[Enrolment]) -> None:
    """These enrolments are new, changed or gone."""
    stamps.renew_on_commit({stamps.of_student(enrolment.student_id) for enrolment in enrolments})
    running = list(Meeting.objects.open().filter(section__in={one.section_id for one in enrolments}))
    if running:
        transaction.on_commit(lambda: stats.forget_verified(running), robust=True)


def tell_one(instance: Enrolment, **kwargs: Any) -> None:
    """Called after every change of one enrolment."""
    tell([instance])


def count_rows_anew() -> None:
    """Tell PostgreSQL's planner of a term's worth of new rows, by which it would not go for a minute."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE attendance_student, attendance_section, attendance_enrolment")
