"""What students send from their pages."""

from django import forms
from django.utils.translation import gettext_lazy as _


class JoinForm(forms.Form):
    session = forms.CharField(max_length=20)


class CodeForm(forms.Form):
    session = forms.CharField(max_length=20)
    code = forms.CharField(
        max_length=20,
        error_messages={
            "required": _("Type the eight digits that are on the screen."),
            "max_length": _("A code has eight digits. Look at the screen again."),
        },
    )
