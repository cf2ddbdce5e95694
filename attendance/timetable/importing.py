"""Imports the timetable of a file: plans what changes, and saves it in one transaction or not at all.

What is planned from a file follows it: new classes are added, changed ones moved, missing ones removed. A meeting that
somebody changed, that has records or that is over stays as it is, and is named in the report.
"""

import datetime
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from attendance.lib.refusals import Refused
from attendance.models import Meeting, MeetingPattern, MeetingState, Section
from attendance.timetable import planning
from attendance.timetable.formats.entries import (
    BadSeries,
    DatedClass,
    Problem,
    Series,
    TimetableFile,
    TimetableRefused,
    WeeklyRow,
)
from attendance.timetable.formats.reading import SectionsByName, missing_sections
from attendance.timetable.matching import NoSection, SectionFinder
from attendance.timetable.occurrences import WeeklyClass
from attendance.timetable.planning import Plan
from attendance.timetable.weekly_classes import PatternChanges, lock_sections, plan_changes, save_changes

MAX_CLASSES_OF_SECTION = 1000
MAX_CLASSES = 20_000
# The days around today that are imported.
MAX_DAYS = datetime.timedelta(days=planning.MAX_DAYS)

# A pattern in the file: its section and external id.
_PatternKey = tuple[int, str]
_Wanted = dict[tuple[_PatternKey, datetime.date], tuple[MeetingPattern, DatedClass]]


@dataclass
class Report:
    """What an import changed, or with a dry run would change.

    ``unchanged`` counts the meetings that are already as the file says. ``kept`` are those that differ from it and stay.
    """

    patterns: PatternChanges = field(default_factory=PatternChanges)
    meetings: Plan = field(default_factory=Plan)
    unchanged: int = 0
    kept: list[Meeting] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return self.meetings.is_empty and self.patterns.is_empty and not self.meetings.adopted

    def outcome(self) -> str:
        """What happened, in a sentence. An import that did nothing never sounds like a success."""
        meetings = self.meetings
        if not meetings.is_empty:
            return _(
                "Meetings: %(added)d added, %(moved)d changed, %(removed)d removed, %(unchanged)d unchanged."
            ) % {
                "added": len(meetings.added),
                "moved": len(meetings.moved),
                "removed": len(meetings.removed),
                "unchanged": self.unchanged,
            }
        if self.unchanged:
            return ngettext(
                "Nothing to change: the %(number)d meeting of the file is already planned.",
                "Nothing to change: all %(number)d meetings of the file are already planned.",
                self.unchanged,
            ) % {"number": self.unchanged}
        return _("No meeting was planned from this file. The notes and problems say why.")


@dataclass
class _SectionRows:
    section: Section
    series: list[Series] = field(default_factory=list)
    weekly: list[WeeklyRow] = field(default_factory=list)
    is_incomplete: bool = False


def import_timetable(
    *,
    file: TimetableFile,
    at: datetime.datetime,
    section: Section | None = None,
    by_name: SectionsByName | None = None,
    first_day: datetime.date | None = None,
    dry_run: bool = False,
) -> Report:
    """Plan the meetings of a file. What has a problem is left as it is; all else is imported.

    :param section: whose timetable this is; None: the file names its sections
    :param by_name: which sections the names in the file mean
    :param first_day: leave what is before this day as it is
    :param dry_run: make all changes and roll them back
    :raises TimetableRefused: if the file has far too many classes; nothing was written
    """
    report = Report(notes=list(file.notes), problems=list(file.problems))
    with transaction.atomic():
        sections = _sections_of(file, section=section, by_name=by_name, at=at, report=report)
        locked = {one.pk: one for one in lock_sections(sections)}
        for one in sections.values():
            one.section = locked[one.section.pk]
        _import_dated(list(sections.values()), at=at, first_day=first_day, report=report)
        _import_weekly(list(sections.values()), kind=file.kind, at=at, report=report)
        if dry_run:
            transaction.set_rollback(True)
    plan = report.meetings
    for meeting in (*plan.added, *plan.moved, *plan.removed, *report.kept):
        # With its names, for whoever shows the report.
        meeting.section = locked[meeting.section_id]
    plan.added.sort(key=lambda meeting: (meeting.starts_at, meeting.section_id))
    if not (plan.added or report.unchanged or report.problems or report.notes):
        report.notes.append(_("The file has no class in the days that are imported."))
    return report


