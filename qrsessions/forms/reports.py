"""What reports are asked for: which sections and which days."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from attendance.rules.risk import ABSENCES_IN_A_ROW
from qrsessions.forms.date_range import DateRangeForm
from qrsessions.forms.fields import IdField
from qrsessions.queries.reports.selection import Choices, Wanted


class ReportForm(DateRangeForm):
    """Which of the user's sections, and which days. Fields with nothing to choose from are left out."""

    department = forms.ChoiceField(label=_("Department"), required=False)
    course = forms.ChoiceField(label=_("Course"), required=False)
    term = forms.TypedChoiceField(label=_("Term"), required=False, coerce=int, empty_value=None)

    def __init__(self, *args: Any, choices: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer("department", _("All"), ((name, name) for name in choices.departments))
        self._offer("course", _("All"), choices.courses)
        self._offer("term", _("Current"), choices.terms)

    def _offer(self, name: str, every: Any, choices: Iterable[tuple[Any, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [("", every), *choices]
        # Whoever sends one all the same is told that there is none.
        if len(field.choices) == 1 and not self.data.get(name):
            del self.fields[name]

    @property
    def wanted(self) -> Wanted:
        given = self.cleaned_data
        return Wanted(
            course=given.get("course", ""), department=given.get("department", ""), term=given.get("term")
        )


class AtRiskForm(ReportForm):
    """Also one section, and how many absences in a row are a reason."""

    absences = forms.IntegerField(
        label=_("Absences in a row"),
        required=False,
        min_value=2,
        max_value=50,
        widget=forms.NumberInput({"placeholder": ABSENCES_IN_A_ROW}),
    )
    # Chosen by a link, not here: an institution has thousands.
    section = IdField(required=False, widget=forms.HiddenInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.data.get("section"):
            # One section needs no other choice.
            for name in {"department", "course", "term"} & self.fields.keys():
                if not self.data.get(name):
                    del self.fields[name]

    @property
    def wanted(self) -> Wanted:
        return replace(super().wanted, section=self.cleaned_data["section"])

    @property
    def absences_in_a_row(self) -> int:
        return self.cleaned_data["absences"] or ABSENCES_IN_A_ROW
