"""Reads a timetable of any kind, and the table that maps names to sections."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from attendance.timetable.formats.entries import MAX_FILE_BYTES, TimetableFile, TimetableRefused
from attendance.timetable.formats.ical import is_ical, read_ical
from attendance.timetable.formats.plain_csv import read_csv
from attendance.timetable.formats.tables import decode, read_table
from attendance.timetable.formats.untis import read_periods, read_untis

# Which sections a name in a file means. None at all: what has this name is no class.
SectionsByName = dict[str, list[int]]


def read_timetable(
    content: bytes,
    *,
    zone: ZoneInfo,
    unknown_zone: ZoneInfo | None = None,
    contains: str = "",
    periods: bytes | None = None,
    names_sections: bool,
) -> TimetableFile:
    """Read a calendar, a plain CSV, or with ``periods`` Untis's GPU001.

    :param zone: the institution's
    :param unknown_zone: what a zone means that nobody knows
    :param contains: of a calendar, only the events with this text in their summary
    :param names_sections: whether a CSV must say whose its classes are
    :raises TimetableRefused: if the file cannot be read at all
    """
    if len(content) > MAX_FILE_BYTES:
        raise TimetableRefused(
            _("The file is larger than %(number)d MB.") % {"number": MAX_FILE_BYTES // 1_000_000}
        )
    if not content.strip():
        raise TimetableRefused(_("The file is empty."))
    if is_ical(content):
        return read_ical(content, zone=zone, unknown_zone=unknown_zone, contains=contains)
    if periods is not None:
        return read_untis(content, periods=read_periods(periods))
    return read_csv(content, zone=zone, names_sections=names_sections)


def read_map(content: bytes) -> SectionsByName:
    """Read a table with the columns summary and section, the section's id. An empty section: not a class.

    :raises TimetableRefused: if a section is not a number
    """
    found: SectionsByName = {}
    columns = {"summary": "name, title, event", "section": "section id, id"}
    for line, cells in read_table(decode(content), columns, required=("summary", "section")):
        section = cells.get("section", "")
        if section and not (section.isascii() and section.isdigit() and len(section) < 19):
            raise TimetableRefused(
                _("Line %(line)d of the map: “%(text)s” is not the id of a section.")
                % {"line": line, "text": section[:40]}
            )
        found.setdefault(as_name(cells.get("summary", "")), []).extend([int(section)] if section else [])
    return found


def as_name(label: str) -> str:
    """A name as it is looked up: case and white space don't matter."""
    return " ".join(label.casefold().split())


def missing_sections(by_name: SectionsByName, existing: Iterable[int]) -> list[int]:
    known = set(existing)
    return sorted({key for keys in by_name.values() for key in keys} - known)
