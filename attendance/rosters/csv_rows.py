"""Reads a CSV file from any program as rows that know their line.

It accepts UTF-8 with or without BOM, UTF-16 with BOM, commas, semicolons or tabs, any line ending, quoted newlines, lines
above the header, and columns in any order under any of their names. A problem names the physical line on which its record
starts. Columns that are not read are named in a note.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from attendance.lib.csv_cells import unguarded_cell
from attendance.lib.texts import normalised, shortened
from attendance.rosters.files import RosterFile
from attendance.rosters.problems import Problems

SEPARATORS = (",", ";", "\t")
# A single line of 20 MB would become millions of cells. The limit is below csv's own limit for a field.
MAX_RECORD_CHARACTERS = 100_000
MAX_LINES = 500_000
# Titles, dates and other lines that a report may have above its header.
MAX_LINES_TO_HEADER = 20
# "Rol Nr" is as near as this to "roll no" (0.73).
NEAR_ENOUGH = 0.7

_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?\s*\Z', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one kind of file.

    ``names`` maps every accepted header, normalised, to its column and its usual spelling. ``required`` lists
    alternatives: the file must have at least one column of each tuple. ``identifying`` columns say who or what a row is
    about: a header that may be a misspelt one is refused. ``unlike`` are headers that look misspelt and are not; ``unread``
    are those that the format has and we don't need. ``doubtful`` are headers that often mean the column, but not always.
    ``has_grades`` means that any other columns are grades: they are counted, not named.
    """

    names: Mapping[str, tuple[str, str]]
    required: tuple[tuple[str, ...], ...]
    identifying: frozenset[str] = frozenset()
    unlike: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()
    doubtful: Mapping[str, str] = field(default_factory=dict)
    has_grades: bool = False

    @classmethod
    def named(
        cls,
        required: tuple[tuple[str, ...], ...],
        *,
        identifying: Collection[str] = (),
        unlike: str = "",
        unread: str = "",
        doubtful: Mapping[str, str] | None = None,
        has_grades: bool = False,
        **names: str,
    ) -> Columns:
        """Name each column with its other headers: ``roll_number="roll no, roll"``.

        Case, spaces and punctuation in headers don't matter.
        """
        return cls(
            {
                normalised(name): (column, name.strip())
                for column, others in names.items()
                for name in (column, *filter(None, others.split(",")))
            },
            required,
            identifying=frozenset(identifying),
            unlike=frozenset(normalised(name) for name in unlike.split(",")),
            unread=frozenset(normalised(name) for name in unread.split(",")),
            doubtful={
                normalised(name): column
                for column, others in (doubtful or {}).items()
                for name in others.split(",")
            },
            has_grades=has_grades,
        )

    def without(self, *given: str) -> Columns:
        """The same, but these columns are not required."""
        required = tuple(names for names in self.required if not {*names} & {*given})
        return replace(self, required=required)

    def meant_by(self, header: str) -> tuple[str, str] | None:
        """Return the column that a misspelt header may mean, and how that is spelt."""
        name = normalised(header)
        if name in self.unlike:
            return None
        if column := self.doubtful.get(name):
            return self.names[normalised(column)]
        near = difflib.get_close_matches(name, self.names, n=1, cutoff=NEAR_ENOUGH)
        return self.names[near[0]] if near else None

    def satisfied_by(self, cells: Sequence[str]) -> bool:
        """Return whether these cells can be the header of the file."""
        found = {self.column_for(cell) for cell in cells}
        return all(any(column in found for column in alternatives) for alternatives in self.required)

    def column_for(self, header: str) -> str | None:
        name = self.names.get(normalised(header))
        return name[0] if name else None

    def count_in(self, cells: Sequence[str]) -> int:
        """Return how many of the columns these cells name."""
        return len({self.column_for(cell) for cell in cells} - {None})


@dataclass(frozen=True, slots=True)
class Location:
    """The file and line of a row, and the file's own header for each column."""

    file: str
    line: int
    headers: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"

    def add_problem(self, problems: Problems, column: str, reason: str) -> None:
        problems.add_to_row(reason, file=self.file, line=self.line, column=self.headers.get(column, column))


@dataclass(frozen=True, slots=True)
class Row:
    location: Location
    cells: Mapping[str, str]

    def has(self, column: str) -> bool:
        """Return whether the file has the column."""
        return column in self.location.headers


@dataclass(frozen=True, slots=True)
class Signature:
    """The headers by which a kind of file is known: all of some, and at least one of others if there are any."""

    all_of: frozenset[str]
    one_of: frozenset[str]

    @classmethod
    def of(cls, all_of: str, *, one_of: str = "") -> Signature:
        return cls(
            *(frozenset(map(normalised, filter(None, names.split(",")))) for names in (all_of, one_of))
        )

    def fits(self, headers: Sequence[str]) -> bool:
        found = {normalised(header) for header in headers}
        return self.all_of <= found and (not self.one_of or not self.one_of.isdisjoint(found))


