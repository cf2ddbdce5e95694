"""Terms and their holidays."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from attendance.models.teaching import Section


class Term(models.Model):
    """A term, such as Autumn 2026. One without a last day is never past.

    Two terms may have one name: a school that calls each year's term "Autumn" has many of them.
    """

    name = models.CharField(_("name"), max_length=100)
    first_day = models.DateField(_("first day"), null=True, blank=True)
    last_day = models.DateField(_("last day"), null=True, blank=True)
    external_id = models.CharField(
        _("external id"),
        max_length=200,
        blank=True,
        help_text=_("The term's id in the student information system."),
    )

    class Meta:
        verbose_name = _("term")
        verbose_name_plural = _("terms")
        ordering = [F("first_day").desc(nulls_first=True), "name", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="term_name_not_empty"),
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")),
                name="term_first_day_before_last",
                violation_error_message=_("A term cannot end before it begins."),
            ),
            models.UniqueConstraint(
                fields=["name", "first_day", "last_day"],
                nulls_distinct=False,
                name="term_unique",
                violation_error_message=_("There is already a term with this name and these days."),
            ),
            models.UniqueConstraint(
                fields=["external_id"],
                condition=~Q(external_id=""),
                name="term_external_id_unique",
                violation_error_message=_("Another term has this external id."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def is_past(self, date: datetime.date) -> bool:
        """Whether the term ended so long ago that its sections leave the lists: see ``TERM_PAST_AFTER_DAYS``."""
        return self.last_day is not None and self.last_day < oldest_last_day(date)


def oldest_last_day(date: datetime.date) -> datetime.date:
    """Terms that ended before this day are past on the date."""
    return date - datetime.timedelta(days=settings.TERM_PAST_AFTER_DAYS)


class Holiday(models.Model):
    """Days of a term without classes, both ends included: for everybody, or only for the sections named."""

    term = models.ForeignKey(Term, models.CASCADE, related_name="holidays", verbose_name=_("term"))
    name = models.CharField(_("name"), max_length=200)
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    sections: models.ManyToManyField[Section, models.Model] = models.ManyToManyField(
        "attendance.Section",
        blank=True,
        related_name="+",
        verbose_name=_("sections"),
        help_text=_("Leave empty if the holiday is for everybody."),
    )

    class Meta:
        verbose_name = _("holiday")
        verbose_name_plural = _("holidays")
        ordering = ["first_day", "name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="holiday_name_not_empty"),
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")),
                name="holiday_first_day_before_last",
                violation_error_message=_("A holiday cannot end before it begins."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def days(self) -> list[datetime.date]:
        """Each day of the holiday."""
        number = (self.last_day - self.first_day).days + 1
        return [self.first_day + datetime.timedelta(days=day) for day in range(number)]
