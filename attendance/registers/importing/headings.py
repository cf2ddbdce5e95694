"""The headings of a register's columns: the date of a class, with its time and state if they are given."""

import datetime
import enum
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.utils.dates import MONTHS, MONTHS_3, MONTHS_AP

from attendance.timetable.occurrences import YEARS


class DateOrder(enum.StrEnum):
    """What 03/04/2026 means."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


class FileState(enum.Enum):
    """What a file says of a class: nothing in particular, or what stands behind its date."""

    HELD = ""
    PLANNED = "planned"
    CANCELLED = "cancelled"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Heading:
    """A date as it is written.

    :ivar numbers: year, month and day; None in place of the year: it is the last of ``in_either_order``
    :ivar in_either_order: day and month, or month and day, and the year
    :ivar number: which of several classes with one date, time and state; from 1
    """

    numbers: tuple[int, int, int] | None
    in_either_order: tuple[int, int, int] | None
    start: datetime.time | None
    state: FileState
    number: int

    def date(self, order: DateOrder | None) -> datetime.date | None:
        """The day, or None if there is no such day, or the order matters and is not known."""
        if self.numbers:
            return _date(*self.numbers)
        assert self.in_either_order is not None  # noqa: S101 - one of the two is given
        first, second, year = self.in_either_order
        if order is DateOrder.MONTH_FIRST:
            return _date(year, first, second)
        return _date(year, second, first) if order or first == second else None

    @property
    def possible_orders(self) -> set[DateOrder]:
        return {order for order in DateOrder if self.date(order)}


_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_DAY_AND_NAME = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[ .-]*([^\W\d_]+)\.?[ ,.-]*(\d{4}|\d{2})(?!\d)")
_NAME_AND_DAY = re.compile(r"([^\W\d_]+)\.?[ -]*(\d{1,2})(?:st|nd|rd|th)?,?[ -]*(\d{4})(?!\d)")
_TWO_NUMBERS = re.compile(r"\d{1,2}[-/.]\d{1,2}(?!\d|\s*%)")
_DAY_AND_NAME_ALONE = re.compile(r"\d{1,2}(?:st|nd|rd|th)?[ .-]*([^\W\d_]+)")
_WEEKDAY = re.compile(r"[^\W\d_]+\.?,?\s+(?=\S*\d)")
_TIME = re.compile(r"[\st,]*(\d{1,2})[:.](\d{2})(?::\d{2})?\s*([ap]\.?m\.?)?(?!\d)")
_STATE = re.compile(r"\((planned|cancelled|open)\)")
_NUMBER = re.compile(r"#(\d{1,3})\s*\Z")


def read_heading(text: str) -> Heading | None:
    """The date that the text begins with, perhaps after a weekday; None if it begins with none."""
    text = unicodedata.normalize("NFKC", text).casefold().strip()
    found = _numbers(text)
    if found is None and (weekday := _WEEKDAY.match(text)):
        text = text[weekday.end() :]
        found = _numbers(text)
    if found is None:
        return None
    numbers, in_either_order, rest = found
    time = _TIME.match(rest)
    start = _time(time) if time else None
    if time and start is None:
        return None
    state, number = _STATE.search(rest), _NUMBER.search(rest)
    return Heading(
        numbers,
        in_either_order,
        start,
        FileState(state[1]) if state else FileState.HELD,
        int(number[1]) if number else 1,
    )


def looks_like_date(text: str) -> bool:
    """Whether somebody meant a date that cannot be read, such as 7/9, 7 Sep or 2026-09-07 25:00."""
    text = unicodedata.normalize("NFKC", text).casefold().strip()
    if weekday := _WEEKDAY.match(text):
        text = text[weekday.end() :]
    named = _DAY_AND_NAME_ALONE.match(text)
    return bool(_YEAR_FIRST.match(text) or _TWO_NUMBERS.match(text) or (named and _month(named[1])))


def read_time(text: str) -> datetime.time | None:
    """A time of day such as 14:00 or 2:00 pm; None if it is none."""
    found = _TIME.match(unicodedata.normalize("NFKC", text).casefold().strip())
    return _time(found) if found else None


def common_order(headings: Collection[Heading]) -> DateOrder | None:
    """The one order in which all of the dates exist; None if both or none are possible."""
    possible = set(DateOrder)
    for heading in headings:
        possible &= heading.possible_orders
    return possible.pop() if len(possible) == 1 else None


def _numbers(text: str) -> tuple[tuple[int, int, int] | None, tuple[int, int, int] | None, str] | None:
    """Year, month and day; or else two numbers in either order and the year. And what follows them."""
    if found := _YEAR_FIRST.match(text):
        return (int(found[1]), int(found[2]), int(found[3])), None, text[found.end() :]
    if found := _YEAR_LAST.match(text):
        first, second, year = int(found[1]), int(found[3]), _year(found[4])
        if found[2] == ".":
            return (year, second, first), None, text[found.end() :]
        return None, (first, second, year), text[found.end() :]
    if (found := _DAY_AND_NAME.match(text)) and (month := _month(found[2])):
        return (_year(found[3]), month, int(found[1])), None, text[found.end() :]
    if (found := _NAME_AND_DAY.match(text)) and (month := _month(found[1])):
        return (_year(found[3]), month, int(found[2])), None, text[found.end() :]
    return None


def _year(text: str) -> int:
    return 2000 + int(text) if len(text) == 2 else int(text)


def _month(name: str) -> int | None:
    """The month of this name in English or in the language of the page."""
    if len(name) >= 3:
        for month, names in enumerate(_ENGLISH, start=1):
            if names.startswith(name):
                return month
    return next((month for month, known in _local_names() if known == name), None)


_ENGLISH = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)


def _local_names() -> Iterator[tuple[int, str]]:
    for names in (MONTHS, MONTHS_3, MONTHS_AP):
        for month, name in names.items():
            yield month, unicodedata.normalize("NFKC", str(name)).casefold().rstrip(".")


def _time(found: re.Match[str]) -> datetime.time | None:
    hour, minute, half = int(found[1]), int(found[2]), (found[3] or "")[:1]
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    return datetime.time(hour, minute) if hour < 24 and minute < 60 else None


def _date(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day) if year in YEARS else None
    except ValueError:
        return None
