"""Imports register files: reads them, plans the changes of each section, and saves all of them or none."""

import datetime
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from attendance.lib import advisory_locks
from attendance.models import (
    Enrolment,
    ExcuseReason,
    Meeting,
    MeetingState,
    Role,
    Section,
    StatusLabel,
    Student,
    User,
)
from attendance.models.people import people_changed
from attendance.records.imports import write_imported
from attendance.records.seals import seal
from attendance.registers.importing.entries import RegisterFile, SectionName, StudentRow
from attendance.registers.importing.headings import DateOrder
from attendance.registers.importing.planning import SectionPlan, SectionPlanner
from attendance.registers.importing.reading import read_register
from attendance.registers.importing.report import RegisterRefused, Report
from attendance.registers.importing.sections import NoSection, SectionMatcher
from attendance.registers.importing.words import Words
from attendance.rosters import changes
from attendance.rosters.files import RosterFile
from attendance.rosters.problems import Problems, RosterRefused
from attendance.timetable.weekly_classes import lock_sections

_BATCH = 1000


@dataclass(frozen=True)
class Options:
    """:ivar order: what 03/04/2026 means; None: as the other dates of the file show
    :ivar mapping: what words mean; see ``Words``
    :ivar replace: let the file replace marks that differ from it
    """

    order: DateOrder | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    replace: bool = False


@dataclass
class _Part:
    """What a file says of one section."""

    file: RegisterFile
    section: Section
    rows: list[StudentRow]
    is_only_section: bool


def import_registers(
    *,
    files: Sequence[RosterFile],
    section: Section | None,
    by: User | None,
    at: datetime.datetime,
    options: Options | None = None,
    dry_run: bool = False,
) -> Report:
    """Import registers of past classes.

    Classes are found by their dates and times; those that are missing are added as held. A mark is never taken away by an
    empty cell. The same file again changes nothing.

    :param section: whose register the file is; None: the files name sections by course, name and term, and whatever is
        missing is made: sections, students and their enrolments
    :param by: whoever imports; only an administrator, or None, changes registers that are locked
    :param dry_run: only report what would change, and all problems
    :raises RegisterRefused: if there is a problem; nothing was written
    :raises BadMapping: if a word is mapped to something unknown
    """
    options = options or Options()
    report, problems = Report(), Problems()
    words = Words(
        labels=StatusLabel.objects.in_bulk().values(),
        reasons=ExcuseReason.objects.in_bulk().values(),
        mapping=options.mapping,
    )
    try:
        with transaction.atomic():
            if section is None and not dry_run:
                advisory_locks.hold_imports()
            parts = _parts(files, section, options, problems, report)
            meetings = _meetings(parts, lock=not dry_run)
            new_students: dict[str, Student] = {}
            changed: dict[Meeting, set[int]] = {}
            for part in parts:
                planner = SectionPlanner(
                    part.section,
                    part.file,
                    words=words,
                    at=at,
                    note=_("import of %(file)s") % {"file": part.file.name},
                    may_add=section is None,
                    replace=options.replace,
                    passes_locks=by is None or by.role is Role.ADMIN,
                    problems=problems,
                    report=report,
                    new_students=new_students,
                )
                of_section = meetings[part.section.pk] if part.section.pk else []
                plan = planner.plan(part.rows, of_section, is_only_section=part.is_only_section)
                if not problems and not dry_run:
                    # At once, to free its memory. A problem of a later section rolls it back.
                    _save(plan, by=by, at=at)
                    report.taken += plan.held
                    for record in plan.records:
                        changed.setdefault(record.meeting, set()).add(record.student.pk)
            problems.refuse_if_any()
            _seal(report.taken, changed, at=at)
    except RosterRefused as refused:
        report.problems = refused.problems
    except IntegrityError:
        problems.add(_("Somebody else changed the same register during the import. Try again."))
        report.problems = problems.found
    report.notes = [*problems.notes, *report.notes]
    report.words.sort(key=lambda use: (use.is_known, -use.count, use.word))
    if report.problems and not dry_run:
        raise RegisterRefused(report)
    return report


