"""``manage.py import_roster PATH``: import a CSV file of any kind, or a folder or zip with the export of a school."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from attendance.management.importing import ImportCommand
from attendance.rosters import Given, Report, RosterRefused, import_roster


@contextmanager
def new_file(path: Path | None) -> Iterator[TextIO | None]:
    """The file, made before the import so that it can be written afterwards. It is removed if nothing was."""
    if path is None:
        yield None
        return
    try:
        file = path.open("x", encoding="utf-8", newline="")
    except OSError as error:
        raise CommandError(f"{path} cannot be made: {error.strerror}.") from None
    try:
        with file:
            yield file
    finally:
        if not path.stat().st_size:
            path.unlink()


class Command(ImportCommand):
    help = "Imports students, sections and enrolments. Either everything is imported, or nothing is and every problem is listed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "path",
            type=Path,
            help="a CSV file of our own kind, or from Canvas, Moodle, Blackboard or Google Classroom; "
            "or a folder or zip with an export for OneRoster, School Data Sync or Clever",
        )
        parser.add_argument(
            "--course", default="", metavar="CODE", help="the course, if the file does not say it"
        )
        parser.add_argument(
            "--section", default="", metavar="NAME", help="the section, if the file does not say it"
        )
        parser.add_argument("--term", default="", help="the term, if the file does not say it")
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would change without changing anything"
        )
        incomplete = parser.add_mutually_exclusive_group()
        incomplete.add_argument(
            "--end-missing",
            action="store_true",
            help="end the enrolments of students who are missing from the roster, in the sections that it names",
        )
        incomplete.add_argument(
            "--bad-rows",
            type=Path,
            metavar="FILE",
            help="import the good rows, and write the others with their problems to this new CSV file",
        )
        parser.add_argument(
            "--new-student",
            action="append",
            default=[],
            metavar="ID",
            help="this id is a new student's, although an existing student of the same name has it with or without leading zeros",
        )

    def handle(
        self,
        *args: Any,
        path: Path,
        dry_run: bool,
        end_missing: bool,
        bad_rows: Path | None,
        new_student: list[str],
        course: str,
        section: str,
        term: str,
        verbosity: int,
        **options: Any,
    ) -> None:
        with new_file(bad_rows) as file:
            try:
                report = import_roster(
                    source=path,
                    on=timezone.localdate(),
                    end_missing=end_missing,
                    dry_run=dry_run,
                    skip_bad_rows=bad_rows is not None,
                    new_students=new_student,
                    given=Given(course=course, section=section, term=term),
                )
            except RosterRefused as refused:
                self.write_lines(refused.problems, show_all=verbosity > 1)
                raise CommandError(str(refused.detail)) from None
            if file and report.bad_rows:
                file.write(report.bad_rows.as_csv())
        if verbosity > 0:
            self._report(report, show_all=verbosity > 1)
        if report.bad_rows:
            number = len(report.bad_rows)
            self.stdout.write(f"Rows not imported: {number}. They are in {bad_rows}, with their problems.")

    def _report(self, report: Report, *, show_all: bool) -> None:
        self.write_lines(report.lines, show_all=show_all)
        self.write_lines([f"note: {note}" for note in report.notes], show_all=show_all)
        for line in report.summary():
            self.stdout.write(line)
        self.stdout.write("Dry run: nothing was changed." if report.dry_run else "Imported.")