# --- Which sections ---------------------------------------------------------------------------------------


def _sections_of(
    file: TimetableFile,
    *,
    section: Section | None,
    by_name: SectionsByName | None,
    at: datetime.datetime,
    report: Report,
) -> dict[int, _SectionRows]:
    """What the file says of each section."""
    today = timezone.localdate(at, timezone=planning.institution_zone())
    if section:
        candidates = [section]
    else:
        candidates = list(
            Section.objects.in_current_terms(on=today).select_related("course", "term").order_by("pk")
        )
    if by_name and (missing := missing_sections(by_name, (one.pk for one in candidates))):
        raise TimetableRefused(
            _("The map names sections that do not exist or are past: %(ids)s")
            % {"ids": ", ".join(str(pk) for pk in missing)}
        )
    finder = SectionFinder(candidates, by_name)
    sections: dict[int, _SectionRows] = {}
    unmatched: Counter[tuple[str, str]] = Counter()
    others = 0
    rows: list[Series | WeeklyRow] = [*file.series, *file.weekly]
    for row in rows:
        try:
            if section and not (row.names.is_exact and row.names.texts):
                found = [section]
            else:
                found = finder.find(row.names, fits=_fits(row, today))
        except NoSection as reason:
            if section:
                others += 1
            else:
                unmatched[row.names.label, str(reason)] += 1
            continue
        for one in found:
            rows_of_section = sections.setdefault(one.pk, _SectionRows(one))
            rows_of_section.is_incomplete |= row.names in file.incomplete
            if isinstance(row, Series):
                rows_of_section.series.append(row)
            else:
                rows_of_section.weekly.append(row)
    report.problems += [
        Problem(f"“{label}” (×{number})" if number > 1 else f"“{label}”", reason)
        for (label, reason), number in unmatched.items()
    ]
    report.notes += [
        _("%(section)s: left as it is, because a line has a problem") % {"section": one.section}
        for one in sections.values()
        if one.is_incomplete
    ]
    if others:
        report.notes.append(_("Rows of other sections, not imported: %(number)d") % {"number": others})
    return sections


def _fits(row: Series | WeeklyRow, today: datetime.date) -> Callable[[Section], bool]:
    """The condition that the classes are in the days of a section's term."""

    def fits(section: Section) -> bool:
        days = _days_of_term(section)
        if days is None:
            return False
        first, last = days
        if isinstance(row, Series):
            try:
                return bool(row.between(first, last))
            except BadSeries:
                return False
        begins, ends = row.weekly.first_day or today, row.weekly.last_day or today
        return begins <= last and ends >= first

    return fits


def _days_of_term(section: Section) -> tuple[datetime.date, datetime.date] | None:
    term = section.term
    return (term.first_day, term.last_day) if term and term.first_day and term.last_day else None


# --- Classes on dates -------------------------------------------------------------------------------------


def _import_dated(
    sections: list[_SectionRows], *, at: datetime.datetime, first_day: datetime.date | None, report: Report
) -> None:
    sections = [one for one in sections if one.series]
    if not sections:
        return
    today = timezone.localdate(at, timezone=planning.institution_zone())
    first, last = max(first_day or datetime.date.min, today - MAX_DAYS), today + MAX_DAYS
    known: dict[_PatternKey, MeetingPattern] = {
        (pattern.section_id, pattern.external_id): pattern
        for pattern in MeetingPattern.objects.filter(
            section__in=[one.section.pk for one in sections], weekday=None
        )
    }
    wanted, of_file = _wanted(sections, known, between=(first, last), report=report)
    _compare(wanted, of_file, sections, between=(first, last), at=at, report=report)
    plan = report.meetings
    used = {id(one.pattern): one.pattern for one in (*plan.added, *plan.adopted) if one.pattern}
    MeetingPattern.objects.bulk_create([pattern for pattern in used.values() if pattern._state.adding])
    planning.save(plan, at=at)


