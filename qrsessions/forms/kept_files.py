"""Files to import: shown in a preview first, and sent again with the button below it."""

from typing import Any

from django import forms
from django.core import signing
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

# The web server takes requests of up to 1 MB.
MAX_UPLOAD_BYTES = 900_000
_KEPT_SECONDS = 3600


class KeptFileForm(forms.Form):
    """A file to import. ``kept`` is the file of the preview, signed, so that it need not be chosen again.

    :cvar salt: keeps the files of one kind of import apart from others
    """

    salt = ""
    too_large: StrOrPromise = _("The file is larger than 900 kB. Import it in parts.")

    file = forms.FileField(required=False, allow_empty_file=True, label=_("File"))
    kept = forms.CharField(required=False, widget=forms.HiddenInput, max_length=MAX_UPLOAD_BYTES)

    content = b""
    file_name = ""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        upload = cleaned.get("file")
        if upload:
            if upload.size > MAX_UPLOAD_BYTES:
                self.add_error("file", self.too_large)
            self.content, self.file_name = upload.read(MAX_UPLOAD_BYTES), upload.name
        elif cleaned.get("kept"):
            try:
                self.file_name, content = signing.loads(
                    cleaned["kept"], salt=self.salt, max_age=_KEPT_SECONDS
                )
                self.content = content.encode("latin-1")
            except signing.BadSignature:
                self.add_error("file", _("The preview is too old. Choose the file again."))
        else:
            self.add_error("file", _("Choose a file."))
        if not self.errors and len(self.signed_content()) > MAX_UPLOAD_BYTES:
            self.add_error("file", self.too_large)
        return cleaned

    def signed_content(self) -> str:
        """The file and its name as the form sends them again."""
        return signing.dumps([self.file_name, self.content.decode("latin-1")], salt=self.salt, compress=True)
