"""The days that a page is about."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.utils.translation import gettext_lazy as _

from attendance.registers.dates import ALWAYS, DateRange
from qrsessions.forms.fields import DateInput


class DateRangeForm(forms.Form):
    """``from`` and ``to``, both included; empty for no limit."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # "from" is a word of Python's.
        for name, label in (("from", _("From")), ("to", _("To"))):
            widget = DateInput()
            self.fields[name] = forms.DateField(label=label, required=False, widget=widget)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("from"), cleaned.get("to")
        if first and last and last < first:
            self.add_error("to", _("The last day cannot be before the first."))
        return cleaned

    @property
    def dates(self) -> DateRange:
        """All days if the form makes no sense."""
        if not self.is_valid():
            return ALWAYS
        return DateRange(self.cleaned_data["from"], self.cleaned_data["to"])

    @property
    def days(self) -> str:
        """The days as the query of an address; empty for all."""
        dates = {"from": self.dates.first, "to": self.dates.last}
        return urlencode({name: day for name, day in dates.items() if day})
