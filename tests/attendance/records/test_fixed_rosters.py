"""Fixing rosters reads only the meetings that end, however many were held before."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from attendance.records import fixed_rosters
from tests.support import factories

pytestmark = pytest.mark.django_db


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def test_end_does_not_read_the_registers_of_earlier_meetings():
    sections = [factories.make_section(students=4) for _ in range(5)]
    at = timezone.now()
    for section in sections * 3:
        factories.fill_register(factories.make_meeting(section=section, starts_at=at, ended_at=at))
    group = factories.make_group()
    meetings = [factories.make_meeting(section=section, group=group) for section in sections]

    with connection.cursor() as cursor:
        cursor.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {fixed_rosters._FIX}", {"meetings": [one.pk for one in meetings]}
        )
        plan = cursor.fetchone()[0][0]["Plan"]

    (roster,) = [node for node in nodes(plan) if node["Node Type"] == "Append"]
    assert roster["Actual Rows"] == 20
