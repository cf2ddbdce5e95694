"""The shapes of charts, in whole units of their SVG, which the page stretches."""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR

from attendance.reports.presence import HourPresence, Presence
from attendance.reports.sections import BINS, Figures

# The width of a bar, and the gap after it.
BAR, GAP = 8, 2
# The percentages from which an hour has the next shade. Most classes lie between.
SHADES = (60, 70, 80, 90)


class ClassBar(NamedTuple):
    """A class: late students above those who were on time, in per cent of its roster.

    :ivar top: of the whole bar, from the upper edge of the chart
    :ivar on_time_top: of the part of those who were on time
    """

    presence: Presence
    x: int
    top: int
    late_height: int
    on_time_top: int
    on_time_height: int


@dataclass(frozen=True)
class PresenceChart:
    """A bar for each class of a term, 100 units high for everybody."""

    bars: Sequence[ClassBar]
    bar_width = BAR
    height = 100

    @property
    def width(self) -> int:
        return len(self.bars) * (BAR + GAP) - GAP

    @property
    def first(self) -> Presence:
        return self.bars[0].presence

    @property
    def last(self) -> Presence:
        return self.bars[-1].presence

    @property
    def lowest(self) -> Presence:
        return min((bar.presence for bar in self.bars), key=lambda one: one.percentage)

    @property
    def highest(self) -> Presence:
        return max((bar.presence for bar in self.bars), key=lambda one: one.percentage)


def presence_chart(classes: Sequence[Presence]) -> PresenceChart | None:
    """None without classes."""
    bars = []
    for number, one in enumerate(classes):
        whole, on_time = round(one.percentage), round(one.present * 100 / one.total)
        bars.append(ClassBar(one, number * (BAR + GAP), 100 - whole, whole - on_time, 100 - on_time, on_time))
    return PresenceChart(bars) if bars else None


class Bin(NamedTuple):
    """How many students have a percentage from ``lowest`` to ``highest``."""

    lowest: int
    highest: int
    students: int
    x: int
    middle: int
    top: int
    height: int


@dataclass(frozen=True)
class DistributionChart:
    """A bar for each ten per cent, as high as there are students.

    :ivar minimum: the minimum in per cent; 0 for none, or if the sections have different ones
    """

    bins: Sequence[Bin]
    minimum: int
    bar_width = 28
    bar_bottom = 134
    label_y = 150
    width, height = 340, 158

    @property
    def edges(self) -> list[tuple[int, int]]:
        """The percentages between the bars, with their places."""
        return [(percentage, _x_of(percentage)) for percentage in range(0, 101, 10)]

    @property
    def minimum_x(self) -> int:
        return _x_of(self.minimum)


def _x_of(percentage: int) -> int:
    """The place of a percentage, with room for the labels at both ends."""
    return 10 + percentage * 320 // 100


def distribution_chart(figures: Figures, *, minimum: int = 0) -> DistributionChart | None:
    """None if nobody has a percentage."""
    most = max(figures.distribution.values(), default=0)
    if not most:
        return None
    bins = []
    room = DistributionChart.bar_bottom - 20
    for number in range(BINS):
        students = figures.distribution[number]
        # A single student is visible as well.
        height = max(2, students * room // most) if students else 0
        x = _x_of(number * 10) + 2
        highest = 100 if number == BINS - 1 else number * 10 + 9
        bins.append(
            Bin(
                number * 10,
                highest,
                students,
                x,
                x + DistributionChart.bar_width // 2,
                DistributionChart.bar_bottom - height,
                height,
            )
        )
    return DistributionChart(bins, minimum)


class HourCell(NamedTuple):
    """:ivar shade: from 1, few attended, to 5, nearly everybody did"""

    presence: HourPresence
    weekday: str
    x: int
    y: int
    middle: int
    text_y: int
    classes_y: int
    shade: int


class Heading(NamedTuple):
    text: str
    x: int
    y: int


@dataclass(frozen=True)
class HourChart:
    """A column for each day of the week and a row for each hour at which classes begin."""

    cells: Sequence[HourCell]
    days: Sequence[Heading]
    hours: Sequence[Heading]
    width: int
    height: int
    cell_width: int
    cell_height = 36


def hour_chart(hours: Sequence[HourPresence]) -> HourChart | None:
    """None without classes. Days and hours without any class are left out."""
    if not hours:
        return None
    days, begins = sorted({one.weekday for one in hours}), sorted({one.hour for one in hours})
    left, top, width, row = 44, 22, 320, HourChart.cell_height + 2
    column = (width - left) // max(len(days), 3)
    cells = []
    for one in hours:
        x, y = left + days.index(one.weekday) * column, top + begins.index(one.hour) * row
        shade = 1 + bisect(SHADES, one.percentage)
        middle = x + (column - 2) // 2
        cells.append(HourCell(one, str(WEEKDAYS[one.weekday]), x, y, middle, y + 17, y + 30, shade))
    return HourChart(
        cells,
        [
            Heading(str(WEEKDAYS_ABBR[day]), left + place * column + (column - 2) // 2, 14)
            for place, day in enumerate(days)
        ],
        [Heading(f"{hour:02}:00", left - 8, top + place * row + 23) for place, hour in enumerate(begins)],
        width,
        top + len(begins) * row,
        column - 2,
    )