class UnreadableFile(Exception):
    """The file cannot be a roster, so reading stops. The message says why."""


# A record: its line, its cells, and why it cannot be read if there are none.
_Record = tuple[int, list[str], str]


def read_rows(file: RosterFile, columns: Columns, problems: Problems) -> Iterator[Row]:
    """Yield the rows below the header, except empty ones. A row that cannot be read is skipped and adds a problem."""
    records = _records_from_header(file, columns, problems)
    for line, cells, _reason in islice(records, 1):
        columns_by_index = _match_headers(cells, columns, file.name, line, problems)
        if columns_by_index is None:
            return
        headers = {column: shortened(cells[index]) for index, column in columns_by_index.items()}
        problems.bad_rows.headers[file.name] = cells
        yield from _rows_below(cells, headers, columns_by_index, records, file, problems)


def read_table(file: RosterFile, columns: Columns, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Yield the header and the rows below it, each with its line and its cells as they are, also of unknown columns.

    A row that cannot be read is skipped and adds a problem.
    """
    for line, cells, reason in _records_from_header(file, columns, problems):
        if reason:
            problems.add_to_row(reason, file=file.name, line=line)
        else:
            yield line, cells


def _records_from_header(file: RosterFile, columns: Columns, problems: Problems) -> Iterator[_Record]:
    """Yield the header and the records below it, except empty ones."""
    encoding = _encoding(file, problems)
    if encoding is None:
        return
    records = _Records(file.content, encoding)
    separator = records.skip_separator_line() or _detect_separator(file.content, encoding, columns)
    rows = _not_empty(records.read(separator))
    try:
        first = list(islice(rows, MAX_LINES_TO_HEADER))
        header = _header_index(first, columns)
        if header is None:
            _add_unreadable(first, file, problems)
            return
        if header:
            problems.notes.append(f"{file.name}: lines above the header, not read: {header}")
        yield from chain(first[header:], rows)
    except UnreadableFile as unreadable:
        problems.add(str(unreadable), file=file.name, line=records.start)
        problems.rows_skipped = True


def possible_headers(file: RosterFile) -> list[list[str]]:
    """Return the first lines, as each separator splits them. None if the file cannot be read."""
    encoding = _encoding(file, Problems())
    found: list[list[str]] = []
    for separator in SEPARATORS if encoding else ():
        try:
            records = _Records(file.content, encoding or "").read(separator)
            found += [
                cells for _line, cells, _reason in islice(_not_empty(records), MAX_LINES_TO_HEADER) if cells
            ]
        except UnreadableFile:
            pass
    return found


def _not_empty(records: Iterator[_Record]) -> Iterator[_Record]:
    for line, cells, reason in records:
        if reason or any(cell.strip() for cell in cells):
            yield line, cells, reason


def _header_index(records: Sequence[_Record], columns: Columns) -> int | None:
    """Return which record is the header: the first with all required columns, else the one with most columns."""
    readable = [index for index, (_line, cells, _reason) in enumerate(records) if cells]
    for index in readable:
        if columns.satisfied_by(records[index][1]):
            return index
    return max(readable, key=lambda index: columns.count_in(records[index][1]), default=None)


def _add_unreadable(records: Sequence[_Record], file: RosterFile, problems: Problems) -> None:
    for line, _cells, reason in records:
        problems.add(reason, file=file.name, line=line)
    if not records:
        problems.add("The file is empty.", file=file.name)


def _rows_below(
    header: list[str],
    headers: Mapping[str, str],
    columns_by_index: Mapping[int, str],
    records: Iterator[_Record],
    file: RosterFile,
    problems: Problems,
) -> Iterator[Row]:
    width = len(header)
    for line, cells, reason in records:
        if problems.bad_rows.holds(file.name, line, cells):
            continue
        if any(cell.strip() for cell in cells[width:]):
            reason = (
                f"The line has {len(cells)} cells, but the header has {width}. "
                "Put quotation marks around any text that contains a separator."
            )
        if reason:
            problems.add_to_row(reason, file=file.name, line=line)
            problems.rows_skipped = True
            continue
        yield Row(
            Location(file.name, line, headers),
            {
                column: unguarded_cell(cells[index]) if index < len(cells) else ""
                for index, column in columns_by_index.items()
            },
        )


def _encoding(file: RosterFile, problems: Problems) -> str | None:
    """Return the encoding of the whole file, or None after a problem."""
    content = file.content
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in content[:1000]:
        problems.add(
            "This is not a text file. Save it as “CSV UTF-8” and import that.", file=file.name, line=1
        )
        return None
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, errors="replace")
        line = len(re.findall(r"\r\n|\r|\n", before)) + 1
        problems.add(
            f"The text is not {encoding[:6].upper().rstrip('-')} (byte {error.start + 1} of the file). "
            "Save it as “CSV UTF-8” and import that.",
            file=file.name,
            line=line,
        )
        return None
    return encoding


class _Records:
    """The records of a file, each with the physical line on which it starts. Iterating yields physical lines."""

    def __init__(self, content: bytes, encoding: str) -> None:
        # Not StringIO, which takes four bytes for each character.
        self._lines = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
        self._line = 0
        self._characters = 0
        # The line on which the record that is being read starts.
        self.start = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._line += 1
        self._characters += len(line)
        if self._characters > MAX_RECORD_CHARACTERS:
            raise UnreadableFile(
                f"A record of more than {MAX_RECORD_CHARACTERS} characters starts here. Either a quotation mark is never "
                "closed, or this is not a roster. The rest was not read."
            )
        if self._line > MAX_LINES:
            raise UnreadableFile(f"The file has more than {MAX_LINES} lines. Import it in parts.")
        return line

    def skip_separator_line(self) -> str | None:
        """Skip the ``sep=;`` line that Excel may put first, and return its separator. None if there is no such line."""
        first = self._lines.readline(20)
        found = _SEPARATOR_LINE.match(first)
        if found:
            self._line = 1
            return found[1]
        self._lines.seek(0)
        return None

    def read(self, separator: str) -> Iterator[_Record]:
        """Yield each record.

        :raises UnreadableFile: if the rest cannot be a roster
        """
        reader = csv.reader(self, delimiter=separator, strict=True)
        while True:
            self.start = self._line + 1
            self._characters = 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                reason = "A quotation mark is in the wrong place or is never closed. Inside quoted text, write it twice."
                yield self.start, [], reason
                continue
            yield self.start, cells, ""


def _detect_separator(content: bytes, encoding: str, columns: Columns) -> str:
    """Return the separator that finds most known columns in the header, or else most columns."""

    def columns_found(separator: str) -> tuple[int, int]:
        found = [(0, 0)]
        try:
            for _line, cells, _reason in islice(
                _not_empty(_Records(content, encoding).read(separator)), MAX_LINES_TO_HEADER
            ):
                found.append((columns.count_in(cells), len(cells)))
        except UnreadableFile:
            pass
        return max(found)

    return max(SEPARATORS, key=columns_found)


def _match_headers(
    cells: list[str], columns: Columns, file: str, line: int, problems: Problems
) -> dict[int, str] | None:
    """Return the column for each index, or None if the header lacks a column or has one twice."""
    columns_by_index: dict[int, str] = {}
    header_of: dict[str, str] = {}
    valid = True
    unknown: list[str] = []
    for index, header in enumerate(cells):
        column = columns.column_for(header)
        if column is None:
            name = normalised(header)
            # OneRoster's columns for private use begin so.
            if name and name not in columns.unread and not name.startswith("metadata"):
                unknown.append(header)
            continue
        if column in header_of:
            problems.add(
                f"“{shortened(header_of[column])}” and “{shortened(header)}” are both read as {column}. Rename the one that is something else.",
                file=file,
                line=line,
                column=shortened(header),
            )
            valid = False
        header_of[column] = header
        columns_by_index[index] = column
    found = ", ".join(f"“{shortened(cell)}”" for cell in cells[:12])
    for alternatives in columns.required:
        if not any(column in header_of for column in alternatives):
            problems.add(
                f"The column is missing. The header has {found}.",
                file=file,
                line=line,
                column=alternatives[0],
            )
            valid = False
    if columns.has_grades and unknown:
        problems.notes.append(f"{file}: other columns, not read: {len(unknown)}")
        unknown = []
    not_read = []
    for header in unknown:
        meant = columns.meant_by(header)
        if meant is None or meant[0] in header_of:
            not_read.append(f"“{shortened(header)}”")
        elif meant[0] in columns.identifying:
            problems.add(
                f"This column is not known. If it is the {meant[0].replace('_', ' ')}, call it “{meant[1]}”. "
                "If not, remove it or give it another name.",
                file=file,
                line=line,
                column=shortened(header),
            )
            valid = False
        else:
            not_read.append(f"“{shortened(header)}” (to be read, it must be called “{meant[1]}”)")
    if not_read:
        problems.notes.append(f"{file}: columns not read: {', '.join(not_read)}")
    return columns_by_index if valid else None
