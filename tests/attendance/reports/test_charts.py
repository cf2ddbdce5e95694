"""The shapes of the charts, in units of their SVG."""

import datetime
from collections import Counter

from attendance.reports.charts import distribution_chart, hour_chart, presence_chart
from attendance.reports.presence import HourPresence, Presence
from attendance.reports.sections import Figures

AT = datetime.datetime(2026, 9, 7, 10, tzinfo=datetime.UTC)


def presence(present, late=0, absent=0, *, day=0):
    at = AT + datetime.timedelta(days=day)
    return Presence("00000001", 1, at, present, late, excused=0, absent=absent, without=0)


def test_bar_of_a_class_has_late_students_above_those_on_time():
    chart = presence_chart([presence(5, late=3, absent=2), presence(0, absent=4, day=1), presence(3, day=2)])

    assert chart.width == 28
    assert [tuple(bar)[1:] for bar in chart.bars] == [
        (0, 20, 30, 50, 50),
        (10, 100, 0, 100, 0),
        (20, 0, 0, 0, 100),
    ]
    assert (chart.lowest.percentage, chart.highest.percentage) == (0.0, 100.0)


def test_bars_of_a_distribution_are_as_high_as_there_are_students():
    chart = distribution_chart(Figures(distribution=Counter({0: 1, 7: 60, 9: 120})), minimum=75)

    assert [
        (one.lowest, one.highest, one.students, one.x, one.height) for one in chart.bins if one.students
    ] == [
        (0, 9, 1, 12, 2),
        (70, 79, 60, 236, 57),
        (90, 100, 120, 300, 114),
    ]
    assert chart.minimum_x == 250
    assert chart.edges[0] == (0, 10)
    assert chart.edges[-1] == (100, 330)
    assert all(one.top + one.height == chart.bar_bottom for one in chart.bins)


def test_hours_without_a_class_have_no_row():
    chart = hour_chart(
        [HourPresence(0, 8, 3, 9, 10), HourPresence(0, 14, 1, 1, 10), HourPresence(2, 8, 1, 10, 10)]
    )

    assert [day.text for day in chart.days] == ["Mon", "Wed"]
    assert [hour.text for hour in chart.hours] == ["08:00", "14:00"]
    assert [(cell.weekday, cell.x, cell.y, cell.shade) for cell in chart.cells] == [
        ("Monday", 44, 22, 5),
        ("Monday", 44, 60, 1),
        ("Wednesday", 136, 22, 5),
    ]


def test_every_cell_of_a_full_week_fits():
    chart = hour_chart([HourPresence(day, hour, 1, 1, 1) for day in range(7) for hour in range(24)])

    assert max(cell.x for cell in chart.cells) + chart.cell_width <= chart.width
    assert max(cell.y for cell in chart.cells) + chart.cell_height <= chart.height


def test_without_numbers_there_is_no_chart():
    assert presence_chart([]) is None
    assert distribution_chart(Figures()) is None
    assert hour_chart([]) is None
