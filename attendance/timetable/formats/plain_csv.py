"""Reads a plain CSV timetable: each line is a class on one date, or a weekly class."""

import datetime
import re
from collections import defaultdict
from collections.abc import Callable, Collection
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from attendance.models.timetable import MAX_EVERY_WEEKS
from attendance.timetable.formats.entries import (
    DatedClass,
    Names,
    Problem,
    Series,
    TimetableFile,
    WeeklyRow,
    plain_text,
)
from attendance.timetable.formats.tables import decode, read_table
from attendance.timetable.occurrences import YEARS, WeeklyClass, occurrence_on

KIND = "csv"
COLUMNS = {
    "course": "course code, subject, module",
    "section": "section name, class, class name, group",
    "term": "semester",
    "date": "day of class",
    "weekday": "day, day of week",
    "start": "start time, begins, from",
    "end": "end time, ends, to",
    "room": "location, place, hall",
    "title": "topic",
    "first_day": "first date, start date",
    "last_day": "last date, end date",
    "every_weeks": "every, interval",
}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME_FORMATS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M%p", "%H.%M")

T = TypeVar("T")


class _BadCell(Exception):
    """The message says what is wrong."""


def read_csv(content: bytes, *, zone: ZoneInfo, names_sections: bool) -> TimetableFile:
    """Read a table of classes.

    :param zone: where its times are local
    :param names_sections: it must have the columns course and section; otherwise they may be missing
    :raises TimetableRefused: if it is not a table, or a column is missing
    """
    file = TimetableFile(KIND)
    required = ("course", "section", "start", "end") if names_sections else ("start", "end")
    dated: defaultdict[Names, list[DatedClass]] = defaultdict(list)
    first_lines: dict[Names, str] = {}
    for line, cells in read_table(decode(content), COLUMNS, required=required):
        where = _("line %(line)d") % {"line": line}
        names = _names(cells)
        if names_sections and not (cells.get("course") and cells.get("section")):
            file.problems.append(Problem(where, _("The course or the section is missing.")))
            continue
        try:
            _read_row(cells, names, where, zone=zone, file=file, dated=dated)
        except _BadCell as bad:
            file.problems.append(Problem(where, str(bad)))
            file.incomplete.add(names)
        first_lines.setdefault(names, where)
    for names, classes in dated.items():
        ordered = sorted(classes, key=lambda one: (one.date, one.starts_at))
        file.series.append(Series(KIND, names, first_lines[names], _between(ordered)))
    return file


def _names(cells: dict[str, str]) -> Names:
    label = " ".join(filter(None, (cells.get("course", ""), cells.get("section", ""))))
    return Names(label[:200], (label,) if label else (), term=cells.get("term", ""), is_exact=True)


def _read_row(
    cells: dict[str, str],
    names: Names,
    where: str,
    *,
    zone: ZoneInfo,
    file: TimetableFile,
    dated: defaultdict[Names, list[DatedClass]],
) -> None:
    start, end = _required(cells, "start", read_time), _required(cells, "end", read_time)
    room = plain_text(cells.get("room", ""), limit=100)
    if bool(cells.get("date")) == bool(cells.get("weekday")):
        raise _BadCell(_("Give either a date or a weekday."))
    if cells.get("date"):
        if end <= start:
            raise _BadCell(_("A class cannot end before it begins."))
        one = occurrence_on(_required(cells, "date", _date), start, end, zone=zone)
        if one is None:
            raise _BadCell(_("This day does not exist in the time zone of the institution."))
        title = plain_text(cells.get("title", ""), limit=200)
        dated[names].append(DatedClass(one.date, one.starts_at, one.ends_at, room, title))
        return
    weekly = WeeklyClass(
        weekday=_required(cells, "weekday", _weekday),
        start=start,
        end=end,
        room=room,
        first_day=_required(cells, "first_day", _date) if cells.get("first_day") else None,
        last_day=_required(cells, "last_day", _date) if cells.get("last_day") else None,
        every_weeks=_required(cells, "every_weeks", _weeks) if cells.get("every_weeks") else 1,
    )
    if fault := weekly.fault():
        raise _BadCell(str(fault[1]))
    file.weekly.append(WeeklyRow(weekly_key(KIND, weekly), names, where, weekly))


def weekly_key(kind: str, weekly: WeeklyClass) -> str:
    """All that a row says, so that it is known again as long as it says the same."""
    parts = (
        *(weekly.weekday, f"{weekly.start:%H:%M}", f"{weekly.end:%H:%M}", weekly.every_weeks),
        *(weekly.first_day or "-", weekly.last_day or "-", weekly.room),
    )
    return f"{kind} {' '.join(str(part) for part in parts)}".strip()


def read_time(text: str) -> datetime.time | None:
    """A time of day such as 9:30, 09:30:00 or 9:30 pm."""
    for form in _TIME_FORMATS:
        try:
            return datetime.datetime.strptime(text.strip().upper(), form).time()  # noqa: DTZ007 - a time of day
        except ValueError:
            continue
    return None


def _between(
    ordered: Collection[DatedClass],
) -> Callable[[datetime.date, datetime.date], Collection[DatedClass]]:
    return lambda first, last: [one for one in ordered if first <= one.date <= last]


def _required(cells: dict[str, str], column: str, read: Callable[[str], T | None]) -> T:
    text = cells.get(column, "")
    value = read(text)
    if value is None:
        raise _BadCell(
            _("“%(text)s” cannot be read as %(column)s.") % {"text": text[:40], "column": column}
            if text
            else _("The cell “%(column)s” is empty.") % {"column": column}
        )
    return value


def _date(text: str) -> datetime.date | None:
    """An ISO date alone: 03/04/2026 is in March for some and in April for others."""
    try:
        day = datetime.date.fromisoformat(text[:10]) if re.match(r"\d{4}-\d\d-\d\d", text) else None
    except ValueError:
        return None
    return day if day and day.year in YEARS else None


def _weekday(text: str) -> int | None:
    """A day by its English name or its beginning, or by its number: 1 is Monday, as in ISO 8601."""
    word = text.casefold().rstrip(".")
    if word in "1234567" and len(word) == 1:
        return int(word) - 1
    found = [index for index, name in enumerate(WEEKDAYS) if len(word) > 1 and name.startswith(word)]
    return found[0] if len(found) == 1 else None


def _weeks(text: str) -> int | None:
    return int(text) if text in map(str, range(1, MAX_EVERY_WEEKS + 1)) else None