def _wanted(
    sections: list[_SectionRows],
    known: dict[_PatternKey, MeetingPattern],
    *,
    between: tuple[datetime.date, datetime.date],
    report: Report,
) -> tuple[_Wanted, set[_PatternKey]]:
    """The classes of the file by pattern and date, and all patterns that the file speaks of."""
    wanted: _Wanted = {}
    of_file: set[_PatternKey] = set()
    holidays = planning.days_without_classes([one.section for one in sections])
    zone = planning.institution_zone()
    on_holidays: Counter[str] = Counter()
    same_series: defaultdict[_PatternKey, list[_PatternKey]] = defaultdict(list)
    for key in known:
        same_series[key[0], _base(key[1])].append(key)
    for one in sections:
        pk = one.section.pk
        number = 0
        for series in one.series:
            if one.is_incomplete:
                continue
            try:
                classes = _classes_of(series, one.section, between)
            except BadSeries as bad:
                report.problems.append(Problem(series.where, str(bad)))
                continue
            of_file |= {(pk, series.key), *same_series[pk, series.key]}
            per_day: Counter[datetime.date] = Counter()
            for meets in classes:
                if timezone.localdate(meets.starts_at, timezone=zone) in holidays[pk]:
                    on_holidays[str(one.section)] += 1
                    continue
                per_day[meets.date] += 1
                suffix = f"#{per_day[meets.date]}" if per_day[meets.date] > 1 else ""
                key = (pk, series.key + suffix)
                pattern = known.setdefault(key, MeetingPattern(section=one.section, external_id=key[1]))
                wanted[key, meets.date] = (pattern, meets)
                number += 1
            if number > MAX_CLASSES_OF_SECTION:
                raise TimetableRefused(
                    _("%(section)s would have more than %(number)d meetings. Choose fewer events.")
                    % {"section": one.section, "number": MAX_CLASSES_OF_SECTION}
                )
            if len(wanted) > MAX_CLASSES:
                raise TimetableRefused(
                    _("The file has more than %(number)d classes. Import it in parts.")
                    % {"number": MAX_CLASSES}
                )
    report.notes += [
        _("%(section)s: classes on holidays, not planned: %(number)d") % {"section": name, "number": count}
        for name, count in on_holidays.items()
    ]
    return wanted, of_file


def _base(external_id: str) -> str:
    """The key of the series: a second class on one day has a number after it."""
    return re.sub(r"#\d+\Z", "", external_id)


def _classes_of(
    series: Series, section: Section, between: tuple[datetime.date, datetime.date]
) -> Collection[DatedClass]:
    first, last = between
    if series.is_endless:
        days = _days_of_term(section)
        if days is None:
            raise BadSeries(
                _(
                    "The event repeats without an end, and the term of the section has no dates. Give one of them an end."
                )
            )
        first, last = max(first, days[0]), min(last, days[1])
    return series.between(first, last) if first <= last else []


def _compare(
    wanted: _Wanted,
    of_file: set[_PatternKey],
    sections: list[_SectionRows],
    *,
    between: tuple[datetime.date, datetime.date],
    at: datetime.datetime,
    report: Report,
) -> None:
    """Find what the file changes."""
    plan = report.meetings
    first, last = between
    known = Meeting.objects.filter(section__in=[one.section.pk for one in sections]).exclude(
        state=MeetingState.DISCARDED
    )
    free = set(known.filter(planning.is_free(at)).values_list("pk", flat=True))
    staying: list[Meeting] = []
    without_pattern: list[Meeting] = []
    for meeting in known.select_related("pattern").order_by("starts_at", "pk"):
        if meeting.pattern is None:
            without_pattern.append(meeting)
        key = (meeting.section_id, meeting.pattern.external_id) if meeting.pattern else None
        if key not in of_file or not meeting.pattern_date or not first <= meeting.pattern_date <= last:
            staying.append(meeting)
            continue
        assert key  # noqa: S101 - None is never of the file
        found = wanted.pop((key, meeting.pattern_date), None)
        if found is None and meeting.pk in free:
            plan.removed.append(meeting)
            continue
        staying.append(meeting)
        if found is None:
            report.kept.append(meeting)
        else:
            _keep_in_step(meeting, found, is_free=meeting.pk in free, report=report)
    for meeting, adopted_as in planning.adopt(without_pattern, wanted):
        found = wanted.pop(adopted_as)
        plan.adopted.append(meeting)
        if meeting.pk in free:
            _keep_in_step(meeting, found, is_free=True, report=report)
        else:
            report.unchanged += 1
    _add(wanted, staying, sections, report=report)


def _keep_in_step(
    meeting: Meeting, found: tuple[MeetingPattern, DatedClass], *, is_free: bool, report: Report
) -> None:
    pattern, meets = found
    now = (meeting.starts_at, meeting.ends_at, meeting.room, meeting.title)
    if now == (meets.starts_at, meets.ends_at, meets.room, meets.title):
        report.unchanged += 1
    elif is_free:
        report.meetings.move(meeting, to=lambda moved: _filled(moved, pattern, meets))
    else:
        report.kept.append(meeting)