def _parts(
    files: Sequence[RosterFile],
    section: Section | None,
    options: Options,
    problems: Problems,
    report: Report,
) -> list[_Part]:
    read = []
    for file in files:
        read.append(read_register(file, problems, order=options.order))
        report.asks_order |= read[-1].asks_order
    if section:
        for one in read:
            _refuse_other_sections(one, section, problems)
            if one is not read[0]:
                problems.add(_("Import the files of one section one after another."), file=one.name)
        return [_Part(one, section, list(one.rows), is_only_section=True) for one in read[:1] if one.classes]
    names = {row.section for one in read for row in one.rows}
    matcher = SectionMatcher(names)
    parts: dict[SectionName, _Part] = {}
    for one in read:
        for name, rows in _by_section(one).items():
            if name in parts:
                reason = _("%(section)s is in %(file)s, too.")
                words = {"section": name, "file": parts[name].file.name}
                problems.add(reason % words, file=one.name, line=rows[0].line)
                continue
            try:
                found = matcher.find(name, _days(one))
            except NoSection as error:
                problems.add(str(error), file=one.name, line=rows[0].line, column=one.column("section"))
                continue
            parts[name] = _Part(one, found, rows, is_only_section=len(_by_section(one)) == 1)
            if found.pk is None:
                report.sections_added.append(str(found))
    return sorted(parts.values(), key=lambda part: part.section.pk or 0)


def _refuse_other_sections(file: RegisterFile, section: Section, problems: Problems) -> None:
    """Each row must be of this section, where it says of which."""
    own = (
        {"", section.course.code.casefold(), section.course.title.casefold()},
        {"", section.name.casefold()},
        {"", section.term_name.casefold()},
    )
    for name, rows in _by_section(file).items():
        if not all(text.casefold() in known for text, known in zip(name, own, strict=True)):
            reason = _("This is the register of %(other)s, and not of %(section)s.")
            problems.add(reason % {"other": name, "section": section}, file=file.name, line=rows[0].line)


def _by_section(file: RegisterFile) -> dict[SectionName, list[StudentRow]]:
    rows: defaultdict[SectionName, list[StudentRow]] = defaultdict(list)
    for row in file.rows:
        rows[row.section].append(row)
    return rows


def _days(file: RegisterFile) -> tuple[datetime.date, datetime.date] | None:
    dates = [one.date for one in file.classes]
    return (min(dates), max(dates)) if dates else None


def _meetings(parts: Collection[_Part], *, lock: bool) -> defaultdict[int, list[Meeting]]:
    """The meetings of each section on the dates of its file. They stay as they are until the transaction ends.

    :param lock: as the planner of timetables and the steps of sessions lock them, in their order
    """
    dates = {part.section.pk: {one.date for one in part.file.classes} for part in parts if part.section.pk}
    meetings = Meeting.objects.filter(section__in=dates, date__in=set().union(*dates.values())).exclude(
        state=MeetingState.DISCARDED
    )
    if lock:
        lock_sections(dates)
        keys = list(meetings.values_list("pk", flat=True))
        advisory_locks.hold(keys)
        # Read again under the locks. A class that was added meanwhile comes after this import.
        meetings = meetings.filter(pk__in=keys).select_for_update(of=("self",), no_key=True).order_by("pk")
    found: defaultdict[int, list[Meeting]] = defaultdict(list)
    for meeting in meetings:
        if meeting.date in dates[meeting.section_id]:
            found[meeting.section_id].append(meeting)
    return found


def _save(plan: SectionPlan, *, by: User | None, at: datetime.datetime) -> None:
    section = plan.section
    if section.pk is None:
        for related in filter(None, (section.course, section.term)):
            if related.pk is None:
                related.save()
        # Set again, because only now they have keys.
        section.course, section.term = section.course, section.term
        section.save()
    if plan.students:
        Student.objects.bulk_create(plan.students, batch_size=_BATCH)
        people_changed.send(sender=Student)
    if plan.enrolments:
        Enrolment.objects.bulk_create(plan.enrolments, batch_size=_BATCH)
        changes.compare_counts_on_commit(plan.enrolments)
        changes.analyze_rosters()
    Meeting.objects.filter(pk__in=[one.pk for one in plan.held if one.pk]).update(
        state=MeetingState.HELD, ended_at=at, roster_fixed_at=at, sequence=F("sequence") + 1
    )
    Meeting.objects.bulk_create(plan.meetings, batch_size=_BATCH)
    write_imported(plan.records, by=by, at=at)


def _seal(
    taken: Collection[Meeting], changed: Mapping[Meeting, Collection[int]], *, at: datetime.datetime
) -> None:
    """Seal the whole registers of meetings that were taken, and of others the records of the students that changed."""
    advisory_locks.hold_seals({meeting.section_id for meeting in [*taken, *changed]})
    seal(taken, at=at)
    for meeting, students in changed.items():
        if meeting not in taken:
            seal([meeting], at=at, students=students)
