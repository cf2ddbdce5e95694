"""What follows from a change of enrolments: live counts are compared again, and PostgreSQL's planner hears of many new rows."""

from collections.abc import Collection
from typing import Any

from django.db import connection

from attendance import stats
from attendance.models import Enrolment, Meeting


def compare_counts_on_commit(enrolments: Collection[Enrolment]) -> None:
    """These enrolments are new, changed or gone: the totals of their open meetings may have changed."""
    running = list(Meeting.objects.open().filter(section__in={one.section_id for one in enrolments}))
    if running:
        stats.forget_verified_on_commit(running)


def enrolment_changed(instance: Enrolment, **kwargs: Any) -> None:
    """Called after every change of one enrolment."""
    compare_counts_on_commit([instance])


def analyze_rosters() -> None:
    """Tell PostgreSQL's planner of a term's worth of new rows. It would notice only after a minute."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE attendance_student, attendance_section, attendance_enrolment")