def _filled(meeting: Meeting, pattern: MeetingPattern, meets: DatedClass) -> Meeting:
    meeting.section_id = pattern.section_id
    meeting.pattern, meeting.pattern_date = pattern, meets.date
    meeting.starts_at, meeting.ends_at = meets.starts_at, meets.ends_at
    meeting.date = timezone.localdate(meets.starts_at, timezone=planning.institution_zone())
    meeting.room, meeting.title = meets.room, meets.title
    return meeting


def _add(
    wanted: _Wanted, staying: Iterable[Meeting], sections: list[_SectionRows], *, report: Report
) -> None:
    """Add the classes that are left, unless the section already has a class at that time."""
    taken: defaultdict[int, list[tuple[datetime.datetime, datetime.datetime]]] = defaultdict(list)
    for meeting in staying:
        taken[meeting.section_id].append((meeting.starts_at, planning.end_of(meeting)))
    at_taken_times: Counter[int] = Counter()
    outside: defaultdict[int, list[datetime.date]] = defaultdict(list)
    by_pk = {one.section.pk: one.section for one in sections}
    for pattern, meets in wanted.values():
        pk = pattern.section_id
        if any(start < meets.ends_at and end > meets.starts_at for start, end in taken[pk]):
            at_taken_times[pk] += 1
            continue
        taken[pk].append((meets.starts_at, meets.ends_at))
        meeting = _filled(Meeting(state=MeetingState.PLANNED, section=by_pk[pk]), pattern, meets)
        report.meetings.added.append(meeting)
        days = _days_of_term(by_pk[pk])
        if days and not days[0] <= meeting.date <= days[1]:
            outside[pk].append(meeting.date)
    report.notes += [
        _("%(section)s: already has a meeting at that time, not added: %(number)d")
        % {"section": by_pk[pk], "number": number}
        for pk, number in at_taken_times.items()
    ]
    report.notes += [
        _("%(section)s: outside the days of the term, but planned: %(dates)s")
        % {"section": by_pk[pk], "dates": _listed(dates)}
        for pk, dates in outside.items()
    ]


def _listed(dates: list[datetime.date]) -> str:
    shown = ", ".join(str(date) for date in sorted(dates)[:5])
    return f"{shown}, … ({len(dates)})" if len(dates) > 5 else shown


# --- Weekly classes ---------------------------------------------------------------------------------------


def _import_weekly(sections: list[_SectionRows], *, kind: str, at: datetime.datetime, report: Report) -> None:
    sections = [one for one in sections if one.weekly and not _has_bad_row(one, report)]
    if not sections:
        return
    patterns: defaultdict[int, list[MeetingPattern]] = defaultdict(list)
    keys = [one.section.pk for one in sections]
    for pattern in MeetingPattern.objects.weekly().filter(section__in=keys):
        patterns[pattern.section_id].append(pattern)
    for one in sections:
        wanted: dict[WeeklyClass, str] = {row.weekly: row.key for row in one.weekly}
        plan_changes(
            one.section.pk, wanted, patterns[one.section.pk], changes=report.patterns, only_of=f"{kind} "
        )
    plan = save_changes(report.patterns, sections=keys, at=at)
    planned = Meeting.objects.filter(pattern__section__in=keys, pattern__weekday__isnull=False)
    report.unchanged += planned.count() - len(plan.added) - len(plan.moved)
    for name in ("added", "moved", "removed", "adopted"):
        getattr(report.meetings, name).extend(getattr(plan, name))
    report.meetings.former_starts |= plan.former_starts
    report.kept += plan.kept


def _has_bad_row(one: _SectionRows, report: Report) -> bool:
    """Whether a row has no days, or too many. If so, none of the section's rows is imported."""
    bad = one.is_incomplete
    for row in one.weekly:
        weekly = row.weekly
        pattern = MeetingPattern(
            section=one.section,
            weekday=weekly.weekday,
            start=weekly.start,
            end=weekly.end,
            first_day=weekly.first_day,
            last_day=weekly.last_day,
        )
        try:
            planning.weekly(pattern)
        except Refused as refused:
            report.problems.append(Problem(row.where, str(refused.detail)))
            bad = True
    return bad
