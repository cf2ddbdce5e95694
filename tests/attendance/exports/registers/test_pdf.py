"""The register as PDF, read back with PDFium, which is what Chromium shows PDF files with."""

import dataclasses
import datetime

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageChops

from attendance.exports.paper import PaperSize
from attendance.exports.registers.pdf import pdf_bytes
from attendance.exports.registers.table import Column
from attendance.models import Status, StatusLabel
from attendance.registers.dates import DateRange
from attendance.registers.term_register import term_register
from tests.support import factories
from tests.support.registers.terms import FIRST, TODAY, hold

pytestmark = pytest.mark.django_db


def pages(content: bytes) -> list[list[str]]:
    """The lines of each page."""
    document = pypdfium2.PdfDocument(content)
    try:
        return [page.get_textpage().get_text_range().split("\r\n") for page in document]
    finally:
        document.close()


def picture_of(content: bytes, *, scale: float = 3) -> Image.Image:
    document = pypdfium2.PdfDocument(content)
    try:
        picture: Image.Image = document[0].render(scale=scale).to_pil()
        return picture
    finally:
        document.close()


def test_page_has_head_rule_heads_rows_and_legend(register, options, settings):
    settings.INSTITUTION_NAME = "Example University"

    (lines,) = pages(pdf_bytes(register, options))

    assert lines == [
        "Example University 1 of 1",
        "CS101 Computing · A · Autumn 2026",
        "As of 1 October 2026",
        "Required: 75%. Excused classes do not count.",
        "Student id Roll number Name Attended Held Percentage Standing",
        "2026-09-07 10:00",
        "2026-09-14 10:00",
        "2026-09-14 10:00 #2",
        "2026-09-21 10:00 (cancelled)",
        "2026-10-07 10:00 (planned)",
        "S1 01 Asha Rao 2 2 100.0% On track P E P P -",
        "S2 02 Ben Miller 1 2 50.0% Below the minimum A V - P -",
        "S10 10 王小明 1 2 50.0% Below the minimum P A P -",
        "P present · L late · E excused · A absent · V left early · - no status · empty: not on the roster then",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "José Núñez",
        "Νίκος Παπάς",
        "Иван Петров",
        "अनिता शर्मा",
        "محمد حسن",
        "王小明",
        "やまだ たろう",
        "김민수",
        "=1+1",
    ],
)
def test_name_is_printed_in_its_script(options, name):
    section = factories.make_section(students=[factories.make_student(student_id="S1", name=name)])

    (lines,) = pages(pdf_bytes(term_register(section, today=TODAY), options))

    # A program that reads the page takes Arabic words from right to left.
    backwards = " ".join(reversed(name.split()))
    assert {f"S1 01 {name} 0 0 – On track", f"S1 01 {backwards} 0 0 – On track"} & set(lines)


def test_name_without_a_font_is_replaced_by_the_student_id_and_noted(options):
    section = factories.make_section(students=[factories.make_student(student_id="S1", name="𓀀𓁀")])

    (lines,) = pages(pdf_bytes(term_register(section, today=TODAY), options))

    assert "S1 01 S1 0 0 – On track" in lines
    assert lines[-1] == "1 name could not be printed in its script. The student id stands in its place."


def test_many_students_and_meetings_go_on_over_pages_with_their_heads(options):
    section = factories.make_section(students=60)
    students = factories.students_of(section)
    for day in range(40):
        hold(section, day, dict.fromkeys(students, Status.PRESENT))
    register = term_register(section, today=TODAY)

    found = pages(pdf_bytes(register, options))

    total = len(found)
    assert [lines[0].rpartition(" 2026 ")[2] for lines in found] == [
        f"{number} of {total}" for number in range(1, total + 1)
    ]
    ids = [student.student_id for student in students]
    dates = [f"{FIRST + datetime.timedelta(days=day)} 10:00" for day in range(40)]
    shown = [
        (
            [line.split()[0] for line in lines if line.split()[0] in ids],
            [line for line in lines if line in dates],
        )
        for lines in found
    ]
    # Each student with each meeting on exactly one page, in order.
    pairs = [(one, date) for rows, columns in shown for one in rows for date in columns]
    assert len(pairs) == len(set(pairs)) == 60 * 40
    assert list(dict.fromkeys(one for rows, _columns in shown for one in rows)) == ids
    # The columns of the same students follow each other: all numbers first.
    assert [any("%" in line for line in lines) for lines in found] == [True, False] * (total // 2)
    assert all(any(line.startswith("Student id Roll number Name") for line in lines) for lines in found)


def test_columns_and_days_are_those_that_were_chosen(section, options):
    dates = DateRange(FIRST, FIRST + datetime.timedelta(days=1))
    options = dataclasses.replace(options, columns=[Column.NAME, Column.PERCENTAGE, Column.MEETINGS])

    (lines,) = pages(pdf_bytes(term_register(section, today=TODAY, dates=dates), options))

    assert lines[1:] == [
        "7 September 2026 to 8 September 2026 · As of 1 October 2026",
        "Required: 75%. Excused classes do not count.",
        "Name Percentage",
        "2026-09-07 10:00",
        "Asha Rao 100.0% P",
        "Ben Miller 0.0% A",
        "P present · L late · E excused · A absent · - no status · empty: not on the roster then",
    ]


def test_section_without_students_says_so(options):
    (lines,) = pages(pdf_bytes(term_register(factories.make_section(), today=TODAY), options))

    assert "No students." in lines


@pytest.mark.parametrize(
    ("size", "millimetres"), [(PaperSize.A4, (297, 210)), (PaperSize.LETTER, (279, 216))]
)
def test_paper_lies_and_has_the_size_that_was_asked_for(register, options, size, millimetres):
    document = pypdfium2.PdfDocument(pdf_bytes(register, dataclasses.replace(options, size=size)))

    assert tuple(round(points / 72 * 25.4) for points in document[0].get_size()) == millimetres
    document.close()


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_logo_is_at_the_head(register, options, settings, tmp_path, kind):
    without = picture_of(pdf_bytes(register, options))
    logo = tmp_path / f"logo.{kind}"
    if kind == "png":
        Image.new("RGB", (40, 40), (200, 0, 0)).save(logo)
    else:
        logo.write_text(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><path fill="#c80000" d="M0 0h40v40H0z"/></svg>'
        )
    settings.INSTITUTION_LOGO = str(logo)

    with_logo = picture_of(pdf_bytes(register, options))

    # 12 mm from the corner, at most 24 × 12 mm, at three dots a point.
    corner = [round(mm / 25.4 * 72 * 3) for mm in (12, 12, 36, 24)]
    assert (200, 0, 0) in {
        colour for _number, colour in with_logo.convert("RGB").crop(corner).getcolors(10_000)
    }
    assert ImageChops.difference(without, with_logo).getbbox() is not None


def test_code_is_printed_with_the_address_that_verifies_it(register, options, settings):
    settings.PUBLIC_URL = "https://attend.example.edu"

    content = pdf_bytes(register, dataclasses.replace(options, code="7GK2-QM9X"))

    (found,) = zxingcpp.read_barcodes(picture_of(content))
    assert found.text == "https://attend.example.edu/verify/?code=7GK2-QM9X"
    assert any("7GK2-QM9X" in line for line in pages(content)[0])


def test_letters_of_labels_in_other_scripts_are_printed(register, options, section):
    StatusLabel.objects.update(letter="उ")

    (lines,) = pages(pdf_bytes(term_register(section, today=TODAY), options))

    assert "S2 02 Ben Miller 1 2 50.0% Below the minimum A उ - P -" in lines
