"""What is wrong with a roster, said in a way that the person who made the file can mend it."""

from __future__ import annotations

from dataclasses import dataclass

from attendance.refusals import Refused

# More than this helps nobody, and 50 MB of nonsense must not become 50 million problems.
MAX_PROBLEMS = 10_000


@dataclass(frozen=True, slots=True)
class Problem:
    """``line`` is the physical line of the file where the record starts; None where a whole file is meant."""

    file: str
    line: int | None
    column: str
    reason: str

    def __str__(self) -> str:
        where = [self.file] if self.file else []
        if self.line is not None:
            where.append(f"line {self.line}")
        if self.column:
            where.append(f"column “{self.column}”")
        return f"{', '.join(where)}: {self.reason}" if where else self.reason


class RosterRefused(Refused):
    """The roster has problems; nothing was imported. ``problems`` holds all of them, in the order of the lines."""

    code = "roster_refused"

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"The roster has {count}; nothing was imported.")


class Problems:
    """Collects problems, so that all are told at once."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        # Lines could not be entered at all: who seems to be missing may be in one of them.
        self.left_out = False

    def add(self, reason: str, *, file: str = "", line: int | None = None, column: str = "") -> None:
        """:raises RosterRefused: when there are so many that reading on is of no use"""
        self._found.append(Problem(file, line, column, reason))
        if len(self._found) >= MAX_PROBLEMS:
            self._found.append(
                Problem("", None, "", f"More than {MAX_PROBLEMS} problems: the rest was not looked at.")
            )
            self.refuse_if_any()

    def refuse_if_any(self) -> None:
        """:raises RosterRefused: if there is a problem"""
        if self._found:
            raise RosterRefused(
                sorted(self._found, key=lambda found: (not found.file, found.file, found.line or 0))
            )
