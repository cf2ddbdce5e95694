"""What teachers send to give classes to colleagues."""

import datetime
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator
from django.utils.translation import gettext_lazy as _

from attendance.models import TeachingRole, User
from attendance.queries.teaching import colleagues_like, colleagues_named
from qrsessions.forms.fields import DateInput


class ColleagueField(forms.CharField):
    """A teacher's name, user name or e-mail address. Errors name teachers only, and no addresses."""

    default_error_messages = {"required": _("Type the name or e-mail address of a teacher.")}

    def clean(self, value: Any) -> User | None:
        text = super().clean(value)
        found = colleagues_named(text)
        if len(found) == 1:
            return found[0]
        if found:
            raise forms.ValidationError(_("Several teachers have this name. Type the e-mail address."))
        names = colleagues_like(text)
        if names:
            words = _("Type the whole name or the e-mail address. Did you mean %(names)s?")
            raise forms.ValidationError(words, params={"names": ", ".join(names)})
        raise forms.ValidationError(_("There is no teacher with this name or e-mail address."))


class ColleagueForm(forms.Form):
    colleague = ColleagueField(
        label=_("Colleague"),
        help_text=_("The whole name, user name or e-mail address of a teacher."),
        max_length=200,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )


class GiveDaysForm(ColleagueForm):
    """A role in a section, and its days. An assistant needs none."""

    role = forms.ChoiceField(
        label=_("Role"),
        choices=[(role.value, role.label) for role in (TeachingRole.SUBSTITUTE, TeachingRole.ASSISTANT)],
    )
    first_day = forms.DateField(label=_("First day"), required=False, widget=DateInput())
    last_day = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=DateInput(),
        # There must be a day after it.
        validators=[MaxValueValidator(datetime.date.max - datetime.timedelta(days=1))],
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("role") == TeachingRole.SUBSTITUTE:
            for name in ("first_day", "last_day"):
                if name not in self.errors and not cleaned.get(name):
                    self.add_error(name, _("A substitute needs a first and a last day."))
        first_day, last_day = cleaned.get("first_day"), cleaned.get("last_day")
        if first_day and last_day and last_day < first_day:
            self.add_error("last_day", _("The last day cannot be before the first."))
        return cleaned

    @property
    def to_date(self) -> datetime.date | None:
        """The day after the last one."""
        last_day: datetime.date | None = self.cleaned_data["last_day"]
        return last_day + datetime.timedelta(days=1) if last_day else None
