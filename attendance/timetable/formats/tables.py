"""Tables in text files, as spreadsheet and timetable programs write them."""

import csv
import io
from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _

from attendance.lib.csv_cells import unguarded_cell
from attendance.lib.texts import normalised
from attendance.timetable.formats.entries import TimetableRefused

SEPARATORS = ",;\t"
MAX_ROWS = 50_000


def rows_of(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the line on which it ends. The separator is the one used most at the start.

    :raises TimetableRefused: if the text is not a table
    """
    start = text[:2000]
    separator = max(SEPARATORS, key=start.count)
    # A null byte, as in a spreadsheet's own format, is an error of csv's.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for cells in reader:
            if reader.line_num > MAX_ROWS:
                raise TimetableRefused(_("The file has more than %(number)d lines.") % {"number": MAX_ROWS})
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [unguarded_cell(cell).strip() for cell in cells]
    except csv.Error:
        raise TimetableRefused(_("The file is not a table in text form (CSV).")) from None


def read_table(
    text: str, columns: Mapping[str, str], *, required: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows below the header, by column. Columns that are not known are not read.

    :param columns: each column with its other headers, such as ``{"room": "location, place"}``
    :raises TimetableRefused: if a required column is missing
    """
    names = {
        normalised(name): column
        for column, others in columns.items()
        for name in (column, *others.split(","))
    }
    rows = rows_of(text)
    _line, header = next(rows, (0, []))
    found = [names.get(normalised(cell)) for cell in header]
    missing = [column for column in required if column not in found]
    if missing:
        shown = ", ".join(f"“{cell[:40]}”" for cell in header[:10])
        raise TimetableRefused(
            _("The column “%(column)s” is missing. The first line has: %(header)s")
            % {"column": missing[0], "header": shown}
        )
    for line, cells in rows:
        yield line, {column: cell for column, cell in zip(found, cells, strict=False) if column}


def decode(content: bytes) -> str:
    """The text of a file in UTF-8 or UTF-16, or else in the encoding of western Windows."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
