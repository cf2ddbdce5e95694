"""Changing the weekly classes of sections, from a form, the API or a file, and planning their meetings again."""

import datetime
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from django.db import transaction

from attendance.models import Meeting, MeetingPattern, Section
from attendance.timetable import planning
from attendance.timetable.occurrences import WEEKLY_FIELDS, WeeklyClass
from attendance.timetable.planning import Plan

MAX_ROWS = 50


@dataclass
class PatternChanges:
    """What becomes of the weekly classes themselves."""

    added: list[MeetingPattern] = field(default_factory=list)
    changed: list[MeetingPattern] = field(default_factory=list)
    removed: list[MeetingPattern] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.removed)


@dataclass
class TimetableChange:
    """Changed weekly classes, and the meetings that follow them."""

    patterns: PatternChanges
    meetings: Plan

    @property
    def is_empty(self) -> bool:
        return self.patterns.is_empty and self.meetings.is_empty


def set_weekly_classes(
    *, section: Section, to: Collection[WeeklyClass], at: datetime.datetime, dry_run: bool = False
) -> TimetableChange:
    """Replace the weekly classes of a section.

    A class that stays equal keeps its meetings. Otherwise one on the same weekday is changed in place. The meetings of a
    removed class go with it if planning may remove them; the others stay.

    :param to: without two equal ones and without faults
    :param dry_run: make all changes and roll them back
    :raises PatternWithoutEnd: if neither a class nor its term says when it begins or ends
    """
    with transaction.atomic():
        lock_sections([section.pk])
        patterns = list(section.patterns.weekly())
        changes = PatternChanges()
        plan_changes(section.pk, dict.fromkeys(to, ""), patterns, changes=changes)
        meetings = save_changes(changes, sections=[section.pk], at=at)
        if dry_run:
            transaction.set_rollback(True)
    return TimetableChange(changes, meetings)


def remove_series(*, patterns: Collection[MeetingPattern]) -> int:
    """Remove imported series of one section with their meetings, past ones too.

    Meetings that somebody used or changed stay. Return the number of those removed.
    """
    with transaction.atomic():
        lock_sections(pattern.section_id for pattern in patterns)
        keys = planning.lock_free(Meeting.objects.filter(pattern__in=patterns), at=None)
        Meeting.objects.filter(pk__in=keys).delete()
        MeetingPattern.objects.filter(pk__in=[pattern.pk for pattern in patterns]).delete()
    return len(keys)


def lock_sections(keys: Iterable[int]) -> list[Section]:
    """Lock the sections, inside a transaction: one planner of a section at a time."""
    locked = Section.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=set(keys))
    return list(locked.select_related("course", "term").order_by("pk"))


def plan_changes(
    section: int,
    wanted: Mapping[WeeklyClass, str],
    patterns: Collection[MeetingPattern],
    *,
    changes: PatternChanges,
    only_of: str = "",
) -> None:
    """Add to ``changes`` what brings the weekly classes of a section into step.

    :param wanted: each class, with the external id that it has in a file
    :param only_of: the beginning of the external ids of patterns that may be changed or removed; empty: all patterns
    """
    # What somebody changed here after an import is still the class that the file names.
    by_id = set(filter(None, wanted.values()))
    left = [pattern for pattern in patterns if pattern.external_id not in by_id]
    known = {pattern.external_id for pattern in patterns} & by_id
    missing: list[WeeklyClass] = []
    for weekly, external_id in wanted.items():
        if external_id in known:
            continue
        like = next((pattern for pattern in left if _is_like(pattern, weekly)), None)
        if like:
            left.remove(like)
        else:
            missing.append(weekly)
    left = [pattern for pattern in left if pattern.external_id.startswith(only_of)]
    for weekly in missing:
        pattern = next((one for one in left if one.weekday == weekly.weekday), None)
        if pattern:
            left.remove(pattern)
            changes.changed.append(_put(weekly, into=pattern))
        else:
            pattern = _put(weekly, into=MeetingPattern(section_id=section))
            changes.added.append(pattern)
        pattern.external_id = wanted[weekly] or pattern.external_id
    changes.removed += left


def save_changes(changes: PatternChanges, *, sections: Collection[int], at: datetime.datetime) -> Plan:
    """Write the patterns and plan these sections again, inside a transaction that has locked them.

    ``kept`` of the plan are only meetings of the weekly classes that were changed or removed.
    """
    to_come = Meeting.objects.filter(pattern__in=changes.removed, starts_at__gt=at)
    orphans = Plan(removed=list(to_come.filter(planning.is_free(at))))
    planning.save(orphans, at=at)
    orphans.kept = list(to_come)
    MeetingPattern.objects.filter(pk__in=[pattern.pk for pattern in changes.removed]).delete()
    MeetingPattern.objects.bulk_update(changes.changed, [*WEEKLY_FIELDS, "external_id"])
    MeetingPattern.objects.bulk_create(changes.added)
    plan = planning.plan_for(sections, at=at)
    planning.save(plan, at=at)
    changed = {pattern.pk for pattern in changes.changed}
    plan.removed += orphans.removed
    plan.kept = [meeting for meeting in plan.kept if meeting.pattern_id in changed] + orphans.kept
    for meetings in (plan.added, plan.moved, plan.removed, plan.kept):
        meetings.sort(key=lambda meeting: (meeting.starts_at, meeting.section_id))
    return plan


def _is_like(pattern: MeetingPattern, weekly: WeeklyClass) -> bool:
    return all(getattr(pattern, name) == getattr(weekly, name) for name in WEEKLY_FIELDS)


def _put(weekly: WeeklyClass, *, into: MeetingPattern) -> MeetingPattern:
    for name in WEEKLY_FIELDS:
        setattr(into, name, getattr(weekly, name))
    return into
