"""Dates as people write them at the head of a column."""

import datetime

import pytest
from django.utils.translation import override

from attendance.registers.importing.headings import (
    DateOrder,
    FileState,
    common_order,
    looks_like_date,
    read_heading,
)

DAY = datetime.date(2026, 9, 7)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("2026-09-07", None),
        ("2026-09-07 10:00", datetime.time(10)),
        ("2026-09-07T10:00:30", datetime.time(10)),
        ("2026/9/7", None),
        ("7.9.2026", None),
        ("07.09.26, 14:30", datetime.time(14, 30)),
        ("7 Sep 2026 2:05 PM", datetime.time(14, 5)),
        ("Mon 7 September 2026 12:00 am", datetime.time(0)),
        ("Sept. 7th, 2026", None),
        ("7-Sep-26", None),
        ("Monday, 7 Sep 2026 10.00AM All students", datetime.time(10)),
        ("2026-09-07 10:00-11:30", datetime.time(10)),
        ("２０２６-０９-０７", None),  # noqa: RUF001 - full-width on purpose
    ],
)
def test_date_and_time_are_read(text, start):
    heading = read_heading(text)

    assert heading
    assert (heading.date(None), heading.start, heading.state, heading.number) == (
        DAY,
        start,
        FileState.HELD,
        1,
    )


@pytest.mark.parametrize(
    ("text", "state", "number"),
    [
        ("2026-09-07 10:00 (planned)", FileState.PLANNED, 1),
        ("2026-09-07 10:00 (cancelled) #2", FileState.CANCELLED, 2),
        ("2026-09-07 10:00 #3", FileState.HELD, 3),
        ("2026-09-07 (open)", FileState.OPEN, 1),
    ],
)
def test_state_and_number_are_read(text, state, number):
    heading = read_heading(text)

    assert heading
    assert (heading.date(None), heading.state, heading.number) == (DAY, state, number)


@pytest.mark.parametrize(
    ("text", "is_like_one"),
    [
        ("7/9", True),
        ("Mon 7 Sep", True),
        ("2026-09-07 24:30", True),
        ("2026-09-07 13:00 pm", True),
        ("7 points", False),
        ("75.5 %", False),
        ("Total", False),
        ("", False),
        ("notes 2026", False),
    ],
)
def test_other_headings_are_no_dates(text, is_like_one):
    assert read_heading(text) is None
    assert looks_like_date(text) is is_like_one


def test_day_that_does_not_exist_has_no_date():
    heading = read_heading("2026-02-30")

    assert heading
    assert heading.date(DateOrder.DAY_FIRST) is None


def test_month_names_of_the_page_language_are_read():
    with override("de"):
        heading = read_heading("7. März 2026")

    assert heading
    assert heading.date(None) == datetime.date(2026, 3, 7)


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["03/04/2026"], None),
        (["03/04/2026", "13/04/2026"], DateOrder.DAY_FIRST),
        (["03/04/2026", "04/13/26"], DateOrder.MONTH_FIRST),
        (["13/04/2026", "04/13/2026"], None),
    ],
)
def test_order_of_day_and_month_shows_in_the_other_dates(texts, order):
    assert common_order([heading for text in texts if (heading := read_heading(text))]) is order
