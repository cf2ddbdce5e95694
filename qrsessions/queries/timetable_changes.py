"""What the page of a section's timetable shows beside the weekly classes."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Count, Max, Min

from attendance.models import Meeting, MeetingPattern, Section
from attendance.timetable.planning import Plan

# Nobody checks more than this one by one.
MEETINGS_SHOWN = 100


@dataclass(frozen=True)
class ImportedSeries:
    """All imported series of one title: some systems make a series of each class."""

    title: str
    patterns: Sequence[MeetingPattern]
    total_meetings: int
    first_date: datetime.date | None
    last_date: datetime.date | None


@dataclass(frozen=True)
class ShownChanges:
    """Meetings that are added, changed or removed: the first of them, each with its former start if it has another."""

    total: int
    meetings: Sequence[tuple[Meeting, datetime.datetime | None]]

    @property
    def not_shown(self) -> int:
        return self.total - len(self.meetings)


def imported_series(section: Section) -> list[ImportedSeries]:
    """The series imported from files. One query."""
    series = section.patterns.filter(weekday=None).annotate(
        title=Min("meetings__title"),
        total_meetings=Count("meetings"),
        first_date=Min("meetings__date"),
        last_date=Max("meetings__date"),
    )

    def title_of(pattern: MeetingPattern) -> str:
        return getattr(pattern, "title", None) or ""

    found = []
    for title, group in groupby(sorted(series, key=title_of), key=title_of):
        patterns = list(group)
        dates = [
            date
            for pattern in patterns
            for date in (getattr(pattern, "first_date", None), getattr(pattern, "last_date", None))
            if date
        ]
        total = sum(getattr(pattern, "total_meetings", 0) for pattern in patterns)
        found.append(
            ImportedSeries(title, patterns, total, min(dates, default=None), max(dates, default=None))
        )
    return found


def shown_changes(plan: Plan) -> dict[str, ShownChanges]:
    """What a plan adds, changes and removes, for a page."""
    return {
        name: ShownChanges(
            len(meetings), [(one, plan.former_starts.get(one.pk)) for one in meetings[:MEETINGS_SHOWN]]
        )
        for name, meetings in (("added", plan.added), ("moved", plan.moved), ("removed", plan.removed))
    }
