"""Names of files, ZIP files of many sections, and how much memory a large register takes."""

import io
import subprocess
import sys
import zipfile

import pytest
from django.utils import timezone

from attendance.exports.registers import files
from attendance.exports.registers.files import FileType, read_register, register_file, zip_file
from attendance.exports.registers.zip import safe_name, zip_parts
from attendance.models import Course, Section, Term
from attendance.registers.dates import ALWAYS, DateRange
from attendance.registers.term_register import term_register
from tests.support import factories
from tests.support.registers.terms import FIRST, TODAY


def unzipped(parts) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CS101 A Autumn 2026", "CS101 A Autumn 2026"),
        ('CS/101: a\\b*?"<x>|', "CS-101- a-b-x-"),
        ("../../etc/passwd", "-..-etc-passwd"),
        ("हिन्दी अ", "हिन्दी अ"),
        ("x\u202egnp.exe\x00\r\n", "xgnp.exe"),
        (" . ", "-"),
        ("x" * 300, "x" * 100),
    ],
)
def test_name_of_a_file_is_safe_on_any_system(text, name):
    assert safe_name(text) == name


def test_no_two_files_of_a_zip_have_the_same_name():
    given = [("A.csv", [b"1"]), ("a.csv", [b"2", b"3"]), ("A (2).csv", [b"4"]), ("b", [])]

    assert unzipped(zip_parts(given)) == {
        "A.csv": b"1",
        "a (2).csv": b"23",
        "A (2) (2).csv": b"4",
        "b": b"",
    }


def test_zip_is_written_while_it_is_read():
    read = []

    def given():
        for name in ("a", "b"):
            read.append(name)
            yield name, [name.encode() * 1000]

    parts = zip_parts(given())
    next(parts)

    assert read == ["a"]
    list(parts)
    assert read == ["a", "b"]


@pytest.mark.django_db
@pytest.mark.parametrize("type", FileType)
def test_zip_has_the_file_of_each_section(section, options, type):
    other = factories.make_section(course=section.course, name="B", students=2, term=None)
    both = [section, other]

    found = unzipped(zip_file(both, type=type, options=options, at=timezone.now()).parts)

    alone = []
    for one in both:
        register, with_code = read_register(one, type=type, options=options, dates=ALWAYS, at=timezone.now())
        alone.append(register_file(register, type=type, options=with_code))
    assert list(found) == [file.name for file in alone]
    if type not in (FileType.PDF, FileType.XLSX):  # which tell the moment at which they were made
        assert list(found.values()) == [b"".join(file.parts) for file in alone]


@pytest.mark.django_db
def test_zip_of_too_many_pages_is_refused(section, options, monkeypatch, django_assert_num_queries):
    # Three students at five meetings, and what a file costs in any case.
    monkeypatch.setattr(files, "MAX_CELLS_IN_PDFS", 15 + 5_000)
    assert zip_file([section], type=FileType.PDF, options=options, at=timezone.now()).parts
    monkeypatch.setattr(files, "MAX_CELLS_IN_PDFS", 15 + 5_000 - 1)

    with django_assert_num_queries(2), pytest.raises(files.TooManyPages):
        zip_file([section], type=FileType.PDF, options=options, at=timezone.now())
    assert zip_file([section], type=FileType.XLSX, options=options, at=timezone.now()).parts
    first_day = DateRange(FIRST, FIRST)
    assert zip_file([section], type=FileType.PDF, options=options, at=timezone.now(), dates=first_day).parts


@pytest.mark.parametrize(
    ("type", "name"),
    [
        (FileType.CSV, "CS-101 A Autumn 2026.csv"),
        (FileType.XLSX, "CS-101 A Autumn 2026.xlsx"),
        (FileType.CANVAS, "CS-101 A Autumn 2026 canvas.csv"),
    ],
)
@pytest.mark.django_db
def test_file_is_named_after_its_section(options, type, name):
    section = Section.objects.create(
        course=Course.objects.create(code="CS/101", title="Computing"),
        name="A",
        term=Term.objects.create(name="Autumn 2026"),
    )

    assert register_file(term_register(section, today=TODAY), type=type, options=options).name == name


# In a process of its own: the memory that this one has had is not given back.
MEASURE = """
import datetime, sys
from bench.studies.registers.exports import peak_megabytes
import django
django.setup()
from attendance.exports.registers import pdf
from attendance.exports.registers.files import FileType, register_file
from attendance.exports.registers.table import Options
from tests.support.registers.terms import large_register

today = datetime.date(2026, 10, 1)
before = peak_megabytes()
register = large_register(students=600, meetings=100)
size = sum(map(len, register_file(register, type=FileType(sys.argv[1]), options=Options(today=today)).parts))
assert size > 10_000
print(peak_megabytes() - before)
"""


@pytest.mark.parametrize("type", [FileType.XLSX, FileType.PDF, FileType.JSON])
def test_600_students_and_100_meetings_take_less_than_120_megabytes(type):
    command = [sys.executable, "-c", MEASURE, type.value]

    done = subprocess.run(command, check=True, capture_output=True, text=True)

    assert float(done.stdout) < 120
