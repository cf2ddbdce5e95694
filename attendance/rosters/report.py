"""The report of an import or dry run: counts of all rows, and a line for each row that changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from attendance.rosters.problems import BadRows


class Kind(StrEnum):
    TERM = "terms"
    COURSE = "courses"
    SECTION = "sections"
    TEACHER = "teachers"
    STUDENT = "students"
    ASSIGNMENT = "assignments"  # of teachers to sections
    ENROLMENT = "enrolments"


class Action(StrEnum):
    """What happened to a row. ``MISSING`` is an enrolment that the roster lacks and that stays as it is."""

    CREATED = "created"
    CHANGED = "changed"
    ENDED = "ended"
    MISSING = "missing"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Line:
    kind: Kind
    action: Action
    what: str
    details: str = ""

    def __str__(self) -> str:
        return f"{self.kind.removesuffix('s')} {self.action}: {self.what}" + (
            f" ({self.details})" if self.details else ""
        )


@dataclass(slots=True)
class Report:
    dry_run: bool = False
    counts: Counter[tuple[Kind, Action]] = field(default_factory=Counter)
    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bad_rows: BadRows = field(default_factory=BadRows)

    def add(self, kind: Kind, action: Action, what: str, details: str = "") -> None:
        self.counts[kind, action] += 1
        if action is not Action.UNCHANGED:
            self.lines.append(Line(kind, action, what, details))

    def sort_lines(self) -> None:
        """Sort by kind, terms first and enrolments last. Within a kind the roster's order stays."""
        order = list(Kind)
        self.lines.sort(key=lambda line: order.index(line.kind))

    def summary(self) -> list[str]:
        """Return one line for each kind: ``students: 3 created, 597 unchanged``."""
        return [
            f"{kind}: "
            + (", ".join(f"{self.counts[kind, a]} {a}" for a in Action if self.counts[kind, a]) or "none")
            for kind in Kind
        ]


def describe_changes(**fields: tuple[object, object]) -> str:
    """Describe the values that differ, each given as (old, new): ``name: Ann → Anne``."""
    return "; ".join(
        f"{name.replace('_', ' ')}: {_shown(old)} → {_shown(new)}"
        for name, (old, new) in fields.items()
        if old != new
    )


def _shown(value: object) -> str:
    return "nothing" if value in (None, "") else str(value)
