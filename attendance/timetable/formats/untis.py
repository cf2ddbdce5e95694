"""Reads Untis's export of lessons, GPU001: lesson number, class, teacher, subject, room, weekday, period."""

import datetime
from collections import defaultdict
from dataclasses import dataclass

from django.utils.translation import gettext as _

from attendance.timetable.formats.entries import (
    Names,
    Problem,
    TimetableFile,
    TimetableRefused,
    WeeklyRow,
    plain_text,
)
from attendance.timetable.formats.plain_csv import read_time, weekly_key
from attendance.timetable.formats.tables import decode, read_table, rows_of
from attendance.timetable.occurrences import WeeklyClass

KIND = "untis"

# The times of day of each period.
Periods = dict[int, tuple[datetime.time, datetime.time]]


@dataclass(frozen=True, slots=True)
class _Lesson:
    number: str
    class_name: str
    subject: str
    weekday: int


def read_periods(content: bytes) -> Periods:
    """Read the table of periods: period, start, end.

    :raises TimetableRefused: if a period has no number or no times
    """
    periods: Periods = {}
    columns = {"period": "number, no, lesson", "start": "from, begins", "end": "to, ends"}
    for line, cells in read_table(decode(content), columns, required=("period", "start", "end")):
        number = cells.get("period", "")
        start, end = read_time(cells.get("start", "")), read_time(cells.get("end", ""))
        if not (number.isascii() and number.isdigit() and start and end and start < end):
            raise TimetableRefused(
                _("Line %(line)d of the periods must have a number, a start and a later end.")
                % {"line": line}
            )
        periods[int(number)] = (start, end)
    return periods


def read_untis(content: bytes, *, periods: Periods) -> TimetableFile:
    """Read the lessons as weekly classes of the whole term. Periods that follow each other are one class.

    The subject is the course, and Untis's class is the section. Rows that differ only in their teacher, or in their room, are
    one lesson with several teachers or rooms.
    """
    file = TimetableFile(KIND)
    found: defaultdict[_Lesson, dict[int, str]] = defaultdict(dict)
    lines: dict[_Lesson, str] = {}
    for line, cells in rows_of(decode(content)):
        where = _("line %(line)d") % {"line": line}
        cells += [""] * (7 - len(cells))
        number, class_name, _teacher, subject, room, weekday, period = cells[:7]
        names = _names(subject, class_name)
        if not (subject and class_name):
            file.problems.append(Problem(where, _("The class or the subject is missing.")))
            continue
        if weekday not in tuple("1234567") or not (period.isascii() and period.isdigit()):
            file.problems.append(
                Problem(where, _("The sixth cell must be a weekday from 1 to 7, and the seventh a period."))
            )
            file.incomplete.add(names)
            continue
        if int(period) not in periods:
            reason = _("The file of periods has no period %(period)s.") % {"period": period[:10]}
            file.problems.append(Problem(where, reason))
            file.incomplete.add(names)
            continue
        lesson = _Lesson(number, class_name, subject, int(weekday) - 1)
        found[lesson].setdefault(int(period), plain_text(room, limit=100))
        lines.setdefault(lesson, where)
    for lesson, rooms in found.items():
        for first, last, room in _blocks(rooms):
            weekly = WeeklyClass(lesson.weekday, periods[first][0], periods[last][1], room)
            names = _names(lesson.subject, lesson.class_name)
            if fault := weekly.fault():
                file.problems.append(Problem(lines[lesson], str(fault[1])))
                file.incomplete.add(names)
                continue
            file.weekly.append(WeeklyRow(weekly_key(KIND, weekly), names, lines[lesson], weekly))
    return file


def _names(subject: str, class_name: str) -> Names:
    label = f"{subject} {class_name}"[:200]
    return Names(label, (label,), is_exact=True)


def _blocks(rooms: dict[int, str]) -> list[tuple[int, int, str]]:
    """The periods that follow each other in one room: first, last, room."""
    blocks: list[tuple[int, int, str]] = []
    for period, room in sorted(rooms.items()):
        if blocks and blocks[-1][1] == period - 1 and blocks[-1][2] == room:
            blocks[-1] = (blocks[-1][0], period, room)
        else:
            blocks.append((period, period, room))
    return blocks
