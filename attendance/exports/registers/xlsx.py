"""The register as an Excel workbook: the table on the first sheet, what it says on the second."""

import io
from fractions import Fraction

from django.conf import settings
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from attendance.exports.registers.table import (
    ABOUT_THE_SECTION,
    WHO_IT_IS,
    Column,
    Options,
    cell_text,
    days_of,
    legend_of,
    value_of,
    verify_address,
)
from attendance.models import MeetingState, Status
from attendance.registers.term_register import RegisterRow, TermRegister
from attendance.rules.words import STANDINGS, in_words

_HEADS = 2
# In characters.
_WIDTHS = {
    Column.COURSE: 10,
    Column.TERM: 14,
    Column.STUDENT_ID: 12,
    Column.NAME: 28,
    Column.STANDING: 22,
}
_FILLS = {Status.LATE: "#FFF2CC", Status.EXCUSED: "#DDEBF7", Status.ABSENT: "#F8D7DA"}


def xlsx_bytes(register: TermRegister, options: Options) -> bytes:
    """The workbook. All texts are written as texts: none is run as a formula or becomes a link or number."""
    file = io.BytesIO()
    # Constant memory: each row is in a temporary file once the next one begins.
    with Workbook(file, {"constant_memory": True}) as workbook:
        workbook.set_properties({"title": register.section.full_name, "author": settings.INSTITUTION_NAME})
        _write_register(workbook, workbook.add_worksheet(_("Register")), register, options)
        _write_about(workbook, workbook.add_worksheet(_("About")), register, options)
    return file.getvalue()


def _write_register(workbook: Workbook, sheet: Worksheet, register: TermRegister, options: Options) -> None:
    head = workbook.add_format({"bold": True, "bottom": 1, "valign": "top"})
    moment = workbook.add_format(
        {"bold": True, "num_format": "yyyy-mm-dd hh:mm", "rotation": 90, "align": "center"}
    )
    state = workbook.add_format({"bottom": 1, "align": "center", "font_color": "#595959"})
    decimal = workbook.add_format({"num_format": "0.0#"})
    fills: dict[Status | None, Format] = {None: workbook.add_format({"align": "center"})}
    fills |= {
        status: workbook.add_format({"align": "center", "bg_color": colour})
        for status, colour in _FILLS.items()
    }
    # What is the same in all rows comes last, so that the columns that stay in sight are those that say who it is.
    columns = sorted(options.fixed_columns, key=lambda column: column in ABOUT_THE_SECTION)
    meetings = options.meetings_of(register)
    for number, column in enumerate(columns):
        sheet.set_column(number, number, _WIDTHS.get(column, 11))
    if meetings:
        sheet.set_column(len(columns), len(columns) + len(meetings) - 1, 9)
    sheet.set_row(0, 90)
    for number, meeting in enumerate(meetings, start=len(columns)):
        local = timezone.localtime(meeting.starts_at).replace(tzinfo=None)
        sheet.write_datetime(0, number, local, moment)
    for number, column in enumerate(columns):
        sheet.write_string(1, number, str(column.label), head)
    for number, meeting in enumerate(meetings, start=len(columns)):
        sheet.write_string(1, number, str(MeetingState(meeting.state).label), state)
    for row_number, row in enumerate(register.rows, start=_HEADS):
        for number, column in enumerate(columns):
            _write_value(sheet, row_number, number, _shown(row, column, register), decimal)
        for number, cell in enumerate(options.cells_of(row), start=len(columns)):
            if cell:
                fill = fills.get(cell.status, fills[None])
                sheet.write_string(row_number, number, cell_text(cell), fill)
    sheet.freeze_panes(_HEADS, sum(column in WHO_IT_IS for column in columns))
    if register.rows and (columns or meetings):
        sheet.autofilter(1, 0, _HEADS + len(register.rows) - 1, len(columns) + len(meetings) - 1)


def _shown(row: RegisterRow, column: Column, register: TermRegister) -> str | int | float | Fraction | None:
    if column is Column.STANDING:
        return capfirst(str(STANDINGS[row.result.standing]))
    return value_of(row, column, register.section)


def _write_value(
    sheet: Worksheet, row: int, column: int, value: str | int | float | Fraction | None, decimal: Format
) -> None:
    match value:
        case None:
            pass
        case str():
            sheet.write_string(row, column, value)
        case int():
            sheet.write_number(row, column, value)
        case _:
            sheet.write_number(row, column, float(value), decimal)


def _write_about(workbook: Workbook, sheet: Worksheet, register: TermRegister, options: Options) -> None:
    bold = workbook.add_format({"bold": True})
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, 70)
    lines: list[tuple[str, str]] = [
        (_("Institution"), settings.INSTITUTION_NAME),
        (_("Register"), register.section.full_name),
        (_("Days"), days_of(register, today=options.today)),
        (_("Rule"), " ".join(in_words(register.rule))),
        *((letter or _("empty"), meaning) for letter, meaning in legend_of(register)),
    ]
    if options.code:
        lines += [(_("Code"), options.code), (_("Verify at"), verify_address(options.code))]
    for number, (name, text) in enumerate(line for line in lines if line[1]):
        sheet.write_string(number, 0, name, bold)
        sheet.write_string(number, 1, text)
