"""The register of a section over the term: on a page, one row of it, and to print."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from attendance.api.permissions import signed_in
from attendance.models import ExcuseReason, Meeting, MeetingState, Section, Status, StatusLabel, Student, User
from attendance.queries.labels import own_labels
from attendance.registers.gaps import gaps
from attendance.registers.moves import Moved, moved_students
from attendance.registers.term_register import Cell, RegisterRow, TermRegister, term_register
from attendance.rules.words import in_words
from qrsessions.forms.registers import RegisterForm
from qrsessions.queries.access import find_whole_section
from qrsessions.views.access import teacher_page

# As many columns as fit on a page of A4 across, beside the names.
COLUMNS_ON_PAPER = 26
# A larger register has several pages of students: more cells are slow to make, and to draw on a phone.
CELLS_PER_PAGE, MIN_PER_PAGE = 12_000, 25


@dataclass(frozen=True)
class Column:
    """A meeting of the register.

    :ivar is_locked: its register can no longer be changed
    :ivar may_edit: the user may change its marks on this page
    """

    meeting: Meeting
    is_locked: bool
    may_edit: bool

    @cached_property
    def css(self) -> str:
        """The class of its cells."""
        return f" {self.meeting.state}" if self.is_cancelled or self.is_planned else ""

    @property
    def is_cancelled(self) -> bool:
        return self.meeting.state == MeetingState.CANCELLED

    @property
    def is_planned(self) -> bool:
        return self.meeting.state == MeetingState.PLANNED

    @cached_property
    def page(self) -> str:
        """The address of its own page. A meeting has a session from the moment it is opened."""
        return reverse(
            f"qrsessions:{'session' if self.meeting.opened_at else 'meeting'}", args=[self.meeting.public_id]
        )

    @cached_property
    def mark_page(self) -> str:
        """Where a student is marked without a script, to be followed by the student."""
        return reverse("qrsessions:mark-by-hand", args=[self.meeting.public_id]) + "?student="


class ShownCell(NamedTuple):
    """A cell as the template shows it. Thousands are on a page, so these are plain texts.

    :ivar address: empty where the student was not on the roster
    :ivar reason: the code of the reason for an excuse
    """

    css: str
    address: str
    letter: str
    words: str
    reason: str = ""


@dataclass(frozen=True)
class ShownRow:
    row: RegisterRow
    cells: Sequence[ShownCell]
    moved: Moved | None


# A term of 120 students is 800 kB without, and 40 kB with.
@gzip_page
@teacher_page
@require_safe
def register(request: HttpRequest, section_id: int) -> HttpResponse:
    """The whole register, or the part of it that the form in the address asks for."""
    user, at = signed_in(request), timezone.now()
    section = find_whole_section(user, section_id, on=timezone.localdate(at))
    form = RegisterForm(request.GET)
    context = {"section": section, "form": form, "is_filtered": _is_filtered(form)}
    if not form.is_valid():
        return render(request, "qrsessions/registers/register.html", context, status=400)
    context |= _shown(section, form, user, at, page=request.GET.get("page", "1"))
    return render(request, "qrsessions/registers/register.html", context)


@teacher_page
@require_safe
def register_row(request: HttpRequest, section_id: int, student_id: str) -> HttpResponse:
    """One student's row, as the register has it with the same dates. The page's script asks for it after a change."""
    user, at = signed_in(request), timezone.now()
    section = find_whole_section(user, section_id, on=timezone.localdate(at))
    form = RegisterForm(request.GET)
    if not form.is_valid():
        return HttpResponse(status=400)
    student = get_object_or_404(Student, student_id=student_id)
    context = _shown(section, form, user, at, students=[student])
    (row,) = context["rows"]
    if not row.row.is_enrolled and not any(row.row.cells):
        return HttpResponse(status=404)
    return render(request, "qrsessions/registers/one_row.html", context | {"shown": row})


@gzip_page
@teacher_page
@require_safe
def register_print(request: HttpRequest, section_id: int) -> HttpResponse:
    """The same part of the register for paper, and the same page of students: as many tables as the columns need."""
    user, at = signed_in(request), timezone.now()
    section = find_whole_section(user, section_id, on=timezone.localdate(at))
    form = RegisterForm(request.GET)
    context: dict[str, Any] = {"section": section, "form": form, "printed_at": at}
    if not form.is_valid():
        return render(request, "qrsessions/registers/print.html", context, status=400)
    context |= _shown(section, form, user, at, page=request.GET.get("page", "1"))
    columns, rows = context["columns"], context["rows"]
    starts = range(0, len(columns), COLUMNS_ON_PAPER) or [0]
    context["tables"] = [
        (
            columns[start : start + COLUMNS_ON_PAPER],
            [(shown, shown.cells[start : start + COLUMNS_ON_PAPER]) for shown in rows],
        )
        for start in starts
    ]
    return render(request, "qrsessions/registers/print.html", context)


def _is_filtered(form: RegisterForm) -> bool:
    return any(form.data.get(name) for name in form.fields)


def _shown(
    section: Section,
    form: RegisterForm,
    user: User,
    at: datetime.datetime,
    *,
    page: str = "1",
    students: Sequence[Student] | None = None,
) -> dict[str, Any]:
    """The template context of the part of the register that the form asks for.

    :param page: the number of the page of students
    :param students: only these, whatever the form says of students
    """
    today = timezone.localdate(at)
    found = term_register(section, today=today, dates=form.dates, students=students)
    moved = moved_students(found, today=today)
    columns = _columns(found, user, today)
    show = _cell_words()
    rows = [row for row in found.rows if students or form.shows(row)]
    per_page = max(MIN_PER_PAGE, CELLS_PER_PAGE // max(1, len(columns)))
    this_page = Paginator(rows, per_page).get_page(page)
    return {
        "section": section,
        "days": form.days,
        "register": found,
        "columns": columns,
        "total": len(found.rows),
        "page": this_page,
        "rows": [ShownRow(row, _cells(row, columns, show), moved.get(row.student.pk)) for row in this_page],
        "gaps": gaps(found, at=at),
        "words": in_words(found.rule),
        "legend": _legend(found),
        "statuses": Status,
        "own": own_labels(),
        "may_edit": any(column.may_edit for column in columns),
        # For the dialog, which the script fills.
        "no_session": {"public_id": "00000000"},
    }


def _columns(register: TermRegister, user: User, today: datetime.date) -> list[Column]:
    with_rights = Meeting.objects.filter(section=register.section).with_rights(user, on=today)
    correctable = {meeting.pk for meeting in with_rights.only("pk") if meeting.may_correct}
    columns = []
    for meeting in register.meetings:
        is_locked = meeting.is_locked(on=today)
        may_edit = meeting.pk in correctable and not is_locked and meeting.state != MeetingState.CANCELLED
        columns.append(Column(meeting, is_locked, may_edit))
    return columns


CellWords = Callable[[Status | None, StatusLabel | None, ExcuseReason | None], tuple[str, str]]


def _cell_words() -> CellWords:
    """A function that gives the class and the words of a cell, and remembers them: a register has few different ones."""

    @cache
    def words(
        status: Status | None, label: StatusLabel | None, reason: ExcuseReason | None
    ) -> tuple[str, str]:
        if status is None:
            return "none", gettext("no status")
        name = label.name if label else str(status.label)
        css = f"{status.value} label-{label.colour}" if label else status.value
        return css, f"{name}: {reason.name}" if reason else name

    return words


def _cells(row: RegisterRow, columns: Sequence[Column], words: CellWords) -> list[ShownCell]:
    student = urlencode({"": row.student.student_id})[1:]
    cells = []
    for column, cell in zip(columns, row.cells, strict=True):
        if cell is None:
            cells.append(ShownCell("out", "", "", ""))
        else:
            css, text = words(cell.status, cell.label, cell.excused_reason)
            reason = cell.excused_reason.code if cell.excused_reason else ""
            cells.append(
                ShownCell(css + column.css, _address(column, student), _letter(cell, column), text, reason)
            )
    return cells


def _address(column: Column, student: str) -> str:
    return column.mark_page + student if column.may_edit and column.meeting.opened_at else column.page


def _letter(cell: Cell, column: Column) -> str:
    return cell.letter or ("·" if column.is_planned else "–")


def _legend(register: TermRegister) -> list[tuple[str, str, str]]:
    """Class, letter and words of the four statuses, and of the labels and other signs that the register has."""
    cells = {cell for row in register.rows for cell in row.cells}
    labels = {cell.label for cell in cells if cell and cell.label}
    named = [(f"{one.meaning} label-{one.colour}", one.letter, one.name) for one in labels]
    legend = [(status.value, status.letter, str(status.label)) for status in Status]
    legend += sorted(named, key=lambda one: one[2])
    legend.append(("none", "–", gettext("no status")))
    if None in cells:
        legend.append(("out", "", gettext("not enrolled then")))
    states = {meeting.state for meeting in register.meetings}
    if MeetingState.CANCELLED in states:
        legend.append(("state", "✕", gettext("class cancelled")))
    if MeetingState.PLANNED in states:
        legend.append(("state", "◦", gettext("class planned")))
    return legend
