"""What teachers choose on the pages of a section's register."""

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from attendance.models import Status
from attendance.registers.dates import DateRange
from attendance.registers.term_register import RegisterRow

NO_STATUS = "none"


class RegisterForm(forms.Form):
    """Which part of a register is shown. Once it is valid, ``dates`` and ``shows`` say so."""

    below = forms.DecimalField(label=_("Percentage below"), min_value=0, max_value=100, required=False)
    above = forms.DecimalField(label=_("Percentage above"), min_value=0, max_value=100, required=False)
    status = forms.ChoiceField(
        label=_("With at least one"),
        choices=[
            ("", _("any")),
            *((status.value, capfirst(status.label)) for status in Status),
            (NO_STATUS, _("Class without a status")),
        ],
        required=False,
    )
    enrolled = forms.BooleanField(label=_("Only students who are enrolled now"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # "from" is a word of Python's.
        dates = {"from": _("From"), "to": _("To")}
        self.fields = {name: _date_field(label) for name, label in dates.items()} | self.fields

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("from"), cleaned.get("to")
        if first and last and last < first:
            self.add_error("to", _("The last day must not be before the first."))
        return cleaned

    @property
    def dates(self) -> DateRange:
        return DateRange(self.cleaned_data["from"], self.cleaned_data["to"])

    @property
    def chooses_students(self) -> bool:
        """Whether it leaves out students."""
        return any(self.cleaned_data[name] not in (None, "", False) for name in self.base_fields)

    def shows(self, row: RegisterRow) -> bool:
        """Whether the student is shown. Without a percentage, a student is neither below nor above one."""
        wanted, share = self.cleaned_data, row.result.share
        if wanted["below"] is not None and not (share is not None and share * 100 < wanted["below"]):
            return False
        if wanted["above"] is not None and not (share is not None and share * 100 > wanted["above"]):
            return False
        if wanted["enrolled"] and not row.is_enrolled:
            return False
        if wanted["status"] == NO_STATUS:
            return any(held.meeting.status is None for held in row.result.rows)
        return not wanted["status"] or any(cell and cell.status == wanted["status"] for cell in row.cells)


def _date_field(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label, required=False, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
