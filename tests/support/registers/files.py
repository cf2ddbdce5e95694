"""Register files for tests: the CSV form of an export, and imports of texts."""

import datetime
from typing import Any

from attendance.exports.registers.csv import csv_parts
from attendance.exports.registers.table import Options as CsvOptions
from attendance.models import AttendanceRecord, Enrolment, Meeting, RecordChange, Section, Student
from attendance.registers.importing import Options, Report, import_registers
from attendance.registers.term_register import term_register
from attendance.rosters.files import RosterFile


def export(section: Section, *, today: datetime.date) -> bytes:
    """The register of the section as a CSV file."""
    return b"".join(csv_parts(term_register(section, today=today), CsvOptions(today=today, with_bom=False)))


def load(
    content: str | bytes,
    *,
    section: Section | None,
    at: datetime.datetime,
    name: str = "old.csv",
    **options: Any,
) -> Report:
    """Import the text as a register file, with these options of the import."""
    by, dry_run = options.pop("by", None), options.pop("dry_run", False)
    file = RosterFile(name, content.encode() if isinstance(content, str) else content)
    return import_registers(
        files=[file], section=section, by=by, at=at, options=Options(**options), dry_run=dry_run
    )


def everything_imported() -> dict[str, list[Any]]:
    """Every row of the tables that an import may change."""
    models = (Section, Student, Enrolment, Meeting, AttendanceRecord, RecordChange)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}
