"""A file of separated values as rows that know where they came from, whatever program wrote it.

UTF-8 with or without BOM, or UTF-16 with one; commas, semicolons or tabs; any line ends; quoted newlines; columns in
any order and under any of their names. Problems carry the physical line at which a record starts.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from attendance.roster.files import RosterFile
from attendance.roster.problems import Problems

SEPARATORS = (",", ";", "\t")
# Below csv's own limit of a field. One line of 20 MB would become millions of cells.
MAX_RECORD_CHARACTERS = 100_000
MAX_LINES = 500_000

_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?\s*\Z', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a kind of file: every name they go by, and which ones a file must have.

    ``required`` holds alternatives: one column of each tuple must be there.
    """

    names: Mapping[str, str]
    required: tuple[tuple[str, ...], ...]

    @classmethod
    def named(cls, required: tuple[tuple[str, ...], ...], **names: str) -> Columns:
        """``roll_number="roll no, roll"``: the column is also known as these; case, spaces and signs don't matter."""
        return cls(
            {
                _plain(name): column
                for column, others in names.items()
                for name in (column, *filter(None, others.split(",")))
            },
            required,
        )

    def meant_by(self, header: str) -> str | None:
        return self.names.get(_plain(header))


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file, and how the file calls its columns."""

    file: str
    line: int
    headers: Mapping[str, str]

    def problem(self, problems: Problems, column: str, reason: str) -> None:
        problems.add(reason, file=self.file, line=self.line, column=self.headers.get(column, column))


@dataclass(frozen=True, slots=True)
class Row:
    place: Place
    cells: Mapping[str, str]

    def has(self, column: str) -> bool:
        """Whether the file has the column at all."""
        return column in self.place.headers


class NoRoster(Exception):
    """No roster looks like this; reading on is of no use. The message says why."""


def read_rows(file: RosterFile, columns: Columns, problems: Problems) -> Iterator[Row]:
    """The rows under the header, without empty ones. What cannot be read is added to the problems and left out."""
    text = _decode(file, problems)
    if text is None:
        return
    records = _Records(text)
    separator = records.skip_separator_line() or _sniff(text, columns)
    headers: dict[int, str] | None = None
    place_headers: dict[str, str] = {}
    width = 0
    readable = True
    for line, cells in records.read(separator, file.name, problems):
        if cells is None:
            readable = False
            problems.left_out = True
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if headers is None:
            headers = _understand(cells, columns, file.name, line, problems)
            if headers is None:
                return
            width = len(cells)
            place_headers = {column: _short(cells[index]) for index, column in headers.items()}
            continue
        if any(cell.strip() for cell in cells[width:]):
            problems.add(
                f"The line has {len(cells)} cells, the header {width}: is a separator inside a text, which then needs quotation marks?",
                file=file.name,
                line=line,
            )
            problems.left_out = True
            continue
        yield Row(
            Place(file.name, line, place_headers),
            {column: cells[index] if index < len(cells) else "" for index, column in headers.items()},
        )
    if headers is None and readable:
        problems.add("The file is empty.", file=file.name)


def _decode(file: RosterFile, problems: Problems) -> str | None:
    content = file.content
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in content[:1000]:
        problems.add("This is no text. Save it as “CSV UTF-8” and import that.", file=file.name, line=1)
        return None
    try:
        return content.decode(encoding)
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


class _Records:
    """The records of a text, each with the physical line on which it starts."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self._line = 0
        self._characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._line += 1
        self._characters += len(line)
        if self._characters > MAX_RECORD_CHARACTERS:
            raise NoRoster(
                f"A record of more than {MAX_RECORD_CHARACTERS} characters starts here: a quotation mark is never "
                "closed, or this is no roster. The rest was not read."
            )
        if self._line > MAX_LINES:
            raise NoRoster(f"The file has more than {MAX_LINES} lines: import it in parts.")
        return line

    def skip_separator_line(self) -> str | None:
        """Excel's own first line, ``sep=;``: what it names, or None."""
        first = self._lines.readline(20)
        found = _SEPARATOR_LINE.match(first)
        if found:
            self._line = 1
            return found[1]
        self._lines.seek(0)
        return None

    def read(self, separator: str, file: str, problems: Problems) -> Iterator[tuple[int, list[str] | None]]:
        """Each record with its line; None instead of one that cannot be read and was added to the problems."""
        reader = csv.reader(self, delimiter=separator, strict=True)
        while True:
            start = self._line + 1
            self._characters = 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except NoRoster as reason:
                problems.add(str(reason), file=file, line=start)
                yield start, None
                return
            except csv.Error:
                problems.add(
                    "A quotation mark is in the wrong place, or is never closed. Inside a quoted text it is written twice.",
                    file=file,
                    line=start,
                )
                yield start, None
                continue
            yield start, cells


def _sniff(text: str, columns: Columns) -> str:
    """The separator with which the header says most."""

    def understood(separator: str) -> tuple[int, int]:
        for _line, cells in islice(_Records(text).read(separator, "", Problems()), 100):
            if cells and any(cell.strip() for cell in cells):
                return len({columns.meant_by(cell) for cell in cells} - {None}), len(cells)
        return 0, 0

    return max(SEPARATORS, key=understood)


def _understand(
    cells: list[str], columns: Columns, file: str, line: int, problems: Problems
) -> dict[int, str] | None:
    """Which column stands at which place, or None where the header will not do."""
    headers: dict[int, str] = {}
    at: dict[str, str] = {}
    will_do = True
    for index, header in enumerate(cells):
        column = columns.meant_by(header)
        if column is None:
            continue
        if column in at:
            problems.add(
                f"“{_short(at[column])}” and “{_short(header)}” both mean {column}: rename the one that does not.",
                file=file,
                line=line,
                column=_short(header),
            )
            will_do = False
        at[column] = header
        headers[index] = column
    found = ", ".join(f"“{_short(cell)}”" for cell in cells[:12])
    for alternatives in columns.required:
        if not any(column in at for column in alternatives):
            problems.add(
                f"The column is missing. The header has {found}.",
                file=file,
                line=line,
                column=alternatives[0],
            )
            will_do = False
    return headers if will_do else None


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def _short(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text).strip()
    return printable if len(printable) <= 40 else f"{printable[:39]}…"
