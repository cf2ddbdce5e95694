"""A roster as a PDF file with boxes to tick, for a class without phones.

Names are printed in their own script. Where there is no font for one, the student id stands in its place, and the page
says so.
"""

from collections.abc import Sequence

from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from fpdf.enums import Align

from attendance.exports.paper import PaperSize
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
from attendance.models import Status
from attendance.queries.paper_lists import ListedStudent, PaperList

NAMES_ON_A_PAGE = 40

# Lengths in millimetres.
_HEADER, _FOOTER = 27.0, 11.0
_NUMBER_WIDTH, _BOX_WIDTH, _BOX = 26.0, 15.0, 3.4


def paper_list_pdf(paper_list: PaperList, *, size: PaperSize) -> bytes:
    """The list as a PDF file of pages with 40 names each."""
    pages = pages_of(paper_list.students) or [[]]
    pdf = Document(format=size)
    pdf.set_title(paper_list.section.full_name)
    without_font = sum(not is_printable(student.name) for student in paper_list.students)
    for number, students in enumerate(pages, start=1):
        pdf.add_page()
        _write_header(pdf, paper_list, number=number, total=len(pages))
        _write_table(pdf, students)
        _write_footer(pdf, without_font=without_font)
    return bytes(pdf.output())


def pages_of(students: Sequence[ListedStudent]) -> list[Sequence[ListedStudent]]:
    return [students[start : start + NAMES_ON_A_PAGE] for start in range(0, len(students), NAMES_ON_A_PAGE)]


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


def _write_header(pdf: Document, paper_list: PaperList, *, number: int, total: int) -> None:
    page = _("%(number)d of %(total)d") % {"number": number, "total": total}
    title = Place(MARGIN, MARGIN, pdf.epw - 25, 8)
    pdf.write_line(paper_list.section.full_name, title, size=TITLE)
    pdf.write_line(page, Place(MARGIN, MARGIN, pdf.epw, 8), size=SIZE, align=Align.R)
    pdf.write_line(details_of(paper_list), Place(MARGIN, MARGIN + 9, pdf.epw, 5), size=SIZE)


def _write_table(pdf: Document, students: Sequence[ListedStudent]) -> None:
    bottom = MARGIN + _HEADER
    height = (pdf.h - MARGIN - _FOOTER - bottom) / NAMES_ON_A_PAGE
    boxes = pdf.w - MARGIN - len(Status) * _BOX_WIDTH
    name_width = boxes - MARGIN - _NUMBER_WIDTH - 2
    heads = Place(MARGIN, bottom - 5.5, _NUMBER_WIDTH - 2, 5)
    pdf.write_line(_("Number"), heads, size=SMALL)
    pdf.write_line(_("Name"), Place(MARGIN + _NUMBER_WIDTH, heads.y, name_width, 5), size=SMALL)
    for column, status in enumerate(Status):
        place = Place(boxes + column * _BOX_WIDTH, heads.y, _BOX_WIDTH, 5)
        pdf.write_line(capfirst(str(status.label)), place, size=SMALL, align=Align.C)
    pdf.draw_line(bottom, grey=0)
    for row, student in enumerate(students):
        top = bottom + row * height
        name = student.name if is_printable(student.name) else student.student_id
        number = Place(MARGIN, top, _NUMBER_WIDTH - 2, height)
        pdf.write_line(student.roll_number, number, size=SIZE)
        pdf.write_line(name, Place(MARGIN + _NUMBER_WIDTH, top, name_width, height), size=SIZE)
        for column, status in enumerate(Status):
            x = boxes + column * _BOX_WIDTH + (_BOX_WIDTH - _BOX) / 2
            _write_box(pdf, x, top + (height - _BOX) / 2, is_ticked=student.status == status)
        # A darker line after every fifth student, to find the row from afar.
        pdf.draw_line(top + height, grey=90 if row % 5 == 4 else 200)


def _write_box(pdf: Document, x: float, y: float, *, is_ticked: bool) -> None:
    pdf.set_draw_color(0)
    pdf.rect(x, y, _BOX, _BOX)
    if is_ticked:
        pdf.line(x, y, x + _BOX, y + _BOX)
        pdf.line(x, y + _BOX, x + _BOX, y)


def _write_footer(pdf: Document, *, without_font: int) -> None:
    top = pdf.h - MARGIN - _FOOTER + 2
    pdf.write_line(instructions(), Place(MARGIN, top, pdf.epw, 4), size=SMALL)
    if without_font:
        pdf.write_line(names_without_font(without_font), Place(MARGIN, top + 4, pdf.epw, 4), size=SMALL)
