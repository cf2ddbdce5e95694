"""Planned meetings: made from the weekly classes of sections, and kept in step with them.

Planning touches only meetings that are still to come, are planned, were not changed by hand and have no records. All
others stay as they are, also when their weekly class goes.
"""

import datetime
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.lib.refusals import Refused
from attendance.models import AttendanceRecord, Holiday, Meeting, MeetingPattern, MeetingState, Section
from attendance.models.meetings import MeetingQuerySet
from attendance.timetable.occurrences import Occurrence, Weekly, occurrences

# So that a wrong year does not fill the table.
MAX_DAYS = 400
_BATCH = 1000
_PLANNED_FIELDS = ["starts_at", "ends_at", "date", "room", "title", "sequence"]
# A session without a plan lasts at least this long when it is compared with the planned classes.
_UNPLANNED_LENGTH = datetime.timedelta(minutes=15)

Key = TypeVar("Key", bound=Hashable)


class PatternWithoutEnd(Refused):
    code = "no_last_day"
    status = 400
    detail = _("The term has no dates. Give the weekly class a first and a last day.")


class PatternTooLong(Refused):
    code = "too_long"
    status = 400
    detail = _("A weekly class can be planned for at most 400 days.")


@dataclass
class Plan:
    """What planning changes, or would change.

    ``moved`` are meetings of which anything changes, as they will be; ``former_starts`` has their former start by
    primary key. ``adopted`` are those that were without a pattern: they get one, and change in nothing else. ``kept`` are
    to come and differ from their weekly class, but planning leaves them alone.
    """

    added: list[Meeting] = field(default_factory=list)
    moved: list[Meeting] = field(default_factory=list)
    removed: list[Meeting] = field(default_factory=list)
    adopted: list[Meeting] = field(default_factory=list)
    kept: list[Meeting] = field(default_factory=list)
    former_starts: dict[int, datetime.datetime] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.moved or self.removed)

    def move(self, meeting: Meeting, *, to: Callable[[Meeting], Meeting]) -> None:
        self.former_starts[meeting.pk] = meeting.starts_at
        self.moved.append(to(meeting))


def replan(sections: Iterable[int], *, at: datetime.datetime) -> Plan:
    """Bring the planned meetings of these sections into step with their weekly classes, terms and holidays.

    :param sections: primary keys
    :raises PatternWithoutEnd: if neither a weekly class nor its term says when it begins or ends
    """
    with transaction.atomic():
        # One planner of a section at a time.
        locked = Section.objects.select_for_update(no_key=True).filter(pk__in=set(sections)).order_by("pk")
        plan = plan_for(list(locked.values_list("pk", flat=True)), at=at)
        save(plan, at=at)
    return plan


def plan_for(section_ids: Collection[int], *, at: datetime.datetime) -> Plan:
    """What ``replan`` would change now."""
    patterns = list(
        MeetingPattern.objects.weekly()
        .filter(section__in=section_ids)
        .select_related("section__term")
        .order_by("section_id", "weekday", "start", "pk")
    )
    without = days_without_classes({pattern.section for pattern in patterns})
    wanted: dict[tuple[int, datetime.date], tuple[MeetingPattern, Occurrence]] = {}
    for pattern in patterns:
        for one in occurrences(weekly(pattern), zone=institution_zone(), without=without[pattern.section_id]):
            if one.starts_at > at:
                wanted[pattern.pk, one.date] = (pattern, one)

    plan = Plan()
    today = timezone.localdate(at, timezone=institution_zone())
    known = Meeting.objects.filter(
        Q(pattern__in=patterns, pattern_date__isnull=False)
        | Q(Q(date__gte=today) | Q(pattern_date__gte=today), pattern=None, section__in=section_ids)
    )
    free = set(known.filter(is_free(at)).values_list("pk", flat=True))
    without_pattern: list[Meeting] = []
    for meeting in known:
        if not (meeting.pattern_id and meeting.pattern_date):
            without_pattern.append(meeting)
            continue
        found = wanted.pop((meeting.pattern_id, meeting.pattern_date), None)
        if meeting.pk in free:
            _keep_in_step(plan, meeting, found)
        elif meeting.starts_at > at and (found is None or _differs(meeting, *found)):
            plan.kept.append(meeting)
    for meeting, key in adopt(without_pattern, wanted):
        found = wanted.pop(key)
        plan.adopted.append(meeting)
        if meeting.pk in free:
            _keep_in_step(plan, meeting, found)
    plan.added = [
        _as_planned(Meeting(state=MeetingState.PLANNED), pattern, one) for pattern, one in wanted.values()
    ]
    return plan


def adopt(
    meetings: Iterable[Meeting], wanted: Mapping[Key, tuple[MeetingPattern, Occurrence]]
) -> list[tuple[Meeting, Key]]:
    """Give meetings without a pattern the pattern and date of the wanted class that they are.

    They may have lost their pattern, or somebody opened a session before there was a timetable. A section has one class
    at a time, so a meeting at the time of a class is that class.
    """
    keys: defaultdict[int, list[Key]] = defaultdict(list)
    for key, (pattern, _one) in wanted.items():
        keys[pattern.section_id].append(key)
    adopted = []
    for meeting in meetings:
        of_section = keys[meeting.section_id]
        found = next((key for key in of_section if _is_occurrence(meeting, wanted[key][1])), None)
        if found is not None:
            of_section.remove(found)
            meeting.pattern, meeting.pattern_date = wanted[found][0], wanted[found][1].date
            adopted.append((meeting, found))
    return adopted


