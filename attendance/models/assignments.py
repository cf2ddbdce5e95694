"""Who teaches a section, and when: its teachers, their assistants and their substitutes."""

from __future__ import annotations

import datetime
from typing import Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.models.people import User

# A teacher who taught until the end of the term may still correct its registers for this long, and a substitute theirs.
CORRECTS_FOR = datetime.timedelta(days=28)
_DAY = datetime.timedelta(days=1)


class TeachingRole(models.TextChoices):
    """An assistant runs sessions and marks. A substitute has a teacher's rights, for the meetings that were given.

    What each may do is decided in ``visibility``.
    """

    TEACHER = "teacher", _("teacher")
    ASSISTANT = "assistant", _("teaching assistant")
    SUBSTITUTE = "substitute", _("substitute")


TOO_LONG_AGO = _("This was more than 28 days ago, so a substitute could only read it.")


def has_begun(date: datetime.date | models.OuterRef) -> Q:
    """The condition that the days of an assignment have begun on the date."""
    return Q(from_date=None) | Q(from_date__lte=date)


def is_not_over(date: datetime.date | models.OuterRef) -> Q:
    """The condition that the days of an assignment have not ended on the date."""
    return Q(to_date=None) | Q(to_date__gt=date)


class TeachingAssignmentQuerySet(models.QuerySet["TeachingAssignment"]):
    def in_force(self) -> Self:
        """Those that were not removed. An assignment that was removed gives no rights at all."""
        return self.filter(removed_by_hand=False)

    def begun(self, date: datetime.date | models.OuterRef) -> Self:
        """Those with days that hold on the date or held before; not those of a single meeting."""
        return self.in_force().filter(has_begun(date), meeting=None)

    def holding_on(self, date: datetime.date | models.OuterRef) -> Self:
        return self.begun(date).filter(is_not_over(date))


class TeachingAssignment(models.Model):
    """A user who teaches a section, from ``from_date`` until the day before ``to_date``; either may be empty.

    A substitute has either both days or a single ``meeting`` of the section. What an assignment lets the user do is
    decided in ``visibility``.
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
    meeting = models.ForeignKey(
        "attendance.Meeting",
        models.CASCADE,
        null=True,
        blank=True,
        # Indexed below.
        db_index=False,
        related_name="assignments",
        verbose_name=_("single class"),
        help_text=_("Only for a substitute, instead of the days."),
    )
    given_by = models.ForeignKey(
        User,
        models.SET_NULL,
        null=True,
        blank=True,
        # Only read with the row.
        db_index=False,
        related_name="+",
        verbose_name=_("given by"),
        editable=False,
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
        indexes = [
            models.Index(
                fields=["meeting"], condition=Q(meeting__isnull=False), name="teaching_assignment_meeting"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=TeachingRole.values), name="teaching_assignment_role"
            ),
            models.CheckConstraint(
                condition=Q(to_date__gte=F("from_date")), name="teaching_assignment_from_before_to"
            ),
            models.CheckConstraint(
                condition=Q(~Q(role=TeachingRole.SUBSTITUTE), meeting=None)
                | Q(
                    role=TeachingRole.SUBSTITUTE, meeting=None, from_date__isnull=False, to_date__isnull=False
                )
                | Q(role=TeachingRole.SUBSTITUTE, meeting__isnull=False, from_date=None, to_date=None),
                name="teaching_assignment_meeting_or_days",
                violation_error_message=_(
                    "A substitute has either a single class, or a first and a last day."
                ),
            ),
            models.UniqueConstraint(
                "section",
                "user",
                "role",
                Coalesce("from_date", Value(datetime.date.min, models.DateField())),
                condition=Q(removed_by_hand=False, meeting=None),
                name="teaching_assignment_once_a_day",
                violation_error_message=_("This teacher is already assigned to the section from this day."),
            ),
            models.UniqueConstraint(
                fields=["meeting"],
                condition=Q(removed_by_hand=False),
                name="teaching_assignment_one_substitute",
                violation_error_message=_("This class already has a substitute."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.section}: {self.user.display_name}"

    @property
    def last_day(self) -> datetime.date | None:
        """The last day on which it holds, as pages show it."""
        return self.to_date - _DAY if self.to_date else None

    @staticmethod
    def oldest_given(on: datetime.date) -> datetime.date:
        """The last day of the oldest classes of which a substitute still has the rights."""
        return on - CORRECTS_FOR - _DAY

    def clean(self) -> None:
        if self.from_date and self.to_date and self.to_date < self.from_date:
            raise ValidationError({"to_date": _("An assignment cannot end before it begins.")})
        if self.role != TeachingRole.SUBSTITUTE:
            if self.meeting_id:
                raise ValidationError({"meeting": _("Only a substitute can have a single class.")})
        elif not self.meeting_id:
            for name in ("from_date", "to_date"):
                if not getattr(self, name):
                    raise ValidationError({name: _("A substitute needs both days, or a single class.")})
            if self.from_date == self.to_date:
                raise ValidationError(
                    {"to_date": _("A substitute needs at least one day: this is the day after the last.")}
                )
        elif self.from_date or self.to_date:
            name = "from_date" if self.from_date else "to_date"
            raise ValidationError({name: _("Leave the days empty: the substitute has a single class.")})
        elif self.meeting and self.meeting.section_id != self.section_id:
            raise ValidationError({"meeting": _("This class belongs to another section.")})
        if self.role == TeachingRole.SUBSTITUTE and self._state.adding and not self.removed_by_hand:
            last_day = self.meeting.date if self.meeting else self.last_day
            if last_day and last_day < self.oldest_given(timezone.localdate()):
                raise ValidationError({"meeting" if self.meeting else "to_date": TOO_LONG_AGO})
