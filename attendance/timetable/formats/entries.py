"""What a timetable file says, whatever its kind."""

import datetime
import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from attendance.lib.refusals import Refused
from attendance.timetable.occurrences import Occurrence, WeeklyClass

MAX_FILE_BYTES = 5_000_000
_KEY_LENGTH = 200


class TimetableRefused(Refused):
    """The file as a whole cannot be read. Nothing was changed."""

    code = "timetable_refused"
    status = 400


class BadSeries(Exception):
    """The message says why nothing of this series is imported."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something of the file was not imported. ``where`` is a line or an event."""

    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" if self.where else self.reason


@dataclass(frozen=True, slots=True)
class Names:
    """What a file says of the section that meets.

    :param label: for people, and for the file that maps names to sections
    :param texts: course and section are named in one of them
    :param is_exact: the texts are course and section and nothing else
    """

    label: str
    texts: tuple[str, ...]
    term: str = ""
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class DatedClass(Occurrence):
    """One class on a date. ``date`` is the local day for which it was first planned, also if it was moved."""

    room: str
    title: str


@dataclass(frozen=True, slots=True)
class Series:
    """Classes on the dates that a file names.

    :param key: what the series is called in every version of the file
    :param between: the classes first planned between two days, both included, in order; may raise ``BadSeries``
    :param is_endless: without an end of its own
    """

    key: str
    names: Names
    where: str
    between: Callable[[datetime.date, datetime.date], Collection[DatedClass]]
    is_endless: bool = False


@dataclass(frozen=True, slots=True)
class WeeklyRow:
    """A weekly class. ``key`` is made of everything that the file says of it."""

    key: str
    names: Names
    where: str
    weekly: WeeklyClass


@dataclass(slots=True)
class TimetableFile:
    """The contents of a file. For each section that it names, a table is complete; a calendar need not be.

    :param kind: the beginning of the keys of weekly rows
    :param incomplete: names of which something could not be read
    :param unknown_zones: time zones that nobody knows
    """

    kind: str
    series: list[Series] = field(default_factory=list)
    weekly: list[WeeklyRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    incomplete: set[Names] = field(default_factory=set)
    unknown_zones: set[str] = field(default_factory=set)


def short_key(text: str) -> str:
    """The text, or if it is too long for a key its beginning and a hash."""
    if len(text) <= _KEY_LENGTH:
        return text
    return f"{text[:_KEY_LENGTH]} {hashlib.sha256(text.encode()).hexdigest()[:32]}"


def plain_text(text: str, *, limit: int) -> str:
    """The text on one line, without characters that nobody can see, cut to the limit."""
    visible = "".join(" " if unicodedata.category(one) in ("Cc", "Cs") else one for one in text)
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", visible)).strip()[:limit].rstrip()