def _is_occurrence(meeting: Meeting, one: Occurrence) -> bool:
    if meeting.makes_up_id or meeting.state == MeetingState.DISCARDED:
        return False
    if meeting.pattern_date and meeting.pattern_date != meeting.date:
        # Moved to another day, so its time says nothing about the class that it was.
        return meeting.pattern_date == one.date
    return meeting.starts_at < one.ends_at and end_of(meeting) > one.starts_at


def end_of(meeting: Meeting) -> datetime.datetime:
    """When the meeting ends or ended; without a plan, at least a quarter of an hour after its start."""
    return meeting.ends_at or max(
        meeting.ended_at or meeting.starts_at, meeting.starts_at + _UNPLANNED_LENGTH
    )


def _keep_in_step(plan: Plan, meeting: Meeting, found: tuple[MeetingPattern, Occurrence] | None) -> None:
    if found is None:
        plan.removed.append(meeting)
    elif _differs(meeting, *found):
        plan.move(meeting, to=lambda moved: _as_planned(moved, *found))


def weekly(pattern: MeetingPattern) -> Weekly:
    """The pattern with the days of its term where it names none.

    :raises PatternWithoutEnd: if neither names a first and a last day
    :raises PatternTooLong: if there are more than 400 days between them
    """
    term = pattern.section.term
    first_day = pattern.first_day or (term.first_day if term else None)
    last_day = pattern.last_day or (term.last_day if term else None)
    if first_day is None or last_day is None:
        raise PatternWithoutEnd
    if (last_day - first_day).days > MAX_DAYS:
        raise PatternTooLong
    assert pattern.weekday is not None and pattern.start and pattern.end  # noqa: S101, PT018 - a constraint
    return Weekly(pattern.weekday, pattern.start, pattern.end, first_day, last_day, pattern.every_weeks)


def institution_zone() -> ZoneInfo:
    """The zone in which times of day are meant, whatever zone a teacher's browser is in."""
    return ZoneInfo(timezone.get_default_timezone_name())


def days_without_classes(sections: Collection[Section]) -> dict[int, set[datetime.date]]:
    """The holidays of each section, by its primary key."""
    by_term: defaultdict[int | None, list[Section]] = defaultdict(list)
    for section in sections:
        by_term[section.term_id].append(section)
    days: defaultdict[int, set[datetime.date]] = defaultdict(set)
    terms = [term for term in by_term if term]
    for holiday in Holiday.objects.filter(term__in=terms).prefetch_related("sections"):
        only = {section.pk for section in holiday.sections.all()}
        for section in by_term[holiday.term_id]:
            if not only or section.pk in only:
                days[section.pk].update(holiday.days())
    return days


def _differs(meeting: Meeting, pattern: MeetingPattern, one: Occurrence) -> bool:
    planned = (meeting.starts_at, meeting.ends_at, meeting.date, meeting.room)
    return planned != (one.starts_at, one.ends_at, one.date, pattern.room)


def _as_planned(meeting: Meeting, pattern: MeetingPattern, one: Occurrence) -> Meeting:
    meeting.section_id = pattern.section_id
    meeting.pattern, meeting.pattern_date = pattern, one.date
    meeting.starts_at, meeting.ends_at, meeting.date = one.starts_at, one.ends_at, one.date
    meeting.room = pattern.room
    return meeting


def save(plan: Plan, *, at: datetime.datetime) -> None:
    """Write the plan, inside a transaction that has locked its sections."""
    changed = [meeting.pk for meeting in (*plan.moved, *plan.removed)]
    free = lock_free(Meeting.objects.filter(pk__in=changed), at=at)
    plan.moved = [meeting for meeting in plan.moved if meeting.pk in free]
    plan.removed = [meeting for meeting in plan.removed if meeting.pk in free]
    Meeting.objects.filter(pk__in=[meeting.pk for meeting in plan.removed]).delete()
    for meeting in plan.moved:
        meeting.sequence += 1
    Meeting.objects.bulk_update(plan.adopted, ["pattern", "pattern_date"], batch_size=_BATCH)
    Meeting.objects.bulk_update(plan.moved, _PLANNED_FIELDS, batch_size=_BATCH)
    Meeting.objects.bulk_create(plan.added, batch_size=_BATCH)


def lock_free(meetings: MeetingQuerySet, *, at: datetime.datetime | None) -> set[int]:
    """Lock these meetings until the transaction ends. Return those that are free: see ``is_free``."""
    locked = set(meetings.select_for_update().order_by("pk").values_list("pk", flat=True))
    # A second statement: while the first waited, a session may have been opened or an excuse entered.
    return set(Meeting.objects.filter(is_free(at), pk__in=locked).values_list("pk", flat=True))


def is_free(at: datetime.datetime | None) -> Q:
    """The condition that planning may change or remove a meeting.

    :param at: meetings that began before this moment are not free; None: whenever they were
    """
    records = AttendanceRecord.objects.filter(meeting=OuterRef("pk"))
    still_to_come = Q(starts_at__gt=at) if at else Q()
    return Q(~Exists(records), still_to_come, state=MeetingState.PLANNED, edited=False)
