"""Old registers to import."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from attendance.registers.importing import DateOrder, Options
from qrsessions.forms.kept_files import KeptFileForm

# The choice of a word that keeps the meaning which the import knows.
AS_READ = "~"
MAX_WORDS = 200


class RegisterFileForm(KeptFileForm):
    """A register to import, with what its words and dates mean.

    The page sends each ``word`` with a ``meaning``, in this order.
    """

    salt = "register file"

    file = forms.FileField(
        required=False,
        allow_empty_file=True,
        label=_("File"),
        help_text=_("A table in text form (.csv). Spreadsheet programs can save one: choose “CSV UTF-8”."),
        widget=forms.FileInput({"accept": ".csv,.tsv,.txt,text/csv"}),
    )
    date_order = forms.ChoiceField(
        required=False,
        label=_("Dates such as 03/04/2026"),
        choices=[
            ("", _("as the other dates in the file show")),
            (DateOrder.DAY_FIRST.value, _("the day comes first: 3 April")),
            (DateOrder.MONTH_FIRST.value, _("the month comes first: March 4")),
        ],
    )
    replace = forms.BooleanField(required=False, label=_("Replace marks that are different in the file"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        words, meanings = self.data.getlist("word"), self.data.getlist("meaning")  # type: ignore[attr-defined]
        if len(words) != len(meanings) or len(words) > MAX_WORDS:
            raise forms.ValidationError(_("The page was incomplete. Choose the file again."))
        self.mapping = {
            word: meaning for word, meaning in zip(words, meanings, strict=True) if meaning != AS_READ
        }
        return cleaned

    @property
    def options(self) -> Options:
        """What the user chose, of a valid form."""
        order = self.cleaned_data["date_order"]
        return Options(
            order=DateOrder(order) if order else None,
            mapping=self.mapping,
            replace=self.cleaned_data["replace"],
        )
