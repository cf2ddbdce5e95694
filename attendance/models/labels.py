"""The institution's own words for statuses, and its reasons for excuses."""

from __future__ import annotations

from typing import Self, TypeVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from attendance.models.statuses import STATUS_LETTERS, Status

_Row = TypeVar("_Row", bound=models.Model, covariant=True)


class LabelColour(models.TextChoices):
    """The colours of ``static/css/tokens.css``, each with a light and a dark form."""

    GREEN = "green", _("green")
    TEAL = "teal", _("teal")
    BLUE = "blue", _("blue")
    PURPLE = "purple", _("purple")
    PINK = "pink", _("pink")
    RED = "red", _("red")
    ORANGE = "orange", _("orange")
    YELLOW = "yellow", _("yellow")
    GREY = "grey", _("grey")


class ActiveQuerySet(models.QuerySet[_Row]):
    def active(self) -> Self:
        """Those that can still be chosen."""
        return self.filter(is_active=True)


class StatusLabelQuerySet(ActiveQuerySet["StatusLabel"]):
    pass


class ExcuseReasonQuerySet(ActiveQuerySet["ExcuseReason"]):
    pass


class StatusLabel(models.Model):
    """The institution's own label for one of the four statuses, such as "left early" for late or "online" for present.

    It is never deleted, because old registers show it. One that is no longer active cannot be chosen any more.
    """

    name = models.CharField(_("name"), max_length=40)
    letter = models.CharField(
        _("letter"),
        max_length=2,
        validators=[RegexValidator(r"^[^\W_]{1,2}\Z", _("Use one or two letters or digits."))],
        help_text=_(
            "One or two letters or digits, as the register shows it. P, L, E and A stand for the four statuses."
        ),
    )
    colour = models.CharField(_("colour"), max_length=10, choices=LabelColour)
    meaning = models.CharField(
        _("means"),
        max_length=10,
        choices=Status,
        help_text=_("The status that it is a kind of. It cannot be changed once the label has been used."),
    )
    is_active = models.BooleanField(_("can be chosen"), default=True)

    objects = StatusLabelQuerySet.as_manager()

    class Meta:
        verbose_name = _("status label")
        verbose_name_plural = _("status labels")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="status_label_name",
                violation_error_message=_("There is already a label with this name."),
            ),
            models.UniqueConstraint(
                Lower("letter"),
                name="status_label_letter",
                violation_error_message=_("There is already a label with this letter."),
            ),
            models.CheckConstraint(condition=~Q(name="") & ~Q(letter=""), name="status_label_not_empty"),
            models.CheckConstraint(
                condition=~Q(letter__in=STATUS_LETTERS),
                name="status_label_letter_is_free",
                violation_error_message=_(
                    "P, L, E and A stand for the four statuses. Choose another letter."
                ),
            ),
            models.CheckConstraint(condition=Q(meaning__in=Status.values), name="status_label_meaning"),
            models.CheckConstraint(condition=Q(colour__in=LabelColour.values), name="status_label_colour"),
            # The records' foreign key is to both, so that no record has a label of another status.
            models.UniqueConstraint(fields=["id", "meaning"], name="status_label_and_meaning"),
        ]

    def __str__(self) -> str:
        return self.name


class ExcuseReason(models.Model):
    """A reason for which students are excused, such as "medical". Like a label, it is never deleted."""

    code = models.SlugField(
        _("code"),
        max_length=30,
        unique=True,
        help_text=_("What files and programs call it, such as “medical”."),
    )
    name = models.CharField(_("name"), max_length=100)
    is_active = models.BooleanField(_("can be chosen"), default=True)

    objects = ExcuseReasonQuerySet.as_manager()

    class Meta:
        verbose_name = _("reason for excuses")
        verbose_name_plural = _("reasons for excuses")
        ordering = ["name"]
        constraints = [
            # A code of signs alone, such as "-", would mean something else in files.
            models.CheckConstraint(
                condition=Q(code__regex="[A-Za-z0-9]") & ~Q(name=""),
                name="excuse_reason_not_empty",
                violation_error_message=_("A code needs at least one letter or digit."),
            ),
        ]

    def __str__(self) -> str:
        return self.name
