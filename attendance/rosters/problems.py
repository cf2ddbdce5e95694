"""The problems found in a roster, with the line and column so that its author can fix them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from attendance.lib.csv_cells import safe_cell
from attendance.lib.refusals import Refused

# Nobody reads more than this, and 50 MB of nonsense must not become millions of problems.
MAX_PROBLEMS = 10_000
# In the file of the bad rows.
PROBLEM_COLUMN = "problem"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. ``line`` is the physical line on which the record starts, or None for the whole file.

    ``is_of_row`` means that the roster has no problem without this row.
    """

    file: str
    line: int | None
    column: str
    reason: str
    is_of_row: bool = False

    def __str__(self) -> str:
        where = [self.file] if self.file else []
        if self.line is not None:
            where.append(f"line {self.line}")
        if self.column:
            where.append(f"column “{self.column}”")
        return f"{', '.join(where)}: {self.reason}" if where else self.reason


class RosterRefused(Refused):
    """The roster has problems and nothing was imported. ``problems`` lists all of them by file and line."""

    code = "roster_refused"

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"The roster has {count}. Nothing was imported.")


class Problems:
    """Collects problems, so that they can be reported all at once, and notes about what was not read.

    :param bad_rows: rows to leave out
    """

    def __init__(self, bad_rows: BadRows | None = None) -> None:
        self._found: list[Problem] = []
        self.notes: list[str] = []
        self.bad_rows = bad_rows or BadRows()
        # Some lines could not be read at all, so a student who seems to be missing may be in one of them.
        self.rows_skipped = False

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, reason: str, *, file: str = "", line: int | None = None, column: str = "") -> None:
        """Add a problem of the whole file.

        :raises RosterRefused: if there are now ``MAX_PROBLEMS``
        """
        self._add(Problem(file, line, column, reason))

    def add_to_row(self, reason: str, *, file: str, line: int, column: str = "") -> None:
        """Add a problem of one row.

        :raises RosterRefused: if there are now ``MAX_PROBLEMS``
        """
        self._add(Problem(file, line, column, reason, is_of_row=True))

    @property
    def found(self) -> list[Problem]:
        """All problems by file and line, those of no file last."""
        return sorted(self._found, key=lambda found: (not found.file, found.file, found.line or 0))

    def refuse_if_any(self) -> None:
        """:raises RosterRefused: if there is a problem"""
        if self._found:
            raise RosterRefused(self.found)

    def _add(self, problem: Problem) -> None:
        self._found.append(problem)
        if len(self._found) >= MAX_PROBLEMS:
            self._found.append(
                Problem(
                    "", None, "", f"More than {MAX_PROBLEMS} problems. The rest of the file was not checked."
                )
            )
            self.refuse_if_any()


class BadRows:
    """The rows that an import of the good rows leaves out, and why."""

    def __init__(self) -> None:
        self._reasons: dict[tuple[str, int], list[str]] = {}
        self._cells: dict[tuple[str, int], list[str]] = {}
        # The header of each file.
        self.headers: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self._reasons)

    def add(self, problems: Iterable[Problem]) -> None:
        """Leave out the rows with these problems."""
        for problem in problems:
            if problem.line is not None:
                column = f"{problem.column}: " if problem.column else ""
                self._reasons.setdefault((problem.file, problem.line), []).append(f"{column}{problem.reason}")

    def holds(self, file: str, line: int, cells: list[str]) -> bool:
        """Return whether this row is left out, and if so keep its cells."""
        if (file, line) not in self._reasons:
            return False
        self._cells[file, line] = cells
        return True

    def as_csv(self) -> str:
        """Return the rows as they were, with their problems.

        Rows of one file have its columns, so that they can be corrected and imported. Otherwise each row begins with its
        file and line.
        """
        text = io.StringIO()
        # The byte order mark tells spreadsheet programs that the file is UTF-8.
        text.write("\ufeff")
        writer = csv.writer(text)
        rows = [
            (*key, self._cells.get(key, []), " ".join(reasons))
            for key, reasons in sorted(self._reasons.items())
        ]
        if len(self.headers) == 1:
            (header,) = self.headers.values()
            # An earlier file of bad rows has the column, too.
            former = header.index(PROBLEM_COLUMN) if PROBLEM_COLUMN in header else len(header)
            table = [[*header[:former], PROBLEM_COLUMN]]
            table += [[*_padded(cells, former)[:former], reason] for _file, _line, cells, reason in rows]
        else:
            table = [["file", "line", PROBLEM_COLUMN, "row"]]
            table += [[file, str(line), reason, *cells] for file, line, cells, reason in rows]
        writer.writerows([safe_cell(cell) for cell in cells] for cells in table)
        return text.getvalue()


def _padded(cells: list[str], width: int) -> list[str]:
    return [*cells, *[""] * (width - len(cells))]
