"""The days that a register or report is about."""

import datetime
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Q, QuerySet

Rows = TypeVar("Rows", bound="QuerySet[Any]")


@dataclass(frozen=True)
class DateRange:
    """From the first to the last day, both included. Without one, there is no limit on that side.

    :raises ValueError: if it ends before it begins
    """

    first: datetime.date | None = None
    last: datetime.date | None = None

    def __post_init__(self) -> None:
        if self.first and self.last and self.last < self.first:
            raise ValueError("a range of days ends before it begins")

    def limit(self, rows: Rows, *, by: str = "date") -> Rows:
        """The rows whose date is in the range.

        :param by: the lookup of the date from the row
        """
        within = Q()
        if self.first:
            within &= Q(**{f"{by}__gte": self.first})
        if self.last:
            within &= Q(**{f"{by}__lte": self.last})
        return rows.filter(within)

    def includes(self, day: datetime.date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def rule_day(self, *, today: datetime.date) -> datetime.date:
        """The day whose rule decides on minimum, warning and dropped classes: the last one, by default today."""
        return self.last or today

    def remain_after(self, *, today: datetime.date) -> datetime.date:
        """The day after which planned classes still remain."""
        return min(self.rule_day(today=today), today)


ALWAYS = DateRange()
