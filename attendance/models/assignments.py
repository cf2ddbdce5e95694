"""Who teaches a section, and when."""

from __future__ import annotations

import datetime
from typing import Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from attendance.models.people import User


class TeachingRole(models.TextChoices):
    TEACHER = "teacher", _("teacher")


class TeachingAssignmentQuerySet(models.QuerySet["TeachingAssignment"]):
    def begun(self, date: datetime.date | models.OuterRef) -> Self:
        """Those that hold on the date or held before. An assignment that was removed gives no rights at all."""
        return self.filter(Q(from_date=None) | Q(from_date__lte=date), removed_by_hand=False)

    def holding_on(self, date: datetime.date | models.OuterRef) -> Self:
        return self.begun(date).filter(Q(to_date=None) | Q(to_date__gt=date))


class TeachingAssignment(models.Model):
    """A user who teaches a section, from ``from_date`` until the day before ``to_date``; either may be empty.

    What it lets the user do is decided in ``visibility``.
    """

    section = models.ForeignKey(
        "attendance.Section", models.CASCADE, related_name="assignments", verbose_name=_("section")
    )
    user = models.ForeignKey(
        User,
        models.CASCADE,
        related_name="assignments",
        verbose_name=_("teacher"),
        limit_choices_to={"is_teacher": True},
    )
    role = models.CharField(
        _("role"),
        max_length=20,
        choices=TeachingRole,
        default=TeachingRole.TEACHER,
        db_default=TeachingRole.TEACHER,
    )
    from_date = models.DateField(_("from"), null=True, blank=True)
    to_date = models.DateField(
        _("to"),
        null=True,
        blank=True,
        help_text=_("The first day on which they no longer teach the section."),
    )
    # What the roster said of it, for telling whether its row has changed. Empty if no roster named it.
    imported_row = models.CharField(max_length=200, blank=True, default="", db_default="", editable=False)
    removed_by_hand = models.BooleanField(
        _("removed"),
        default=False,
        db_default=False,
        help_text=_("Gives no access, and imports do not add it again unless its row in the roster changes."),
    )

    objects = TeachingAssignmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("teaching assignment")
        verbose_name_plural = _("teaching assignments")
        ordering = ["section", "user", "from_date"]
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=TeachingRole.values), name="teaching_assignment_role"
            ),
            models.CheckConstraint(
                condition=Q(to_date__gte=F("from_date")), name="teaching_assignment_from_before_to"
            ),
            models.UniqueConstraint(
                "section",
                "user",
                "role",
                Coalesce("from_date", Value(datetime.date.min, models.DateField())),
                condition=Q(removed_by_hand=False),
                name="teaching_assignment_once",
                violation_error_message=_("This teacher is already assigned to the section from this day."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.section}: {self.user.display_name}"

    def clean(self) -> None:
        if self.from_date and self.to_date and self.to_date < self.from_date:
            raise ValidationError({"to_date": _("An assignment cannot end before it begins.")})
