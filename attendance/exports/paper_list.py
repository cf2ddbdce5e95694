"""A roster as a PDF file with boxes to tick, for a class without phones.

Names are printed in their own script. Where there is no font for one, the student id stands in its place, and the page
says so.
"""

import enum
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from fpdf import FPDF
from fpdf.enums import Align
from fpdf.line_break import Fragment

from attendance.exports.fonts import BASE_FONT, plain, runs_of
from attendance.models import Status
from attendance.queries.paper_lists import ListedStudent, PaperList

NAMES_ON_A_PAGE = 40

# Lengths in millimetres, sizes of letters in points.
_MARGIN, _HEADER, _FOOTER = 12.0, 27.0, 11.0
_NUMBER_WIDTH, _BOX_WIDTH, _BOX = 26.0, 15.0, 3.4
_SIZE, _SMALL, _TITLE, _SMALLEST = 10.0, 8.0, 15.0, 5.0


class PaperSize(enum.StrEnum):
    A4 = "a4"
    LETTER = "letter"


def paper_list_pdf(paper_list: PaperList, *, size: PaperSize) -> bytes:
    """The list as a PDF file of pages with 40 names each."""
    pages = pages_of(paper_list.students) or [[]]
    pdf = _Document(format=size.value)
    pdf.set_title(heading_of(paper_list))
    without_font = sum(runs_of(plain(student.name)) is None for student in paper_list.students)
    for number, students in enumerate(pages, start=1):
        pdf.add_page()
        _write_header(pdf, paper_list, number=number, total=len(pages))
        _write_table(pdf, students)
        _write_footer(pdf, without_font=without_font)
    return bytes(pdf.output())


def pages_of(students: Sequence[ListedStudent]) -> list[Sequence[ListedStudent]]:
    return [students[start : start + NAMES_ON_A_PAGE] for start in range(0, len(students), NAMES_ON_A_PAGE)]


def heading_of(paper_list: PaperList) -> str:
    section = paper_list.section
    return " · ".join(filter(None, [str(section.course), section.name, section.term_name]))


def details_of(paper_list: PaperList) -> str:
    """The date, and what is known of time, room and teachers."""
    start, end = paper_list.starts_at, paper_list.ends_at
    time = f"{start:%H:%M}–{end:%H:%M}" if start and end else f"{start:%H:%M}" if start else ""
    date = date_format(paper_list.date, "l, j F Y")
    return " · ".join(
        filter(None, [date, time, paper_list.room, ", ".join(paper_list.teachers), paper_list.title])
    )


def instructions() -> str:
    return _(
        "Tick one box for each student. To enter the list, open this class in Rollcall and type a letter for each "
        "student: P for present, L for late, E for excused, A for absent."
    )


@dataclass(frozen=True)
class _Place:
    """A rectangle for one line of text."""

    x: float
    y: float
    width: float
    height: float


class _Document(FPDF):
    """A PDF document that chooses a font for each script."""

    def __init__(self, *, format: str) -> None:
        super().__init__(format=format)
        self.set_auto_page_break(auto=False)
        self.set_margin(_MARGIN)
        self.c_margin = 0
        # A name may contain what stands for the number of pages.
        self.alias_nb_pages(None)  # type: ignore[arg-type]
        self.add_font(BASE_FONT.stem, fname=BASE_FONT)
        self.set_font(BASE_FONT.stem, size=_SIZE)
        self.set_text_shaping(use_shaping_engine=True)
        self.set_line_width(0.2)

    def write_line(self, text: str, place: _Place, *, size: float, align: Align = Align.L) -> None:
        """Write the text on one line: smaller if it is too wide, and cut off if it would be too small to read."""
        text = self._printable(plain(text))
        if not text:
            return
        self.set_font_size(size)
        width = self.get_string_width(text)
        if width > place.width:
            self.set_font_size(max(_SMALLEST, size * place.width / width))
            while len(text) > 1 and self.get_string_width(text) > place.width + 0.01:
                text = text[:-2].rstrip() + "…"
        self.set_xy(place.x, place.y)
        with self._copied_as(text):
            self.cell(place.width, place.height, text, align=align)

    @contextmanager
    def _copied_as(self, text: str) -> Iterator[None]:
        """Say what is copied or read aloud: some letters are drawn as several signs, or in another order.

        Not for scripts that run from right to left, where Chromium would reverse the text.
        """
        is_copied = not any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)
        if is_copied:
            self._out(f"/Span <</ActualText <FEFF{text.encode('utf-16-be').hex().upper()}>>> BDC")
        yield
        if is_copied:
            self._out("EMC")

    @staticmethod
    def _printable(text: str) -> str:
        if runs_of(text) is not None:
            return text
        return "".join(char for char in text if runs_of(char) is not None)

    def _parse_chars(
        self,
        text: str,
        markdown: bool,  # noqa: FBT001 - as FPDF calls it
        *,
        _initial_emphasis: tuple[bool, bool, bool, bool] | None = None,
    ) -> Iterator[Fragment]:
        """Split the text into runs. FPDF's own runs end at each mark and joiner, which takes letters apart."""
        for run in runs_of(text) or ():
            if run.font.stem.lower() not in self.fonts:
                self.add_font(run.font.stem, fname=run.font)
            state = self._get_current_graphics_state()
            state.font_family = run.font.stem.lower()
            state.current_font = self.fonts[state.font_family]
            yield Fragment(run.text, state, self.k)


