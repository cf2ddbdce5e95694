"""What a person says about a file that does not say it itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from attendance.lib.texts import max_length
from attendance.models import Course, Section, Term
from attendance.rosters.problems import Problems


@dataclass(frozen=True, slots=True)
class Given:
    """The course, section and term of all rows of a file. Empty if not given."""

    course: str = ""
    section: str = ""
    term: str = ""

    @property
    def cells(self) -> dict[str, str]:
        """What is given, by column of a plain CSV."""
        return {column: text for column, text in asdict(self).items() if text}

    def check(self, problems: Problems) -> None:
        """Check that they can be a course code, section and term.

        :raises RosterRefused: with a problem for each that cannot
        """
        limits = {
            "course": max_length(Course, "code"),
            "section": max_length(Section, "name"),
            "term": max_length(Term, "name"),
        }
        for column, text in self.cells.items():
            if len(text) > limits[column]:
                reason = f"The text has {len(text)} characters; the limit is {limits[column]}."
                problems.add(reason, column=f"--{column}")
            elif not text.strip() or not text.isprintable():
                problems.add("The text is empty or contains control characters.", column=f"--{column}")
        problems.refuse_if_any()
