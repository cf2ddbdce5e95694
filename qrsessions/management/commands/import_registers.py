"""``manage.py import_registers PATH…``: import old registers that name their sections."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from attendance.lib.refusals import Refused
from attendance.management.importing import ImportCommand
from attendance.models import Section, User
from attendance.registers.importing import DateOrder, Kind, Options, RegisterRefused, Report
from attendance.rosters import RosterRefused
from attendance.rosters.files import RosterFile, open_tables
from attendance.rosters.problems import Problems
from qrsessions.services.register_import import import_register_files


class Command(ImportCommand):
    help = (
        "Imports old registers: all of the files or none. They name their sections by course, section and term; what is "
        "missing is made, with its students and enrolments."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "paths", nargs="+", type=Path, metavar="path", help="a CSV file, or a folder or zip of CSV files"
        )
        parser.add_argument(
            "--section", type=int, metavar="ID", help="the files are of this section, and add no students"
        )
        parser.add_argument("--by", metavar="USERNAME", help="who imports, for the history of changes")
        parser.add_argument(
            "--word",
            action="append",
            default=[],
            metavar="WORD=MEANING",
            help="what a word of the files means: a status, the name of a label, E: and the code of a reason, not_enrolled, "
            "or nothing for no status",
        )
        parser.add_argument(
            "--date-order", choices=[order.value for order in DateOrder], help="what 03/04/2026 means"
        )
        parser.add_argument(
            "--replace", action="store_true", help="replace marks that are different in the files"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would change without changing anything"
        )

    def handle(
        self,
        *args: Any,
        paths: list[Path],
        section: int | None,
        by: str | None,
        word: list[str],
        date_order: str | None,
        replace: bool,
        dry_run: bool,
        verbosity: int,
        **options: Any,
    ) -> None:
        try:
            report = import_register_files(
                files=self._files(paths),
                section=_found(Section.objects.select_related("course", "term"), pk=section)
                if section
                else None,
                by=_found(User.objects.all(), username=by) if by else None,
                at=timezone.now(),
                options=Options(
                    order=DateOrder(date_order) if date_order else None,
                    mapping=dict(_mapped(one) for one in word),
                    replace=replace,
                ),
                dry_run=dry_run,
            )
        except RegisterRefused as refused:
            self.write_lines(refused.report.problems, show_all=verbosity > 1)
            raise CommandError(str(refused.detail)) from None
        except RosterRefused as refused:
            self.write_lines(refused.problems, show_all=verbosity > 1)
            raise CommandError("Nothing was imported.") from None
        except Refused as refused:
            raise CommandError(str(refused.detail)) from None
        if verbosity:
            self._report(report, show_all=verbosity > 1)
        if dry_run:
            self.stdout.write("Dry run: nothing was changed.")

    def _files(self, paths: Iterable[Path]) -> list[RosterFile]:
        problems = Problems()
        return [file for path in paths for file in open_tables(path, problems)]

    def _report(self, report: Report, *, show_all: bool) -> None:
        self.write_lines((f"section created: {one}" for one in report.sections_added), show_all=show_all)
        self.write_lines(
            (
                f"mark replaced: {one.student}, {one.held_on}: {one.before} → {one.after}"
                for one in report.changes
            ),
            show_all=show_all,
        )
        self.write_lines((f"note: {note}" for note in report.notes), show_all=show_all)
        self.write_lines((f"problem: {problem}" for problem in report.problems), show_all=show_all)
        for kind in Kind:
            self.stdout.write(f"{kind.value.replace('_', ' ')}: {report.counts[kind]}")


def _mapped(text: str) -> tuple[str, str]:
    word, equals, meaning = text.rpartition("=")
    if not equals:
        raise CommandError(f"{text} says no meaning. An example: --word gone=absent")
    return word, meaning


def _found(rows: Any, **lookup: Any) -> Any:
    found = rows.filter(**lookup).first()
    if found is None:
        raise CommandError(
            f"There is no {rows.model._meta.verbose_name} {' '.join(map(str, lookup.values()))}."
        )
    return found
