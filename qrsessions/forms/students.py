"""What students send from their pages."""

from django import forms
from django.utils.translation import gettext_lazy as _

from qrsessions.forms.fields import IdField


class JoinForm(forms.Form):
    """``section`` is needed from a student of several sections of a group."""

    session = forms.CharField(max_length=20)
    section = IdField(required=False)


class CodeForm(forms.Form):
    session = forms.CharField(max_length=20)
    code = forms.CharField(
        max_length=20,
        error_messages={
            "required": _("Type the eight digits shown on the screen."),
            "max_length": _("The code has eight digits. Check the screen again."),
        },
    )
