"""``manage.py import_roster PATH``: a roster from a plain CSV, or a folder or zip of the OneRoster or SDS layout."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from attendance.roster import Report, RosterRefused, import_roster

# A terminal keeps no more; --verbosity 2 prints all.
SHOWN = 200


class Command(BaseCommand):
    help = "Imports students, sections and enrolments. Either everything is imported, or nothing and every problem is told."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "path", type=Path, help="a CSV file, or a folder or zip with users, classes and enrollments"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would change, and change nothing"
        )
        parser.add_argument(
            "--end-missing",
            action="store_true",
            help="end the enrolments, in the sections that the roster names, of those who are not in it",
        )

    def handle(
        self, *args: Any, path: Path, dry_run: bool, end_missing: bool, verbosity: int, **options: Any
    ) -> None:
        try:
            report = import_roster(
                source=path, on=timezone.localdate(), end_missing=end_missing, dry_run=dry_run
            )
        except RosterRefused as refused:
            self._print([str(problem) for problem in refused.problems], all_of_them=verbosity > 1)
            raise CommandError(str(refused.detail)) from None
        if verbosity > 0:
            self._report(report, all_of_them=verbosity > 1)

    def _report(self, report: Report, *, all_of_them: bool) -> None:
        self._print([str(line) for line in report.lines], all_of_them=all_of_them)
        self._print([f"note: {note}" for note in report.notes], all_of_them=all_of_them)
        for line in report.summary():
            self.stdout.write(line)
        self.stdout.write("Dry run: nothing was changed." if report.dry_run else "Imported.")

    def _print(self, lines: list[str], *, all_of_them: bool) -> None:
        shown = lines if all_of_them else lines[:SHOWN]
        for line in shown:
            self.stdout.write(line)
        if len(lines) > len(shown):
            self.stdout.write(f"… and {len(lines) - len(shown)} more (--verbosity 2 prints all)")
