"""The days and moments of a weekly pattern. Pure functions: no database, and no clock."""

import datetime
from collections.abc import Container, Iterator
from dataclasses import dataclass, fields
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

WEEK = datetime.timedelta(weeks=1)
# The dates that people can mean. Those at the ends of the calendar have no instants in some zones.
YEARS = range(1990, 2200)


@dataclass(frozen=True)
class WeeklyClass:
    """A weekly class as somebody enters it. 0 is Monday. Without days of its own it has those of its term."""

    weekday: int
    start: datetime.time
    end: datetime.time
    room: str = ""
    first_day: datetime.date | None = None
    last_day: datetime.date | None = None
    every_weeks: int = 1

    def fault(self) -> tuple[str, StrOrPromise] | None:
        """The field that is wrong, and why."""
        if self.end <= self.start:
            return "end", _("A class cannot end before it begins.")
        if self.first_day and self.last_day and self.last_day < self.first_day:
            return "last_day", _("The last day cannot be before the first.")
        for name, day in (("first_day", self.first_day), ("last_day", self.last_day)):
            if day and day.year not in YEARS:
                return name, _("Check the year.")
        return None


WEEKLY_FIELDS = tuple(field.name for field in fields(WeeklyClass))


@dataclass(frozen=True)
class Weekly:
    """A class on one weekday, between local times of day.

    :param weekday: 0 is Monday
    :param every_weeks: 2 is every second week. Weeks run from Monday, and the week of ``first_day`` is the first, so that
        two weekdays with the same first day always fall into the same weeks
    :param first_day: no class before this day
    :param last_day: no class after this day
    """

    weekday: int
    start: datetime.time
    end: datetime.time
    first_day: datetime.date
    last_day: datetime.date
    every_weeks: int = 1


@dataclass(frozen=True)
class Occurrence:
    """One planned class, as instants in UTC, and its local date."""

    date: datetime.date
    starts_at: datetime.datetime
    ends_at: datetime.datetime


def occurrences(
    pattern: Weekly, *, zone: ZoneInfo, without: Container[datetime.date] = ()
) -> Iterator[Occurrence]:
    """The classes of a pattern, in order.

    :param zone: where the times of day are local
    :param without: days without classes, such as holidays
    """
    monday = pattern.first_day - datetime.timedelta(days=pattern.first_day.weekday())
    date = monday + datetime.timedelta(days=pattern.weekday)
    while date <= pattern.last_day:
        if date >= pattern.first_day and date not in without:
            occurrence = occurrence_on(date, pattern.start, pattern.end, zone=zone)
            if occurrence:
                yield occurrence
        date += pattern.every_weeks * WEEK


def occurrence_on(
    date: datetime.date, start: datetime.time, end: datetime.time, *, zone: ZoneInfo
) -> Occurrence | None:
    """The class on a date; None if the zone skips that day, as Samoa did on 30 December 2011.

    When clocks go forward, a time that does not exist moves by the hour that is missing. When they go back, a time that
    exists twice is the first of the two. Both follow RFC 5545, section 3.3.5.
    """
    starts_at = instant(date, start, zone=zone)
    if starts_at.astimezone(zone).date() != date:
        return None
    ends_at = instant(date, end, zone=zone)
    if ends_at <= starts_at:
        # The start was moved past an end that does exist: keep the length of the class.
        ends_at = starts_at + (datetime.datetime.combine(date, end) - datetime.datetime.combine(date, start))
    return Occurrence(date, starts_at, ends_at)


def instant(date: datetime.date, time: datetime.time, *, zone: ZoneInfo) -> datetime.datetime:
    """The moment in UTC at which clocks in the zone show this time on this date."""
    # fold=0 takes the first of two equal times, and the offset before the change for a time that does not exist.
    return datetime.datetime.combine(date, time.replace(fold=0), tzinfo=zone).astimezone(datetime.UTC)
