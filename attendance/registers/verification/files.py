"""Reading an exported register (CSV) to verify it: its cells as they are, not yet compared with anything."""

import csv
import datetime
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from attendance.lib.csv_cells import unguarded_cell
from attendance.lib.refusals import Refused
from attendance.models import MeetingState, Section
from attendance.registers.dates import DateRange

_HEADING = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d)(?: \((cancelled|planned|open)\))?(?: #\d{1,3})?")
_NAMES = ("course", "section", "student_id")
MAX_CELL_CHARACTERS = 10_000


class BadRegisterFile(Refused):
    code = "bad_file"
    status = 400
    detail = _("This is not a register that was exported as CSV.")


class UnknownRegister(Refused):
    code = "unknown_register"
    status = 404
    detail = _("You teach no section with the course, name and term that the file names.")


@dataclass(frozen=True)
class Column:
    """One class.

    :ivar start: local date and time, as in the heading
    :ivar number: 1 for the second column with the same start, whatever its state
    """

    heading: str
    start: str
    state: MeetingState
    number: int


@dataclass(frozen=True)
class Row:
    """:ivar cells: one for each column"""

    line: int
    student_id: str
    cells: Sequence[str]


@dataclass(frozen=True)
class RegisterFile:
    course: str
    section: str
    term: str
    columns: Sequence[Column]
    rows: Sequence[Row]

    @property
    def dates(self) -> DateRange:
        days = [datetime.date.fromisoformat(column.start[:10]) for column in self.columns]
        return DateRange(min(days), max(days))


def read_register_file(content: bytes) -> RegisterFile:
    """The register of one section.

    :raises BadRegisterFile: if it is something else
    """
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = [unguarded_cell(cell) for cell in next(reader, [])]
        columns = _columns(header)
        places = {name: header.index(name) for name in _NAMES}
        rows, names = [], set()
        for cells in reader:
            if len(cells) != len(header) or any(len(cell) > MAX_CELL_CHARACTERS for cell in cells):
                raise BadRegisterFile(
                    _("Line %(line)d does not have the same columns as the first.")
                    % {"line": reader.line_num}
                )
            values = [unguarded_cell(cell) for cell in cells]
            term = values[header.index("term")] if "term" in header else ""
            names.add((values[places["course"]], values[places["section"]], term))
            rows.append(
                Row(reader.line_num, values[places["student_id"]], [values[place] for place in columns])
            )
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise BadRegisterFile from error
    if not columns or not rows:
        raise BadRegisterFile(_("The file has no class or no student, so there is nothing to compare."))
    if len(names) > 1:
        raise BadRegisterFile(_("The file has several sections. Check the file of one section."))
    ((course, section, term),) = names
    return RegisterFile(course, section, term, list(columns.values()), rows)


def section_of(file: RegisterFile, sections: QuerySet[Section]) -> Section:
    """The one of the sections whose register the file is.

    :raises UnknownRegister: if it is none of them
    """
    found = sections.filter(course__code=file.course, name=file.section)
    found = found.filter(term__name=file.term) if file.term else found.filter(term=None)
    # Of terms with the same name, the latest.
    section = found.order_by("-term__last_day", "-pk").first()
    if section is None:
        raise UnknownRegister
    return section


def _columns(header: Sequence[str]) -> dict[int, Column]:
    """The columns of classes by their place.

    :raises ValueError: if there is no such day
    """
    columns: dict[int, Column] = {}
    seen: Counter[str] = Counter()
    for place, heading in enumerate(header):
        if match := _HEADING.fullmatch(heading):
            day, time, state = match.groups()
            datetime.date.fromisoformat(day)
            start = f"{day} {time}"
            columns[place] = Column(heading, start, MeetingState(state or MeetingState.HELD), seen[start])
            seen[start] += 1
    return columns
