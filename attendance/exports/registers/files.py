"""Registers as files: which kinds there are, and what they are called."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from attendance.exports.registers.csv import csv_parts
from attendance.exports.registers.json import json_parts
from attendance.exports.registers.marks import canvas_parts, moodle_parts
from attendance.exports.registers.pdf import pdf_bytes
from attendance.exports.registers.table import Options
from attendance.exports.registers.xlsx import xlsx_bytes
from attendance.exports.registers.zip import safe_name, zip_parts
from attendance.models import Section
from attendance.registers.term_register import TermRegister

# In a ZIP file.
MOST_SECTIONS = 50


class FileType(TextChoices):
    XLSX = "xlsx", _("Excel workbook (.xlsx)")
    CSV = "csv", _("Table (.csv)")
    PDF = "pdf", _("PDF to print")
    JSON = "json", _("Data for programs (.json)")
    MOODLE = "moodle", _("Marks for Moodle (.csv)")
    CANVAS = "canvas", _("Marks for Canvas (.csv)")

    @property
    def extension(self) -> str:
        return "csv" if self in (FileType.MOODLE, FileType.CANVAS) else self.value

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


def register_file(register: TermRegister, *, type: FileType, options: Options) -> RegisterFile:
    """The register of one section."""
    return RegisterFile(_name(register.section, type), type.content_type, _parts(register, type, options))


def zip_file(
    sections: Iterable[Section],
    read: Callable[[Section], TermRegister],
    *,
    type: FileType,
    options: Options,
) -> RegisterFile:
    """A ZIP file with one file for each section.

    :param read: reads the register of a section when it is its turn
    """
    files = ((_name(section, type), _parts(read(section), type, options)) for section in sections)
    return RegisterFile(f"registers {options.today}.zip", _CONTENT_TYPES["zip"], zip_parts(files))


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
            yield pdf_bytes(register, options)
        case FileType.JSON:
            yield from json_parts(register, options)
        case FileType.MOODLE:
            yield from moodle_parts(register)
        case FileType.CANVAS:
            yield from canvas_parts(register)
