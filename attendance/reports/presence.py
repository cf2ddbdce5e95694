"""How many students attended each class that was held. These are numbers of classes, not of students: no rule changes them."""

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields

from django.db.models import Count, Q
from django.utils import timezone

from attendance.models import Meeting, MeetingState, Section, Status
from attendance.registers.dates import ALWAYS, DateRange
from attendance.rules.percentage import percentage


@dataclass(frozen=True)
class Presence:
    """Who attended one class.

    :ivar without: those for whom no status stands
    """

    public_id: str
    section: int
    starts_at: datetime.datetime
    present: int
    late: int
    excused: int
    absent: int
    without: int

    @property
    def attended(self) -> int:
        return self.present + self.late

    @property
    def total(self) -> int:
        """Of whom it is the percentage: those who attended and those who were absent."""
        return self.attended + self.absent

    @property
    def percentage(self) -> float:
        return percentage(self.attended, self.total)


@dataclass(frozen=True)
class HourPresence:
    """Who attended the classes that begin in one hour of one day of the week.

    :ivar weekday: 0 is Monday
    :ivar classes: how many classes were held then
    """

    weekday: int
    hour: int
    classes: int
    attended: int
    total: int

    @property
    def percentage(self) -> float:
        return percentage(self.attended, self.total)


def presence_by_class(sections: Collection[Section], *, dates: DateRange = ALWAYS) -> list[Presence]:
    """The classes of the sections that were held, in order, in one query. Those for which nobody was present or absent are left out."""
    held = Meeting.objects.filter(section__in=sections, state=MeetingState.HELD)
    # The roster of a class that was held is its records.
    counted = dates.limit(held).annotate(
        present=Count("records", filter=Q(records__status=Status.PRESENT)),
        late=Count("records", filter=Q(records__status=Status.LATE)),
        excused=Count("records", filter=Q(records__status=Status.EXCUSED)),
        absent=Count("records", filter=Q(records__status=Status.ABSENT)),
        without=Count("records", filter=Q(records__status=None)),
    )
    names = [field.name for field in fields(Presence)]
    found = [Presence(*row) for row in counted.order_by("starts_at", "pk").values_list(*names)]
    return [one for one in found if one.total]


def presence_by_hour(classes: Iterable[Presence]) -> list[HourPresence]:
    """By day of the week, then by the hour in which the classes begin, in the institution's time zone."""
    by_hour: defaultdict[tuple[int, int], list[Presence]] = defaultdict(list)
    for one in classes:
        begins = timezone.localtime(one.starts_at)
        by_hour[begins.weekday(), begins.hour].append(one)
    return [
        HourPresence(
            weekday, hour, len(some), sum(one.attended for one in some), sum(one.total for one in some)
        )
        for (weekday, hour), some in sorted(by_hour.items())
    ]
