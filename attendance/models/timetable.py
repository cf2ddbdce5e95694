"""The timetable of a section."""

from __future__ import annotations

from typing import Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from attendance.models.teaching import Section
from attendance.models.visibility import VisibleQuerySet

# At most every eighth week.
MAX_EVERY_WEEKS = 8


class Weekday(models.IntegerChoices):
    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


class MeetingPatternQuerySet(VisibleQuerySet["MeetingPattern"]):
    section_key = "section"

    def weekly(self) -> Self:
        """Without imported series, which have no weekday: their file names the dates."""
        return self.filter(weekday__isnull=False)


class MeetingPattern(models.Model):
    """When a section meets: each week on one weekday; or, from an imported calendar, on the dates that its file names.

    The times of day are local, in the institution's time zone. ``attendance.timetable.planning`` makes the meetings.
    """

    section = models.ForeignKey(Section, models.CASCADE, related_name="patterns", verbose_name=_("section"))
    weekday = models.PositiveSmallIntegerField(_("weekday"), choices=Weekday, null=True)
    start = models.TimeField(_("start"), null=True)
    end = models.TimeField(_("end"), null=True)
    room = models.CharField(_("room"), max_length=100, blank=True)
    first_day = models.DateField(
        _("first day"), null=True, blank=True, help_text=_("Leave empty to begin with the term.")
    )
    last_day = models.DateField(
        _("last day"), null=True, blank=True, help_text=_("Leave empty to end with the term.")
    )
    every_weeks = models.PositiveSmallIntegerField(
        _("every … weeks"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_EVERY_WEEKS)],
        help_text=_("2 is every second week, beginning with the week of the first day."),
    )
    # The UID of an imported event, or what stands for it in a file without.
    external_id = models.CharField(_("external id"), max_length=255, blank=True, editable=False)

    objects = MeetingPatternQuerySet.as_manager()

    class Meta:
        verbose_name = _("weekly class")
        verbose_name_plural = _("weekly classes")
        ordering = ["weekday", "start", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(weekday__range=(0, 6), start__isnull=False, end__isnull=False)
                | (Q(weekday=None, start=None, end=None) & ~Q(external_id="")),
                name="pattern_weekly_or_imported",
            ),
            models.CheckConstraint(
                condition=Q(end__gt=F("start")),
                name="pattern_start_before_end",
                violation_error_message=_("A class cannot end before it begins."),
            ),
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")),
                name="pattern_first_day_before_last",
                violation_error_message=_("The last day cannot be before the first."),
            ),
            models.CheckConstraint(
                condition=Q(every_weeks__range=(1, MAX_EVERY_WEEKS)), name="pattern_every_weeks"
            ),
            models.UniqueConstraint(
                fields=["section", "external_id"],
                condition=~Q(external_id=""),
                name="pattern_external_id_once_per_section",
            ),
        ]

    def __str__(self) -> str:
        if self.weekday is None or self.start is None or self.end is None:
            return f"{self.section} · {self.external_id}"
        return f"{self.section} · {Weekday(self.weekday).label} {self.start:%H:%M}–{self.end:%H:%M}"
