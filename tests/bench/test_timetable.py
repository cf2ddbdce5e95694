"""The study of the timetable at its smallest sizes: no page asks for more when the institution grows."""

import datetime

import pytest
import time_machine

from bench.studies import timetable

pytestmark = pytest.mark.django_db(transaction=True)


@time_machine.travel(datetime.datetime(2026, 10, 7, 12, tzinfo=datetime.UTC), tick=False)
def test_queries_do_not_grow_with_the_institution(monkeypatch):
    # Every other register was not taken, so that each list has some at both sizes.
    monkeypatch.setattr(timetable, "NOT_TAKEN", 2)
    # More of them only make the milliseconds more exact.
    monkeypatch.setattr(timetable, "REPEATS", 2)

    small = timetable.grow_to(4) | timetable.read()
    large = timetable.grow_to(12) | timetable.read()

    assert {name: one.queries for name, one in small.items()} == {
        name: one.queries for name, one in large.items()
    }
    assert all(one.queries for one in small.values())
