"""What teachers send from their pages."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from attendance.models import Status
from qrsessions.models import JoinPolicy

# A day: as the section's own field says.
MOST_MINUTES = 24 * 60


class OpenSessionForm(forms.Form):
    """How to open a session; without a choice the policy is strict."""

    join_policy = forms.ChoiceField(choices=JoinPolicy.choices, required=False)

    @property
    def chosen_policy(self) -> JoinPolicy:
        return JoinPolicy(self.cleaned_data["join_policy"] or JoinPolicy.STRICT)


class SectionIdsField(forms.Field):
    """The ids of sections as they were sent, one as often as it was."""

    widget = forms.MultipleHiddenInput
    default_error_messages = {
        "required": _("Pick at least one section."),
        "invalid": _("This is not the id of a section."),
    }
    # The largest id that the database could hold.
    largest = 2**63 - 1

    def to_python(self, value: Any) -> list[int]:
        sent = value or []
        if not all(text.isascii() and text.isdigit() and len(text) < 20 for text in sent):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        ids = [int(text) for text in sent]
        if any(number > self.largest for number in ids):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return ids


class OpenGroupForm(OpenSessionForm):
    """Which sections to run as one, and how."""

    sections = SectionIdsField()
    title = forms.CharField(max_length=200, required=False)


class AddSectionForm(forms.Form):
    section = SectionIdsField()


class SectionRulesForm(forms.Form):
    """The rules of a section; an empty field is no such rule."""

    minimum_percentage = forms.IntegerField(
        min_value=0, max_value=100, required=False, label=_("Minimum attendance in per cent")
    )
    late_after_minutes = forms.IntegerField(
        min_value=0, max_value=MOST_MINUTES, required=False, label=_("A scan is late after, in minutes")
    )


class SwitchesForm(forms.Form):
    """The switches as the boxes of the form are ticked."""

    code_enabled = forms.BooleanField(required=False)
    names_on_screen = forms.BooleanField(required=False)


class StudentForm(forms.Form):
    """Which student a page or a mark is about."""

    student = forms.CharField(max_length=100, strip=False)


class CorrectionForm(forms.Form):
    """A student's status as a teacher enters it by hand."""

    TAKE_BACK = "none"

    status = forms.ChoiceField(choices=[*Status.choices, (TAKE_BACK, _("take the mark back"))])
    note = forms.CharField(max_length=500, required=False)

    @property
    def chosen_status(self) -> Status | None:
        status = self.cleaned_data["status"]
        return None if status == self.TAKE_BACK else Status(status)


class NumberForm(forms.Form):
    """Whom to mark: a roll number or student id as it was said."""

    number = forms.CharField(
        max_length=100, error_messages={"required": _("Type a roll number or a student id.")}
    )
