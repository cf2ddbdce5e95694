"""Percentages: to one decimal, rounded half up."""

import pytest

from attendance.rules.percentage import percentage


@pytest.mark.parametrize(
    ("part", "total", "expected"),
    [
        (0, 0, 0.0),
        (1, 1, 100.0),
        (1, 3, 33.3),
        (2, 3, 66.7),
        (1, 8, 12.5),
        (1, 2000, 0.1),
        (1, 16, 6.3),
        (5, 0, 0.0),
    ],
)
def test_percentage_is_rounded_half_up(part, total, expected):
    assert percentage(part, total) == expected
