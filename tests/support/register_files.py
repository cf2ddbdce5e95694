"""Register files for tests: the CSV form of an export, and imports of texts."""

import csv
import datetime
import io
from collections import Counter
from typing import Any

from django.utils import timezone

from attendance.lib.csv_cells import safe_cell
from attendance.models import AttendanceRecord, Enrolment, Meeting, RecordChange, Section, Student
from attendance.registers.importing import Options, Report, import_registers
from attendance.registers.term_register import Cell, term_register
from attendance.rosters.files import RosterFile

FIRST_COLUMNS = [
    *("course", "section", "term", "student_id", "roll_number", "name"),
    *("attended", "held", "percentage", "standing"),
]


def export(section: Section, *, today: datetime.date) -> bytes:
    """The register of the section as a CSV file."""
    register = term_register(section, today=today)
    text = io.StringIO()
    writer = csv.writer(text)
    seen: Counter[str] = Counter()
    headings = []
    for meeting in register.meetings:
        heading = f"{meeting.date} {timezone.localtime(meeting.starts_at):%H:%M}"
        if meeting.state != "held":
            heading += f" ({meeting.state})"
        seen[heading] += 1
        headings.append(heading + (f" #{seen[heading]}" if seen[heading] > 1 else ""))
    writer.writerow([*FIRST_COLUMNS, *headings])
    for row in register.rows:
        result = row.result
        writer.writerow(
            [
                *map(
                    safe_cell,
                    (
                        section.course.code,
                        section.name,
                        section.term_name,
                        row.student.student_id,
                        row.roll_number,
                        row.student.name,
                    ),
                ),
                *(result.attended, result.held, result.percentage, result.standing),
                *map(cell_text, row.cells),
            ]
        )
    return text.getvalue().encode()


def cell_text(cell: Cell | None) -> str:
    if cell is None:
        return ""
    reason = f":{cell.excused_reason.code}" if cell.excused_reason else ""
    return f"{cell.letter}{reason}" or "-"


def load(
    content: str | bytes,
    *,
    section: Section | None,
    at: datetime.datetime,
    name: str = "old.csv",
    **options: Any,
) -> Report:
    """Import the text. What the options of an import are is given by name."""
    by, dry_run = options.pop("by", None), options.pop("dry_run", False)
    file = RosterFile(name, content.encode() if isinstance(content, str) else content)
    return import_registers(
        files=[file], section=section, by=by, at=at, options=Options(**options), dry_run=dry_run
    )


def everything_imported() -> dict[str, list[Any]]:
    """Every row of the tables that an import may change."""
    models = (Section, Student, Enrolment, Meeting, AttendanceRecord, RecordChange)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}
