"""The register as a PDF file: landscape pages with repeated heads, on which the meetings go on from page to page.

Names are printed in their own script. Where there is no font for one, the student id stands in its place, and the page
says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import qrcode
from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from fpdf.enums import Align

from attendance.exports.pdf import (
    MARGIN,
    SIZE,
    SMALL,
    TITLE,
    Document,
    Place,
    is_printable,
    names_without_font,
)
from attendance.exports.registers.table import (
    ABOUT_THE_SECTION,
    NO_STATUS,
    WHO_IT_IS,
    Column,
    Options,
    days_of,
    legend_of,
    meeting_headings,
    number_text,
    value_of,
    verify_address,
)
from attendance.models import MeetingState, Status
from attendance.registers.term_register import Cell, RegisterRow, TermRegister
from attendance.rules.words import STANDINGS, in_words

# Lengths in millimetres, sizes of letters in points.
_HEADER, _FOOTER = 24.0, 13.0
# The heads stand upright; those of meetings that were not held are longer.
_SHORT_HEADS, _LONG_HEADS = 22.0, 38.0
_ROW, _MEETING, _GAP, _LOGO = 4.7, 5.4, 2.5, 12.0
_LETTERS, _NAMES = 7.0, 8.0
_WIDTHS = {
    Column.STUDENT_ID: 24.0,
    Column.ROLL_NUMBER: 18.0,
    Column.NAME: 48.0,
    Column.ATTENDED: 14.0,
    Column.HELD: 10.0,
    Column.PERCENTAGE: 15.0,
    Column.STANDING: 32.0,
}
_NUMBERS = {Column.ATTENDED, Column.HELD, Column.PERCENTAGE}
_FILLS = {Status.LATE: (255, 242, 204), Status.EXCUSED: (221, 235, 247), Status.ABSENT: (248, 215, 218)}
_NOT_HELD = (235, 235, 235)


def pdf_bytes(register: TermRegister, options: Options) -> bytes:
    """The register on paper."""
    pages = _Pages(register, options)
    for rows in pages.rows:
        for columns in pages.columns:
            pages.write(rows, columns)
    return bytes(pages.pdf.output())


@dataclass(frozen=True)
class _Columns:
    """The columns of one page: some about the student, then the meetings from ``first`` on, before ``end``."""

    about: Sequence[Column]
    first: int
    end: int

    @property
    def width(self) -> float:
        return sum(_WIDTHS[column] + _GAP for column in self.about)


class _Pages:
    """The document while it is written."""

    def __init__(self, register: TermRegister, options: Options) -> None:
        self.register, self.options = register, options
        self.pdf = Document(format=options.size, orientation="landscape")
        self.pdf.set_title(register.section.full_name)
        self.meetings = options.meetings_of(register)
        self.headings = meeting_headings(self.meetings)
        is_short = all(len(heading) <= len("2026-09-07 10:00") for heading in self.headings)
        self.heads = _SHORT_HEADS if is_short else _LONG_HEADS
        self.top = MARGIN + _HEADER + self.heads

    @cached_property
    def rows(self) -> list[Sequence[RegisterRow]]:
        """The students of each page, from the first to the last. Without students there is one empty page."""
        number = int((self.pdf.h - MARGIN - _FOOTER - self.top) / _ROW)
        rows = self.register.rows
        return [rows[start : start + number] for start in range(0, len(rows), number)] or [[]]

    @cached_property
    def columns(self) -> list[_Columns]:
        """The columns of each page for the same students. Who it is stands on all of them."""
        about = [column for column in self.options.fixed_columns if column not in ABOUT_THE_SECTION]
        who = [column for column in about if column in WHO_IT_IS] or about[:1]
        pages: list[_Columns] = []
        first = 0
        while not pages or first < len(self.meetings):
            page = _Columns(who if pages else about, first, first)
            room = max(1, int((self.pdf.epw - page.width) / _MEETING))
            pages.append(_Columns(page.about, first, min(first + room, len(self.meetings))))
            first += room
        return pages

    @cached_property
    def without_font(self) -> int:
        return sum(_name_of(row) != row.student.name for row in self.register.rows)

    def write(self, rows: Sequence[RegisterRow], columns: _Columns) -> None:
        """Add a page."""
        self.pdf.add_page()
        self._write_header()
        bottom = self.top + len(rows) * _ROW
        self._write_heads(columns, bottom)
        for number, row in enumerate(rows):
            self._write_row(row, columns, self.top + number * _ROW)
        # A darker line after every fifth student, to find the row from afar.
        for number in range(1, len(rows) + 1):
            self.pdf.draw_line(self.top + number * _ROW, grey=110 if number % 5 == 0 else 205)
        if not rows:
            self.pdf.write_line(_("No students."), Place(MARGIN, self.top + 2, self.pdf.epw, 5), size=SIZE)
        self._write_footer()

    def _write_header(self) -> None:
        pdf, left, width = self.pdf, MARGIN, self.pdf.epw
        if settings.INSTITUTION_LOGO:
            pdf.image(settings.INSTITUTION_LOGO, MARGIN, MARGIN, 2 * _LOGO, _LOGO, keep_aspect_ratio=True)
            left += 2 * _LOGO + 3
            width -= 2 * _LOGO + 3
        if self.options.code:
            width -= self._write_code()
        total = len(self.rows) * len(self.columns)
        page = _("%(number)d of %(total)d") % {"number": pdf.page, "total": total}
        pdf.write_line(page, Place(left, MARGIN, width, 5), size=SIZE, align=Align.R)
        y = MARGIN
        if settings.INSTITUTION_NAME:
            pdf.write_line(settings.INSTITUTION_NAME, Place(left, y, width - 20, 5), size=SIZE)
            y += 5
        pdf.write_line(self.register.section.full_name, Place(left, y, width - 20, 7), size=TITLE)
        pdf.write_line(
            days_of(self.register, today=self.options.today), Place(left, y + 7.5, width, 4.5), size=SIZE
        )
        rule = " ".join(in_words(self.register.rule))
        pdf.write_line(rule, Place(MARGIN, MARGIN + 18, pdf.epw - 2 * _LOGO, 4), size=SMALL)

    def _write_code(self) -> float:
        """Write the code at the right, on the first page with the QR code of its address. Returns their width."""
        pdf, size = self.pdf, 16.0
        if pdf.page == 1 and (address := verify_address(self.options.code)):
            code = qrcode.QRCode(border=0)
            code.add_data(address)
            modules = code.get_matrix()
            module = size / len(modules)
            pdf.set_fill_color(0)
            for y, line in enumerate(modules):
                for x, is_dark in enumerate(line):
                    if is_dark:
                        pdf.rect(pdf.w - MARGIN - size + x * module, MARGIN + y * module, module, module, "F")
        place = Place(pdf.w - MARGIN - 40, MARGIN + size + 1, 40, 4)
        pdf.write_line(self.options.code, place, size=SMALL, align=Align.R)
        return size + 4

    def _write_heads(self, columns: _Columns, bottom: float) -> None:
        pdf, x = self.pdf, MARGIN
        for column in columns.about:
            place = Place(x, self.top - 5, _WIDTHS[column], 4.5)
            pdf.write_line(str(column.label), place, size=SMALL, align=_side(column))
            x += _WIDTHS[column] + _GAP
        for number in range(columns.first, columns.end):
            if self.meetings[number].state != MeetingState.HELD:
                pdf.set_fill_color(*_NOT_HELD)
                pdf.rect(x, self.top - self.heads, _MEETING, bottom - self.top + self.heads, "F")
            with pdf.rotation(90, x, self.top):
                place = Place(x + 1, self.top, self.heads - 2, _MEETING)
                pdf.write_line(self.headings[number], place, size=_LETTERS)
            x += _MEETING
        pdf.draw_line(self.top, grey=0)

    def _write_row(self, row: RegisterRow, columns: _Columns, y: float) -> None:
        pdf, x = self.pdf, MARGIN
        for column in columns.about:
            place = Place(x, y, _WIDTHS[column], _ROW)
            pdf.write_line(self._text(row, column), place, size=_NAMES, align=_side(column))
            x += _WIDTHS[column] + _GAP
        for cell in self.options.cells_of(row)[columns.first : columns.end]:
            if cell:
                self._write_cell(cell, Place(x, y, _MEETING, _ROW))
            x += _MEETING

    def _write_cell(self, cell: Cell, place: Place) -> None:
        if cell.status in _FILLS:
            self.pdf.set_fill_color(*_FILLS[cell.status])
            self.pdf.rect(place.x + 0.3, place.y + 0.3, place.width - 0.6, place.height - 0.6, "F")
        self.pdf.write_line(cell.letter or NO_STATUS, place, size=_LETTERS, align=Align.C)

    def _text(self, row: RegisterRow, column: Column) -> str:
        if column is Column.NAME:
            return _name_of(row)
        if column is Column.STANDING:
            return capfirst(str(STANDINGS[row.result.standing]))
        value = value_of(row, column, self.register.section)
        if value is None:
            return "–"
        if column is Column.PERCENTAGE:
            return f"{value}%"
        return value if isinstance(value, str) else number_text(value)

    def _write_footer(self) -> None:
        pdf, top = self.pdf, self.pdf.h - MARGIN - _FOOTER + 2
        pdf.write_line(" · ".join(self._legend()), Place(MARGIN, top, pdf.epw, 4), size=SMALL)
        if self.without_font:
            note = names_without_font(self.without_font)
            pdf.write_line(note, Place(MARGIN, top + 4, pdf.epw, 4), size=SMALL)

    def _legend(self) -> Iterator[str]:
        for letter, meaning in self.legend:
            # A cell has no room for the reason of an excuse.
            if ":" not in letter:
                yield f"{letter} {meaning}" if letter else _("empty: %(meaning)s") % {"meaning": meaning}

    @cached_property
    def legend(self) -> list[tuple[str, str]]:
        return legend_of(self.register) if self.meetings else []


def _name_of(row: RegisterRow) -> str:
    """The name, or the student id if no font has its letters."""
    return row.student.name if is_printable(row.student.name) else row.student.student_id


def _side(column: Column) -> Align:
    return Align.R if column in _NUMBERS else Align.L
