"""What a register file says, whatever its form."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from attendance.registers.importing.headings import DateOrder, FileState


class SectionName(NamedTuple):
    """How a file names a section. All three are empty if it names none."""

    course: str
    section: str
    term: str

    def __str__(self) -> str:
        return " · ".join(filter(None, self))


@dataclass(frozen=True, slots=True)
class FileClass:
    """A class in a file: a column, or what the rows with one date and time are about.

    :ivar number: which of several classes with one date, time and state; from 1
    :ivar column: the heading of the column in which its statuses stand
    """

    date: datetime.date
    start: datetime.time | None
    state: FileState
    number: int
    column: str
    line: int

    def __str__(self) -> str:
        return f"{self.date} {self.start:%H:%M}" if self.start else str(self.date)


@dataclass(slots=True)
class StudentRow:
    """What a file says of one student in one section.

    :ivar texts: one for each class of the file; None: the file says nothing, empty: not enrolled then
    :ivar notes: by the number of the class
    :ivar lines: by the number of the class, where that is another line than the student's first one
    """

    section: SectionName
    student_id: str
    roll_number: str
    name: str
    line: int
    texts: list[str | None] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)
    lines: dict[int, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return self.student_id or self.roll_number

    def text(self, number: int) -> str | None:
        return self.texts[number] if number < len(self.texts) else None

    def line_of(self, number: int) -> int:
        return self.lines.get(number, self.line)


@dataclass(slots=True)
class RegisterFile:
    """:ivar order: how day and month were read, where it matters
    :ivar asks_order: it matters, and neither the file nor its reader says
    """

    name: str
    classes: Sequence[FileClass] = ()
    rows: Sequence[StudentRow] = ()
    headers: dict[str, str] = field(default_factory=dict)
    order: DateOrder | None = None
    asks_order: bool = False

    @property
    def is_own(self) -> bool:
        """Whether it is an export of ours: it has the numbers that are computed from a register. They are not read."""
        return {"attended", "held", "percentage", "standing"} <= self.headers.keys()

    def column(self, name: str) -> str:
        """The file's own heading of a column."""
        return self.headers.get(name, name)
