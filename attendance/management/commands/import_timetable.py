"""``manage.py import_timetable FILE``: import the timetable of a calendar, a plain CSV or Untis's GPU001."""

import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from attendance.lib.refusals import Refused
from attendance.management.importing import ImportCommand
from attendance.models import Meeting, Section
from attendance.timetable.formats.entries import MAX_FILE_BYTES
from attendance.timetable.formats.reading import read_map, read_timetable
from attendance.timetable.importing import Report, import_timetable
from attendance.timetable.planning import institution_zone


def file_at(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            # One byte more than allowed is enough to refuse it.
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None


def zone_named(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise CommandError(f"{name} is not a time zone. An example: Europe/Berlin.") from None


def date_of(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text} is not a date. An example: 2026-09-01.") from None


class Command(ImportCommand):
    help = "Imports a timetable and plans its meetings. What has a problem is left as it is and listed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="an iCalendar file, a CSV, or with --periods Untis's GPU001")
        parser.add_argument(
            "--section", type=int, metavar="ID", help="the whole file is the timetable of this section"
        )
        parser.add_argument(
            "--map", metavar="FILE", help="a CSV with the columns summary and section (its id)"
        )
        parser.add_argument(
            "--contains", default="", metavar="TEXT", help="only events with this text in their title"
        )
        parser.add_argument("--zone", help="the zone of events whose own time zone nobody knows")
        parser.add_argument("--periods", metavar="FILE", help="a CSV with the columns period, start and end")
        parser.add_argument(
            "--from", dest="first_day", metavar="DATE", help="leave what is before this day as it is"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would change without changing anything"
        )

    def handle(
        self,
        *args: Any,
        file: str,
        section: int | None,
        map: str | None,
        contains: str,
        zone: str | None,
        periods: str | None,
        first_day: str | None,
        dry_run: bool,
        verbosity: int,
        **options: Any,
    ) -> None:
        only = None
        if section is not None:
            only = Section.objects.select_related("course", "term").filter(pk=section).first()
            if only is None:
                raise CommandError(f"There is no section {section}.")
        try:
            read = read_timetable(
                file_at(file),
                zone=institution_zone(),
                unknown_zone=zone_named(zone) if zone else None,
                contains=contains,
                periods=file_at(periods) if periods else None,
                names_sections=only is None,
            )
            report = import_timetable(
                file=read,
                at=timezone.now(),
                section=only,
                by_name=read_map(file_at(map)) if map else None,
                first_day=date_of(first_day) if first_day else None,
                dry_run=dry_run,
            )
        except Refused as refused:
            raise CommandError(str(refused.detail)) from None
        self._print(report, show_all=verbosity > 1)
        if dry_run:
            self.stdout.write("Dry run: nothing was changed.")
        elif report.problems and report.is_empty and not report.unchanged:
            raise CommandError("Nothing was imported.")

    def _print(self, report: Report, *, show_all: bool) -> None:
        plan = report.meetings
        self.write_lines((f"add: {_shown(meeting)}" for meeting in plan.added), show_all=show_all)
        self.write_lines(
            (f"change: {_shown(one)}, was {_moment(plan.former_starts[one.pk])}" for one in plan.moved),
            show_all=show_all,
        )
        self.write_lines((f"remove: {_shown(meeting)}" for meeting in plan.removed), show_all=show_all)
        self.write_lines(
            (
                f"keep: {_shown(meeting)}, although the file differs: somebody changed it, it has records, or it is over"
                for meeting in report.kept
            ),
            show_all=show_all,
        )
        self.write_lines((f"note: {note}" for note in report.notes), show_all=show_all)
        self.write_lines((f"problem: {problem}" for problem in report.problems), show_all=show_all)
        self.stdout.write(report.outcome())


def _shown(meeting: Meeting) -> str:
    details = ", ".join(filter(None, (meeting.title, meeting.room)))
    return f"{meeting.section}: {_moment(meeting.starts_at)}" + (f" ({details})" if details else "")


def _moment(moment: datetime.datetime) -> str:
    return timezone.localtime(moment, institution_zone()).strftime("%Y-%m-%d %H:%M")
