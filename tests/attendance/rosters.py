"""Rosters written for tests, and everything that an import may touch, as one value to compare."""

import csv
import datetime
import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attendance.models import Course, Enrolment, Section, Student, User
from attendance.roster import Report, RosterRefused, import_roster

SDS_SAMPLE = Path(__file__).parents[1] / "data" / "sds-v2.1"
TODAY = datetime.date(2026, 10, 5)
HEADER = "course,section,student_id,roll_number,name,email"


def write(folder: Path, *lines: str, header: str = HEADER, name: str = "roster.csv") -> Path:
    path = folder / name
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def write_layout(folder: Path, **files: str) -> Path:
    """A folder with a file for each argument: ``users="sourcedId,…\\n…"``."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def zipped(entries: Mapping[str | zipfile.ZipInfo, bytes | str]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    file.seek(0)
    file.name = "roster.zip"
    return file


def as_csv(rows: Iterable[Iterable[str]], *, separator: str, line_end: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=line_end).writerows(rows)
    return text.getvalue().encode()


def load(source: Any, *, on: datetime.date = TODAY, **options: bool) -> Report:
    return import_roster(source=source, on=on, **options)


def problems(source: Any, **options: bool) -> list[tuple[str, int | None, str, str]]:
    """What an import is refused for; that nothing was written is asserted too."""
    before = everything()
    try:
        import_roster(source=source, on=TODAY, **options)
    except RosterRefused as refused:
        assert everything() == before
        return [(found.file, found.line, found.column, found.reason) for found in refused.problems]
    raise AssertionError("the import was not refused")


def everything() -> dict[str, list[Any]]:
    """The whole tables, every column."""
    tables: dict[str, list[Any]] = {
        model.__name__: list(model.objects.order_by("pk").values())
        for model in (Course, Section, Student, User, Enrolment)
    }
    tables["teachers"] = list(Section.teachers.through.objects.order_by("pk").values())
    return tables


def enrolments() -> list[tuple[str, str, str, datetime.date, datetime.date | None]]:
    """Section, student id, roll number, from, to: of all enrolments there are."""
    return list(
        Enrolment.objects.order_by("section__name", "student__student_id", "pk").values_list(
            "section__name", "student__student_id", "roll_number", "from_date", "to_date"
        )
    )
