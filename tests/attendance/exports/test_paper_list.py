"""The paper list as PDF, read back with PDFium, which is what Chromium shows PDF files with."""

import datetime
import shutil

import pypdfium2
import pytest

from attendance.exports import fonts
from attendance.exports.paper import PaperSize
from attendance.exports.paper_list import paper_list_pdf
from attendance.exports.pdf import Document
from attendance.models import Course, Section, Term
from attendance.queries.paper_lists import ListedStudent, PaperList

AT = datetime.datetime(2026, 10, 5, 10, 0)  # noqa: DTZ001 - local, as it is printed
SECTION = Section(course=Course(code="CS101", title="Computing"), name="A", term=Term(name="Autumn 2026"))
NAMES = [
    "José Nuñez-O’Neill",
    "Żółć Łukasz",
    "Ἀριστοτέλης",
    "Иван Петров",
    "अनिता शर्मा",
    "क्षत्रिय सिंह",
    "মোহাম্মদ",
    "ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ",
    "પટેલ",
    "ಕನ್ನಡ",
    "తెలుగు",
    "കാർത്തിക",
    # With joiners, at which FPDF's own runs end.
    "ශ්‍රී ලාල්",
    "സ്‌നേഹ",
    "கார்த்திக் ஸ்ரீ",
    "สมชาย",
    "ສົມ",
    "សុខា",
    "ဇော်",
    "አበበ",
    "ქართული",
    "Հայկ",
    "王小明",
    "王小明 (Wang Xiaoming)",
    "やまだ たろう",
    "김민수",
    "محمد حسن",
    "Ahmed أحمد Ali",
    "דוד לוי",
    # What means something to FPDF or to PDF.
    "{nb} **x** __y__",
    "(a) \\n % <<b>>",
]


def list_of(*names: str, **details) -> PaperList:
    students = [ListedStudent(f"{n:02}", f"S{n:04}", name) for n, name in enumerate(names, start=1)]
    return PaperList(
        **{
            "section": SECTION,
            "date": AT.date(),
            "students": students,
            "teachers": ["Asha Rao", "Ben Miller"],
            "starts_at": AT,
            "ends_at": AT + datetime.timedelta(minutes=90),
            "room": "H 1.04",
            **details,
        }
    )


def pages(paper_list: PaperList, size: PaperSize = PaperSize.A4) -> list[list[str]]:
    """The lines of each page."""
    document = pypdfium2.PdfDocument(paper_list_pdf(paper_list, size=size))
    try:
        return [page.get_textpage().get_text_range().split("\r\n") for page in document]
    finally:
        document.close()


@pytest.mark.parametrize("name", NAMES)
def test_name_is_read_back_as_it_was_written(name):
    (lines,) = pages(list_of("Asha", name, "Ben"))

    # A program that reads the page begins a line in Arabic or Hebrew from the right.
    assert {f"02 {name}", f"{name} 02"} & set(lines)


@pytest.mark.parametrize(("marked", "bare"), [("أَحْمَد", "أحمد"), ("ශ්‍රී", "ශී"), ("Jose\u0301", "José")])
def test_marks_and_joiners_stay_with_their_letters(marked, bare):
    document = Document(format=PaperSize.A4)

    widths = [document.get_string_width(fonts.plain(text)) for text in (marked, bare)]

    for font in document.fonts.values():
        font.close()
    assert widths[0] == pytest.approx(widths[1])


def test_page_has_heading_details_columns_and_instructions():
    (lines,) = pages(list_of("Asha", title="Recursion"))

    assert lines == [
        "CS101 Computing · A · Autumn 2026 1 of 1",
        "Monday, 5 October 2026 · 10:00–11:30 · H 1.04 · Asha Rao, Ben Miller · Recursion",
        "Number Name Present Late Excused Absent",
        "01 Asha",
        "Tick one box for each student. To enter the list, open this class in Rollcall and type a letter for each student: "
        "P for present, L for late, E for excused, A for absent.",
    ]


@pytest.mark.parametrize("size", PaperSize)
@pytest.mark.parametrize(
    ("students", "on_pages"), [(0, [0]), (1, [1]), (40, [40]), (41, [40, 1]), (95, [40, 40, 15])]
)
def test_page_has_40_names(size, students, on_pages):
    found = pages(list_of(*[f"Student{n}" for n in range(students)]), size)

    assert [sum("Student" in line for line in lines) for lines in found] == on_pages
    assert [lines[0].removeprefix("CS101 Computing · A · Autumn 2026 ") for lines in found] == [
        f"{number} of {len(on_pages)}" for number in range(1, len(on_pages) + 1)
    ]


@pytest.mark.parametrize(
    ("size", "millimetres"), [(PaperSize.A4, (210, 297)), (PaperSize.LETTER, (216, 279))]
)
def test_paper_has_the_size_that_was_asked_for(size, millimetres):
    document = pypdfium2.PdfDocument(paper_list_pdf(list_of("Asha"), size=size))

    assert tuple(round(points / 72 * 25.4) for points in document[0].get_size()) == millimetres
    document.close()


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (["𓀀𓁀"], "1 name could not be printed in its script. The student id stands in its place."),
        (
            ["𓀀𓁀", "José 𓀀", "Asha"],
            "2 names could not be printed in their script. The student ids stand in their place.",
        ),
    ],
)
def test_name_without_a_font_is_replaced_by_the_student_id_and_noted(names, note):
    (lines,) = pages(list_of(*names))

    assert lines[3 : 3 + len(names)] == ["01 S0001", "02 S0002", "03 Asha"][: len(names)]
    assert lines[-1] == note


def test_signs_without_a_font_are_left_out_of_the_heading():
    (lines,) = pages(list_of("Asha", room="𓀀 H 1", teachers=[]))

    assert lines[1] == "Monday, 5 October 2026 · 10:00–11:30 · H 1"


def test_font_that_is_installed_on_the_machine_is_used(tmp_path, monkeypatch):
    shutil.copy(fonts._OWN / "NotoSansThai-Regular.ttf", tmp_path)
    monkeypatch.setattr(fonts, "_INSTALLED", [tmp_path])
    monkeypatch.setattr(fonts, "_own_fonts", lambda: [fonts.BASE_FONT])

    found = [fonts.runs_of("สมชาย"), fonts.runs_of("अनिता")]

    assert found == [[fonts.Run("สมชาย", tmp_path / "NotoSansThai-Regular.ttf")], None]


@pytest.mark.parametrize("name", ["Very " * 20 + "long", "W" * 300, "王" * 200])
def test_long_name_stays_on_its_line(name):
    (lines,) = pages(list_of(name, "Asha"))

    assert lines[3].startswith(f"01 {name[:30]}")
    assert lines[4] == "02 Asha"


def test_invisible_characters_are_not_printed():
    assert fonts.plain("\u202eAsha\u200b\x00 \n Rao\u2069") == "Asha Rao"


def test_known_status_is_ticked():
    students = [ListedStudent("1", "S1", "Asha", "late"), ListedStudent("2", "S2", "Ben", None)]

    def strokes(paper_list: PaperList) -> int:
        document = pypdfium2.PdfDocument(paper_list_pdf(paper_list, size=PaperSize.A4))
        try:
            return sum(1 for _ in document[0].get_objects())
        finally:
            document.close()

    assert strokes(list_of(students=students)) == strokes(list_of("Asha", "Ben")) + 2
