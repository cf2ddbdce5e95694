"""The rule of a section, as its teachers set it."""

import datetime
from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.db.models import Field
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from attendance.models import AttendanceRule, ExcusedCounts, Section, StatusLabel
from attendance.models.rules import FIELDS
from attendance.queries.section_rules import SectionVersions
from attendance.rules.words import part_in_words
from qrsessions.forms.fields import DateInput

LABEL_PREFIX = "label_"


def _texts(name: str) -> dict[str, Any]:
    """As the admin says it."""
    field = cast("Field[Any, Any]", AttendanceRule._meta.get_field(name))
    return {"label": capfirst(field.verbose_name), "help_text": field.help_text, "required": False}


def _per_cent(**texts: Any) -> forms.IntegerField:
    # A hidden field keeps what the page showed: only what the teacher changed is saved.
    return forms.IntegerField(min_value=0, max_value=100, show_hidden_initial=True, **texts)


class SectionRuleForm(forms.Form):
    """A new version of the section's rule. What is empty is left to the course or the institution.

    The fields show what the section says today. Only those that were changed are part of the new version: see ``to``.
    """

    valid_from = forms.DateField(
        label=_("From"),
        help_text=_("The first day on which this holds."),
        widget=DateInput(),
    )
    changes_past = forms.BooleanField(
        label=_("Yes, change numbers that have been shown"), required=False, widget=forms.HiddenInput
    )
    minimum_percentage = _per_cent(**_texts("minimum_percentage"))
    warn_below = _per_cent(**_texts("warn_below"))
    late_counts = _per_cent(**_texts("late_counts"))
    lates_per_absence = _per_cent(**_texts("lates_per_absence"))
    excused = forms.ChoiceField(show_hidden_initial=True, **_texts("excused"))
    drop_lowest = _per_cent(**_texts("drop_lowest"))
    forecast_counts_planned = forms.NullBooleanField(
        show_hidden_initial=True, **_texts("forecast_counts_planned")
    )

    def __init__(
        self,
        data: Any = None,
        *,
        section: Section,
        versions: SectionVersions,
        labels: Iterable[StatusLabel],
        today: datetime.date,
        is_simulated: bool = False,
    ) -> None:
        """
        :param labels: those whose weights can be set
        :param is_simulated: nothing is saved, so that a first day in the past needs no confirmation
        """
        values = versions.own_on(today)
        labels = list(labels)
        initial = {
            LABEL_PREFIX + str(key) if isinstance(key, int) else key: value for key, value in values.items()
        }
        super().__init__(data, initial={"valid_from": today, **initial})
        self.today, self.is_simulated = today, is_simulated
        wider, of_course = versions.wider_on(today), versions.course_on(today)
        for name in FIELDS:
            words = part_in_words(name, getattr(wider, name))
            self._offer_wider(name, is_of_course=name in of_course, words=words)
        for label in labels:
            self.fields[f"{LABEL_PREFIX}{label.pk}"] = _per_cent(
                label=gettext("“%(label)s” counts (%%)") % {"label": label.name},
                help_text=self._label_words(label, counts=wider.label_counts.get(label.pk)),
                required=False,
            )

    def _offer_wider(self, name: str, *, is_of_course: bool, words: str) -> None:
        """Say what holds if the section says nothing."""
        field = self.fields[name]
        if is_of_course:
            choice, if_empty = (
                _("As the course says: %(words)s"),
                _("If empty, the course decides: %(words)s"),
            )
        else:
            choice = _("As the institution says: %(words)s")
            if_empty = _("If empty, the institution decides: %(words)s")
        as_wider = choice % {"words": words}
        match name:
            case "excused":
                field.choices = [("", as_wider), *ExcusedCounts.choices]  # type: ignore[attr-defined]
            case "forecast_counts_planned":
                choices = [("unknown", as_wider), ("true", _("Yes")), ("false", _("No"))]
                field.widget.choices = choices
            case _:
                field.help_text = f"{field.help_text} {if_empty % {'words': words}}"

    @staticmethod
    def _label_words(label: StatusLabel, *, counts: int | None) -> str:
        if counts is None:
            return gettext("If empty, it counts as “%(status)s” does.") % {
                "status": label.get_meaning_display()
            }
        return gettext("If empty, it counts %(counts)s%%, as the course or the institution says.") % {
            "counts": counts
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not self.to:
            self.add_error(None, _("Change at least one part of the rule."))
        valid_from = cleaned.get("valid_from")
        if valid_from and valid_from < self.today and not self.is_simulated:
            # The question stays on the page until the day is another one.
            self.fields["changes_past"].widget = forms.CheckboxInput()
            if not cleaned.get("changes_past"):
                self.add_error(
                    "changes_past",
                    _(
                        "This day is past: numbers that have been shown will change. Choose today or later, or confirm it."
                    ),
                )
        return cleaned

    @property
    def to(self) -> dict[str, Any]:
        """What was changed, as ``set_for_section`` takes it."""
        changed = {name: self.cleaned_data.get(name) for name in self.changed_data}
        labels = {
            int(name.removeprefix(LABEL_PREFIX)): value
            for name, value in changed.items()
            if name.startswith(LABEL_PREFIX)
        }
        to = {name: value for name, value in changed.items() if name in FIELDS}
        return {**to, "label_counts": labels} if labels else to

    @property
    def rule_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in FIELDS]

    @property
    def label_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(LABEL_PREFIX)]
