"""When a scan is late."""

import datetime

import pytest

from attendance.models import Status
from attendance.rules.late_rule import late_from, status_of_scan

START = datetime.datetime(2026, 10, 5, 8, 0, 48, tzinfo=datetime.UTC)
MICROSECOND = datetime.timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("started_at", "minutes", "expected"),
    [
        (START, 15, START + datetime.timedelta(minutes=15)),
        (START, 0, START),
        (START, 24 * 60, START + datetime.timedelta(days=1)),
        (START, None, None),
        (None, 15, None),
        (None, None, None),
    ],
)
def test_late_from_is_the_start_plus_the_minutes_of_the_rule(started_at, minutes, expected):
    assert late_from(started_at, minutes) == expected


@pytest.mark.parametrize(
    ("at", "limit", "expected"),
    [
        (START - MICROSECOND, START, Status.PRESENT),
        (START, START, Status.LATE),
        (START + MICROSECOND, START, Status.LATE),
        (START, None, Status.PRESENT),
    ],
)
def test_scan_is_late_from_exactly_that_moment_on(at, limit, expected):
    assert status_of_scan(at, limit) is expected
