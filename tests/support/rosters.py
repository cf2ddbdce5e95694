"""Write rosters for tests, import them, and read the tables that an import may change."""

import csv
import datetime
import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attendance.models import Course, Enrolment, Section, Student, Term, User
from attendance.rosters import Report, RosterRefused, import_roster

SDS_SAMPLE = Path(__file__).parents[1] / "data" / "sds-v2.1"
# Rosters as people really have them, of invented persons.
SAMPLES = Path(__file__).parents[1] / "data" / "rosters"
TODAY = datetime.date(2026, 10, 5)
_USERS = "sourcedId,status,enabledUser,orgSourcedIds,role,username,givenName,familyName,identifier,email\n"
_CLASSES = "sourcedId,status,title,courseSourcedId,classCode,termSourcedIds\n"
_ENROLLMENTS = (
    "sourcedId,status,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\n"
)
HEADER = "course,section,student_id,roll_number,name,email"


def write(folder: Path, *lines: str, header: str = HEADER, name: str = "roster.csv") -> Path:
    path = folder / name
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def write_layout(folder: Path, **files: str) -> Path:
    """Write a folder with one file for each argument: ``users="sourcedId,…\\n…"``."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def write_export(
    folder: Path,
    *,
    users: str = "u1,active,true,o1,student,ann,Ann,Lee,1001,ann@example.edu\nu2,active,true,o1,teacher,prof,Kim,Fein,,prof@example.edu\n",
    classes: str = "c1,active,Algebra,k1,ALG-1,t1\n",
    enrollments: str = "e1,active,c1,o1,u1,student,false,,\ne2,active,c1,o1,u2,teacher,true,,\n",
    **files: str,
) -> Path:
    """Write a OneRoster export. A class, a student and a teacher unless other rows are given."""
    return write_layout(
        folder / "export",
        users=_USERS + users,
        classes=_CLASSES + classes,
        enrollments=_ENROLLMENTS + enrollments,
        **{
            "courses": "sourcedId,title,courseCode\nk1,Algebra I,MATH1\n",
            "academicSessions": "sourcedId,title,type\nt1,Fall 2026,term\nt2,Spring 2027,term\n",
            **files,
        },
    )


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


def load(source: Any, *, on: datetime.date = TODAY, **options: Any) -> Report:
    return import_roster(source=source, on=on, **options)


def problems(source: Any, **options: Any) -> list[tuple[str, int | None, str, str]]:
    """Return the problems of a refused import, after checking that nothing was written."""
    before = all_rows()
    try:
        import_roster(source=source, on=TODAY, **options)
    except RosterRefused as refused:
        assert all_rows() == before
        return [(problem.file, problem.line, problem.column, problem.reason) for problem in refused.problems]
    raise AssertionError("the import was not refused")


def all_rows() -> dict[str, list[Any]]:
    """Return every row and column of the tables that an import may change."""
    tables: dict[str, list[Any]] = {
        model.__name__: list(model.objects.order_by("pk").values())
        for model in (Term, Course, Section, Student, User, Enrolment)
    }
    tables["teachers"] = list(Section.teachers.through.objects.order_by("pk").values())
    return tables


def enrolments() -> list[tuple[str, str, str, datetime.date, datetime.date | None]]:
    """Return (section, student id, roll number, from, to) of every enrolment."""
    return list(
        Enrolment.objects.order_by("section__name", "student__student_id", "pk").values_list(
            "section__name", "student__student_id", "roll_number", "from_date", "to_date"
        )
    )
