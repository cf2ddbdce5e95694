"""The columns and cells of a register, which all kinds of files share."""

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import quote

from django.conf import settings
from django.db.models import TextChoices
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from attendance.exports.paper import PaperSize
from attendance.models import Meeting, MeetingState, Section, Status
from attendance.registers.term_register import Cell, RegisterRow, TermRegister

# In a cell: on the roster, and no status stands.
NO_STATUS = "-"


class Column(TextChoices):
    """In the order of the files. ``MEETINGS`` is one column for each meeting."""

    COURSE = "course", gettext_lazy("Course")
    SECTION = "section", gettext_lazy("Section")
    TERM = "term", gettext_lazy("Term")
    STUDENT_ID = "student_id", gettext_lazy("Student id")
    ROLL_NUMBER = "roll_number", gettext_lazy("Roll number")
    NAME = "name", gettext_lazy("Name")
    ATTENDED = "attended", gettext_lazy("Attended")
    HELD = "held", gettext_lazy("Held")
    PERCENTAGE = "percentage", gettext_lazy("Percentage")
    STANDING = "standing", gettext_lazy("Standing")
    MEETINGS = "meetings", gettext_lazy("Each class")


# The same in all rows of a register.
ABOUT_THE_SECTION = {Column.COURSE, Column.SECTION, Column.TERM}
WHO_IT_IS = {Column.STUDENT_ID, Column.ROLL_NUMBER, Column.NAME}


@dataclass(frozen=True)
class Options:
    """What is wanted of the files.

    :ivar today: the day on which they are made
    :ivar columns: in the order of ``Column``
    :ivar with_bom: whether CSV files begin with a byte order mark, by which Excel recognises UTF-8
    :ivar size: of the paper
    :ivar code: the code under which a sealed register can be verified; PDF, XLSX and JSON files carry it
    """

    today: datetime.date
    columns: Sequence[Column] = tuple(Column)
    with_bom: bool = True
    size: PaperSize = PaperSize.A4
    code: str = ""

    @property
    def fixed_columns(self) -> list[Column]:
        """The columns that are not meetings."""
        return [column for column in self.columns if column is not Column.MEETINGS]

    def meetings_of(self, register: TermRegister) -> Sequence[Meeting]:
        """The meetings that have a column."""
        return register.meetings if Column.MEETINGS in self.columns else []

    def cells_of(self, row: RegisterRow) -> Sequence[Cell | None]:
        return row.cells if Column.MEETINGS in self.columns else []


def value_of(row: RegisterRow, column: Column, section: Section) -> str | int | Fraction | float | None:
    """What a student has in a column. Without classes held, the percentage is None."""
    match column:
        case Column.COURSE:
            return section.course.code
        case Column.SECTION:
            return section.name
        case Column.TERM:
            return section.term_name
        case Column.STUDENT_ID:
            return row.student.student_id
        case Column.ROLL_NUMBER:
            return row.roll_number
        case Column.NAME:
            return row.student.name
        case Column.ATTENDED:
            return row.result.attended
        case Column.HELD:
            return row.result.held
        case Column.PERCENTAGE:
            return row.result.percentage
        case Column.STANDING:
            return row.result.standing.value
        case Column.MEETINGS:
            raise ValueError("the meetings are many columns")


def number_text(number: Fraction | float) -> str:
    """A number without needless digits: ``7``, ``7.5`` or ``7.25``. What classes count has no more than two decimals."""
    return f"{float(number):.2f}".rstrip("0").rstrip(".")


def cell_text(cell: Cell | None) -> str:
    """The letter of the status or label, with the reason of an excuse: ``P`` or ``E:medical``.

    ``-`` if no status stands; empty if the student was not on the roster.
    """
    if cell is None:
        return ""
    if cell.excused_reason:
        return f"{cell.letter}:{cell.excused_reason.code}"
    return cell.letter or NO_STATUS


def meeting_headings(meetings: Iterable[Meeting]) -> list[str]:
    """``2026-09-07 10:00``, local time, with the state of one that was not held, and a number where two would be the same."""
    headings = []
    seen: Counter[str] = Counter()
    for meeting in meetings:
        heading = f"{timezone.localtime(meeting.starts_at):%Y-%m-%d %H:%M}"
        if meeting.state != MeetingState.HELD:
            heading += f" ({meeting.state})"
        seen[heading] += 1
        headings.append(heading if seen[heading] == 1 else f"{heading} #{seen[heading]}")
    return headings


def verify_address(code: str) -> str:
    """Where a sealed register is verified; empty without the address of the site."""
    return f"{settings.PUBLIC_URL}/verify/?code={quote(code)}" if settings.PUBLIC_URL else ""


def days_of(register: TermRegister, *, today: datetime.date) -> str:
    """The range of days, and the day of which the numbers are."""
    first, last = (
        date_format(day, "j F Y") if day else "" for day in (register.dates.first, register.dates.last)
    )
    if first and last:
        days = _("%(first)s to %(last)s") % {"first": first, "last": last}
    elif first:
        days = _("From %(first)s") % {"first": first}
    elif last:
        days = _("Until %(last)s") % {"last": last}
    else:
        days = ""
    as_of = _("As of %(day)s") % {"day": date_format(today, "j F Y")}
    return " · ".join(filter(None, [days, as_of]))


def legend_of(register: TermRegister) -> list[tuple[str, str]]:
    """Each letter that may stand in a cell, with its meaning: the statuses, and the labels and reasons that are there."""
    cells = [cell for row in register.rows for cell in row.cells if cell]
    labels = {cell.label.letter: cell.label.name for cell in cells if cell.label}
    reasons = {
        f"{cell.letter}:{cell.excused_reason.code}": cell.excused_reason.name
        for cell in cells
        if cell.excused_reason
    }
    return [
        *((status.letter, str(status.label)) for status in Status),
        *sorted(labels.items()),
        *sorted(reasons.items()),
        (NO_STATUS, _("no status")),
        ("", _("not on the roster then")),
    ]
