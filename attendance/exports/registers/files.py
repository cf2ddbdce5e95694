"""Registers as files: which kinds there are, and what they are called."""

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from attendance.exports.registers.csv import csv_parts
from attendance.exports.registers.json import json_parts
from attendance.exports.registers.marks import canvas_parts, moodle_parts
from attendance.exports.registers.table import Options
from attendance.exports.registers.xlsx import xlsx_bytes
from attendance.exports.registers.zip import safe_name, zip_parts
from attendance.lib.refusals import Refused
from attendance.models import Enrolment, Meeting, Section
from attendance.registers.dates import ALWAYS, DateRange
from attendance.registers.term_register import TermRegister, term_register
from attendance.registers.verification.export_codes import read_with_code

# In a ZIP file.
MAX_SECTIONS = 50
# PDF files with this many cells take less than 10 s of processor time. The fonts of each take as long as 5,000 cells.
MAX_CELLS_IN_PDFS, _CELLS_OF_A_PDF = 120_000, 5_000


class TooManyPages(Refused):
    code = "too_many_pages"
    detail = _(
        "PDF files with this many pages take too long to make. Choose fewer days, fewer sections or another kind of file."
    )


class FileType(TextChoices):
    XLSX = "xlsx", _("Excel workbook (.xlsx)")
    CSV = "csv", _("Table (.csv)")
    PDF = "pdf", _("Pages to print (.pdf)")
    JSON = "json", _("Data for programs (.json)")
    MOODLE = "moodle", _("Marks for Moodle (.csv)")
    CANVAS = "canvas", _("Marks for Canvas (.csv)")

    @property
    def extension(self) -> str:
        return "csv" if self in (FileType.MOODLE, FileType.CANVAS) else self.value

    @property
    def carries_code(self) -> bool:
        """Whether the file says under which code the sealed register can be verified."""
        return self in (FileType.XLSX, FileType.PDF, FileType.JSON)

    @property
    def content_type(self) -> str:
        return _CONTENT_TYPES[self.extension]


_CONTENT_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "pdf": "application/pdf",
    "json": "application/json",
    "zip": "application/zip",
}


@dataclass(frozen=True)
class RegisterFile:
    """A file to download. Its parts are made while they are read."""

    name: str
    content_type: str
    parts: Iterator[bytes]


def read_register(
    section: Section, *, type: FileType, options: Options, dates: DateRange, at: datetime.datetime
) -> tuple[TermRegister, Options]:
    """The register for a file, and the options with the code that the file carries.

    :param at: the moment of the export
    :raises TooManyPages: if a PDF file of it would take too long
    """
    _check_pages([section], type, dates)
    return _read(section, type=type, options=options, dates=dates, at=at)


def _read(
    section: Section, *, type: FileType, options: Options, dates: DateRange, at: datetime.datetime
) -> tuple[TermRegister, Options]:
    if not type.carries_code:
        return term_register(section, today=options.today, dates=dates), options
    register, code = read_with_code(section, today=options.today, dates=dates, at=at)
    return register, replace(options, code=code)


def register_file(register: TermRegister, *, type: FileType, options: Options) -> RegisterFile:
    """The register of one section."""
    return RegisterFile(_name(register.section, type), type.content_type, _parts(register, type, options))


def zip_file(
    sections: Sequence[Section],
    *,
    type: FileType,
    options: Options,
    at: datetime.datetime,
    dates: DateRange = ALWAYS,
) -> RegisterFile:
    """A ZIP file with one file for each section. Each register is read when it is its turn.

    :raises TooManyPages: if PDF files of all of them would take too long
    """
    _check_pages(sections, type, dates)

    def files() -> Iterator[tuple[str, Iterator[bytes]]]:
        for section in sections:
            register, with_code = _read(section, type=type, options=options, dates=dates, at=at)
            yield _name(section, type), _parts(register, type, with_code)

    return RegisterFile(f"registers {options.today}.zip", _CONTENT_TYPES["zip"], zip_parts(files()))


def _check_pages(sections: Sequence[Section], type: FileType, dates: DateRange) -> None:
    if type is not FileType.PDF:
        return
    if _cells(sections, dates) + len(sections) * _CELLS_OF_A_PDF > MAX_CELLS_IN_PDFS:
        raise TooManyPages


def _cells(sections: Sequence[Section], dates: DateRange) -> int:
    """About how many cells the registers have."""
    meetings = dates.limit(Meeting.objects.not_discarded())
    rows = [
        Counter(rows.filter(section__in=sections).values_list("section", flat=True))
        for rows in (meetings, Enrolment.objects.all())
    ]
    return sum(rows[0][section.pk] * rows[1][section.pk] for section in sections)


def _name(section: Section, type: FileType) -> str:
    names = [section.course.code, section.name, section.term_name]
    if type in (FileType.MOODLE, FileType.CANVAS):
        names.append(type.value)
    return f"{safe_name(' '.join(filter(None, names)))}.{type.extension}"


def _parts(register: TermRegister, type: FileType, options: Options) -> Iterator[bytes]:
    match type:
        case FileType.CSV:
            yield from csv_parts(register, options)
        case FileType.XLSX:
            yield xlsx_bytes(register, options)
        case FileType.PDF:
            from attendance.exports.registers.pdf import pdf_bytes  # noqa: PLC0415 - see attendance/exports/pdf.py

            yield pdf_bytes(register, options)
        case FileType.JSON:
            yield from json_parts(register, options)
        case FileType.MOODLE:
            yield from moodle_parts(register)
        case FileType.CANVAS:
            yield from canvas_parts(register)
