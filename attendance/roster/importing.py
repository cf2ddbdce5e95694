"""The import itself: reads a roster, plans what it changes, and writes that in one transaction or not at all."""

from __future__ import annotations

import datetime
from collections import defaultdict
from pathlib import Path

from django.db import IntegrityError, connection, transaction
from django.db.models import F

from attendance import locks, roster_changes
from attendance.models import Enrolment
from attendance.roster.enrolling import SectionPlan, live
from attendance.roster.entries import EnrolmentEntry, Roster, SectionKey
from attendance.roster.files import Upload, open_roster
from attendance.roster.oneroster import read_oneroster
from attendance.roster.people import People
from attendance.roster.plain import read_plain
from attendance.roster.problems import Problems
from attendance.roster.report import Report
from attendance.roster.teaching import Teaching

_BATCH = 1000


def import_roster(
    *, source: Path | Upload, on: datetime.date, end_missing: bool = False, dry_run: bool = False
) -> Report:
    """Import a roster: a plain CSV, or a folder or zip of the OneRoster or SDS layout.

    The roster is complete for the sections that it names: whoever is enrolled there and not in it is reported as
    missing, and with ``end_missing`` their enrolment ends ``on`` that day. Nothing is ever deleted. Importing the
    same again changes nothing. A dry run does everything and takes it back.

    :raises RosterRefused: with all problems; then nothing was written
    """
    problems = Problems()
    opened = open_roster(source, problems)
    roster = read_plain(opened.plain, problems) if opened.plain else read_oneroster(opened.layout, problems)
    report = Report(dry_run=dry_run, notes=list(roster.notes))
    try:
        with transaction.atomic():
            _lock()
            _import(roster, on=on, end_missing=end_missing, problems=problems, report=report)
            if dry_run:
                transaction.set_rollback(True)
    except IntegrityError:
        problems.add("Somebody changed the same sections, students or accounts meanwhile. Import again.")
    problems.refuse_if_any()
    report.put_in_order()
    return report


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [locks.ROSTER_IMPORT])


def _import(
    roster: Roster, *, on: datetime.date, end_missing: bool, problems: Problems, report: Report
) -> None:
    people = People(problems=problems, report=report)
    people.plan(roster, wanted={entry.student_id for entry in roster.enrolments if live(entry, on)})
    teaching = Teaching(problems=problems, report=report)
    teaching.plan(roster, people.teachers)

    entries: dict[SectionKey, list[EnrolmentEntry]] = defaultdict(list)
    for entry in roster.enrolments:
        entries[entry.section].append(entry)
    existing: dict[int, list[Enrolment]] = defaultdict(list)
    keys = [section.pk for section in teaching.sections.values() if section.pk]
    for enrolment in Enrolment.objects.filter(section__in=keys).select_related("student").order_by("pk"):
        existing[enrolment.section_id].append(enrolment)

    created: list[Enrolment] = []
    changed: list[Enrolment] = []
    for key, section in teaching.sections.items():
        plan = SectionPlan(
            section,
            existing[section.pk] if section.pk else (),
            on=on,
            end_missing=end_missing,
            problems=problems,
            report=report,
        )
        plan.plan(entries[key], people.students, incomplete=problems.left_out)
        created += plan.created
        changed += plan.changed

    problems.refuse_if_any()
    people.save()
    teaching.save()
    _save_enrolments(created, changed)


def _save_enrolments(created: list[Enrolment], changed: list[Enrolment]) -> None:
    # Two students may swap their numbers, and every row is checked by itself: for a moment those that change
    # hold on no day, and then nothing can collide on the way to a state in which nothing does.
    Enrolment.objects.filter(pk__in=[enrolment.pk for enrolment in changed]).update(to_date=F("from_date"))
    Enrolment.objects.bulk_update(changed, ["roll_number", "from_date", "to_date"], batch_size=_BATCH)
    Enrolment.objects.bulk_create(created, batch_size=_BATCH)
    roster_changes.tell([*created, *changed])
    roster_changes.count_rows_anew()