def _write_header(pdf: _Document, paper_list: PaperList, *, number: int, total: int) -> None:
    page = _("%(number)d of %(total)d") % {"number": number, "total": total}
    title = _Place(_MARGIN, _MARGIN, pdf.epw - 25, 8)
    pdf.write_line(heading_of(paper_list), title, size=_TITLE)
    pdf.write_line(page, _Place(_MARGIN, _MARGIN, pdf.epw, 8), size=_SIZE, align=Align.R)
    pdf.write_line(details_of(paper_list), _Place(_MARGIN, _MARGIN + 9, pdf.epw, 5), size=_SIZE)


def _write_table(pdf: _Document, students: Sequence[ListedStudent]) -> None:
    bottom = _MARGIN + _HEADER
    height = (pdf.h - _MARGIN - _FOOTER - bottom) / NAMES_ON_A_PAGE
    boxes = pdf.w - _MARGIN - len(Status) * _BOX_WIDTH
    name_width = boxes - _MARGIN - _NUMBER_WIDTH - 2
    heads = _Place(_MARGIN, bottom - 5.5, _NUMBER_WIDTH - 2, 5)
    pdf.write_line(_("Number"), heads, size=_SMALL)
    pdf.write_line(_("Name"), _Place(_MARGIN + _NUMBER_WIDTH, heads.y, name_width, 5), size=_SMALL)
    for column, status in enumerate(Status):
        place = _Place(boxes + column * _BOX_WIDTH, heads.y, _BOX_WIDTH, 5)
        pdf.write_line(capfirst(str(status.label)), place, size=_SMALL, align=Align.C)
    _line(pdf, bottom, grey=0)
    for row, student in enumerate(students):
        top = bottom + row * height
        name = student.name if runs_of(plain(student.name)) is not None else student.student_id
        number = _Place(_MARGIN, top, _NUMBER_WIDTH - 2, height)
        pdf.write_line(student.roll_number, number, size=_SIZE)
        pdf.write_line(name, _Place(_MARGIN + _NUMBER_WIDTH, top, name_width, height), size=_SIZE)
        for column, status in enumerate(Status):
            x = boxes + column * _BOX_WIDTH + (_BOX_WIDTH - _BOX) / 2
            _write_box(pdf, x, top + (height - _BOX) / 2, is_ticked=student.status == status)
        # A darker line after every fifth student, to find the row from afar.
        _line(pdf, top + height, grey=90 if row % 5 == 4 else 200)


def _write_box(pdf: _Document, x: float, y: float, *, is_ticked: bool) -> None:
    pdf.set_draw_color(0)
    pdf.rect(x, y, _BOX, _BOX)
    if is_ticked:
        pdf.line(x, y, x + _BOX, y + _BOX)
        pdf.line(x, y + _BOX, x + _BOX, y)


def _line(pdf: _Document, y: float, *, grey: int) -> None:
    pdf.set_draw_color(grey)
    pdf.line(_MARGIN, y, pdf.w - _MARGIN, y)


def _write_footer(pdf: _Document, *, without_font: int) -> None:
    top = pdf.h - _MARGIN - _FOOTER + 2
    pdf.write_line(instructions(), _Place(_MARGIN, top, pdf.epw, 4), size=_SMALL)
    if without_font:
        note = ngettext(
            "%(number)d name could not be printed in its script. The student id stands in its place.",
            "%(number)d names could not be printed in their script. The student ids stand in their place.",
            without_font,
        ) % {"number": without_font}
        pdf.write_line(note, _Place(_MARGIN, top + 4, pdf.epw, 4), size=_SMALL)
