"""What teachers choose on the pages of a section's register."""

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from attendance.models import Status
from attendance.registers.term_register import RegisterRow
from qrsessions.forms.date_range import DateRangeForm

NO_STATUS = "none"


class RegisterForm(DateRangeForm):
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

    field_order = ("from", "to")

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
