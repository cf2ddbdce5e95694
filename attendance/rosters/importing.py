"""Imports a roster: reads it, plans the changes, and saves them in one transaction or not at all."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from django.db import IntegrityError, transaction
from django.db.models import F

from attendance.lib import advisory_locks
from attendance.lib.parts import in_parts
from attendance.models import Enrolment, Section, Student
from attendance.rosters import changes
from attendance.rosters.enrolments import EnrolmentsPlan, is_current
from attendance.rosters.entries import EnrolmentEntry, Roster, SectionKey
from attendance.rosters.files import RosterFiles, Upload, open_roster
from attendance.rosters.formats import Given, read_roster
from attendance.rosters.people import PeoplePlan, use_known_ids
from attendance.rosters.problems import BadRows, Problems, RosterRefused
from attendance.rosters.report import Report
from attendance.rosters.sections import SectionsPlan
from attendance.rosters.teaching import TeachingPlan

_BATCH = 1000
_SECTIONS_AT_ONCE = 200
# How often the rest is tried after bad rows were left out. A few times are enough, unless much is wrong.
MAX_PASSES = 20


def import_roster(
    *,
    source: Path | Upload,
    on: datetime.date,
    end_missing: bool = False,
    dry_run: bool = False,
    skip_bad_rows: bool = False,
    new_students: Collection[str] = (),
    given: Given | None = None,
) -> Report:
    """Import a roster: a CSV file, or a folder or zip with the export of a school (``formats``).

    The roster is taken as complete for the sections that it names. Students enrolled there but not in the roster
    are reported as missing; with ``end_missing`` their enrolment ends on the date ``on``. Nothing is ever deleted,
    and importing the same roster again changes nothing. A dry run makes all changes and rolls them back.
    With ``skip_bad_rows``, rows with problems are left out and returned in the report; a problem of a whole file still
    refuses everything.

    :param new_students: student ids that are new although an existing student has the same without leading zeros
    :param given: the course, section and term of a file that does not say them
    :raises RosterRefused: with all problems; nothing was written
    """
    if skip_bad_rows and end_missing:
        raise ValueError("a student in a bad row is not missing")
    files = open_roster(source, Problems())
    bad_rows = BadRows()
    passes = MAX_PASSES if skip_bad_rows else 1
    while True:
        passes -= 1
        problems = Problems(bad_rows)
        report = Report(dry_run=dry_run, bad_rows=bad_rows)
        try:
            _try(
                files,
                given=given or Given(),
                on=on,
                end_missing=end_missing,
                new_students=new_students,
                problems=problems,
                report=report,
            )
        except RosterRefused as refused:
            if not passes or not all(problem.is_of_row for problem in refused.problems):
                raise
            # Without these rows others may be wrong: enrolments of a user who could not be read.
            bad_rows.add(refused.problems)
            continue
        report.sort_lines()
        return report


def _try(
    files: RosterFiles,
    *,
    given: Given,
    on: datetime.date,
    end_missing: bool,
    new_students: Collection[str],
    problems: Problems,
    report: Report,
) -> None:
    """Import everything except the bad rows known so far."""
    roster = read_roster(files, given, problems)
    report.notes += [*problems.notes, *roster.notes]
    try:
        with transaction.atomic():
            advisory_locks.hold_imports()
            people_plan = PeoplePlan(problems=problems, report=report, new_students=new_students)
            _import(roster, people_plan, on=on, end_missing=end_missing, problems=problems, report=report)
            if report.dry_run:
                transaction.set_rollback(True)
    except IntegrityError:
        problems.add(
            "Someone else changed the same sections, students or accounts during the import. Run it again."
        )
    problems.refuse_if_any()


def _import(
    roster: Roster,
    people_plan: PeoplePlan,
    *,
    on: datetime.date,
    end_missing: bool,
    problems: Problems,
    report: Report,
) -> None:
    use_known_ids(roster, problems)
    people_plan.plan(
        roster, enrolled={entry.student_id for entry in roster.enrolments if is_current(entry, on)}
    )
    sections_plan = SectionsPlan(on=on, problems=problems, report=report)
    sections_plan.plan(roster)
    teaching_plan = TeachingPlan(on=on, report=report)
    teaching_plan.plan(roster, sections_plan.sections, people_plan.teachers)

    entries: dict[SectionKey, list[EnrolmentEntry]] = defaultdict(list)
    for entry in roster.enrolments:
        entries[entry.section].append(entry)
    # What has been planned is not kept, because a school has many students.
    roster.enrolments.clear()
    roster.students.clear()
    # Write what is known to be right, to free its memory. A problem found later rolls it back.
    if not problems:
        people_plan.save()
        sections_plan.save()
        teaching_plan.save()
    for part in _with_enrolments(sections_plan.sections, people_plan.students.values()):
        created: list[Enrolment] = []
        changed: list[Enrolment] = []
        for key, section, existing in part:
            enrolments_plan = EnrolmentsPlan(
                section, existing, on=on, end_missing=end_missing, problems=problems, report=report
            )
            enrolments_plan.plan(entries.pop(key, ()), people_plan.students, incomplete=problems.rows_skipped)
            created += enrolments_plan.created
            changed += enrolments_plan.changed
        if not problems:
            _save_enrolments(created, changed)
    problems.refuse_if_any()
    changes.analyze_rosters()


def _with_enrolments(
    sections: Mapping[SectionKey, Section], students: Iterable[Student]
) -> Iterator[list[tuple[SectionKey, Section, list[Enrolment]]]]:
    """Yield the sections with their enrolments, some at a time. All of a school's would take much memory."""
    known = {student.pk: student for student in students if student.pk}
    for part in in_parts(sections.items(), _SECTIONS_AT_ONCE):
        existing: dict[int | None, list[Enrolment]] = defaultdict(list)
        keys = [section.pk for _key, section in part if section.pk]
        for enrolment in Enrolment.objects.filter(section__in=keys).order_by("pk"):
            existing[enrolment.section_id].append(enrolment)
        found = [enrolment for enrolments in existing.values() for enrolment in enrolments]
        others = {enrolment.student_id for enrolment in found} - known.keys()
        known |= Student.objects.in_bulk(others)
        for enrolment in found:
            enrolment.student = known[enrolment.student_id]
        yield [(key, section, existing[section.pk]) for key, section in part]


def _save_enrolments(created: list[Enrolment], changed: list[Enrolment]) -> None:
    # Two students may swap roll numbers, and PostgreSQL checks for overlaps row by row. So first make the changing
    # enrolments hold on no day: an empty one overlaps nothing.
    Enrolment.objects.filter(pk__in=[enrolment.pk for enrolment in changed]).update(to_date=F("from_date"))
    Enrolment.objects.bulk_update(changed, ["roll_number", "from_date", "to_date"], batch_size=_BATCH)
    Enrolment.objects.bulk_create(created, batch_size=_BATCH)
    changes.compare_counts_on_commit([*created, *changed])
