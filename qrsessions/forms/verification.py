"""What somebody checks: the code on an exported register, or a file."""

from django import forms
from django.utils.translation import gettext_lazy as _

from qrsessions.forms.kept_files import MAX_UPLOAD_BYTES


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=20,
        label=_("Code"),
        help_text=_("Ten letters and digits, printed at the head or foot of the exported register."),
        widget=forms.TextInput(
            {"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
        error_messages={"required": _("Type the code.")},
    )


class RegisterFileForm(forms.Form):
    file = forms.FileField(
        allow_empty_file=True,
        label=_("File"),
        help_text=_("The register of one section, exported as CSV."),
        widget=forms.FileInput({"accept": ".csv,text/csv"}),
        error_messages={"required": _("Choose a file.")},
    )

    def clean_file(self) -> bytes:
        upload = self.cleaned_data["file"]
        if upload.size > MAX_UPLOAD_BYTES:
            raise forms.ValidationError(_("The file is larger than 900 kB. Export fewer weeks."))
        content: bytes = upload.read(MAX_UPLOAD_BYTES)
        return content
