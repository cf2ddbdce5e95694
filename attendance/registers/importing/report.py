"""What an import changes, or would change."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from attendance.lib.refusals import Refused
from attendance.models import Meeting
from attendance.registers.importing.words import Mark
from attendance.rosters.problems import Problem


class Kind(StrEnum):
    """What is counted. ``CLASS_TAKEN`` is a planned class whose register the file takes."""

    STUDENT = "students_added"
    ENROLMENT = "enrolments_added"
    CLASS = "classes_added"
    CLASS_TAKEN = "classes_taken"
    MARK = "marks_added"
    CHANGE = "marks_changed"
    UNCHANGED = "marks_unchanged"


@dataclass(frozen=True, slots=True)
class MarkChange:
    """A mark that another one replaces."""

    section: str
    student: str
    held_on: str
    before: Mark
    after: Mark


@dataclass(slots=True)
class WordUse:
    """A word of the file. ``is_known`` is false if nobody knows what it means; without a mark it is "not enrolled then"."""

    word: str
    is_known: bool
    mark: Mark | None
    count: int = 0


@dataclass(slots=True)
class Report:
    """:ivar taken: the meetings that are held from now on
    :ivar classes: their dates, also in a dry run
    :ivar words: of the cells: those that nobody knows first, then the most frequent
    :ivar asks_order: dates such as 03/04/2026 can be read in two ways
    """

    counts: Counter[Kind] = field(default_factory=Counter)
    changes: list[MarkChange] = field(default_factory=list)
    taken: list[Meeting] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    sections_added: list[str] = field(default_factory=list)
    words: list[WordUse] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    asks_order: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether the file changes nothing."""
        return not self.sections_added and not any(
            number for kind, number in self.counts.items() if kind is not Kind.UNCHANGED
        )

    @property
    def unknown_words(self) -> Sequence[WordUse]:
        return [use for use in self.words if not use.is_known]

    @property
    def outcome(self) -> str:
        """What happened, in a sentence. An import that did nothing never sounds like a success."""
        if self.problems:
            return _("Nothing can be imported yet. The problems below say why.")
        if self.is_empty:
            return _("Nothing to change: the register already matches the file.")
        return _(
            "Classes: %(classes)d added, %(taken)d planned ones filled in. Marks: %(added)d added, "
            "%(changed)d changed, %(unchanged)d unchanged."
        ) % {
            "classes": self.counts[Kind.CLASS],
            "taken": self.counts[Kind.CLASS_TAKEN],
            "added": self.counts[Kind.MARK],
            "changed": self.counts[Kind.CHANGE],
            "unchanged": self.counts[Kind.UNCHANGED],
        }


class RegisterRefused(Refused):
    """The file has problems, and nothing was imported. ``report`` lists all of them by line and column."""

    code = "register_refused"
    detail = gettext_lazy("The file has problems. Nothing was imported.")

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__(
            problems=[
                {"line": one.line, "column": one.column, "reason": one.reason} for one in report.problems
            ],
            unknown_words=[use.word for use in report.unknown_words],
            asks_date_order=report.asks_order,
        )
