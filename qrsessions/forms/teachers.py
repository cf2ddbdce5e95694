"""What teachers send from their pages."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from attendance.models import Status
from qrsessions.models import JoinPolicy

# A day, as the section's field allows.
MOST_MINUTES = 24 * 60


class AgainForm(forms.Form):
    """``again``: the teacher was asked and wants a second session of a section on one day."""

    again = forms.BooleanField(required=False)


class OpenSessionForm(AgainForm):
    """How to open a session; strict by default."""

    join_policy = forms.ChoiceField(choices=JoinPolicy.choices, required=False)
    # The planned meeting whose button was pressed; one that is gone is passed over.
    meeting = forms.CharField(max_length=8, required=False)

    @property
    def chosen_policy(self) -> JoinPolicy:
        return JoinPolicy(self.cleaned_data["join_policy"] or JoinPolicy.STRICT)


class FindSectionForm(forms.Form):
    """A search among the sections. One that makes no sense finds everything."""

    q = forms.CharField(max_length=100, required=False)

    @property
    def search(self) -> str:
        return self.cleaned_data["q"] if self.is_valid() else ""


class StepForm(forms.Form):
    """``seen_at``: when the page was made whose button was pressed. A retry sends the same moment."""

    seen_at = forms.DateTimeField(required=False)


class SectionIdsField(forms.Field):
    """The ids of sections in the order sent, with repetitions."""

    widget = forms.MultipleHiddenInput
    default_error_messages = {
        "required": _("Choose at least one section."),
        "invalid": _("This is not a section id."),
    }
    # The largest id that the database can hold.
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
    """The sections of a new group session, and how students join."""

    sections = SectionIdsField()
    title = forms.CharField(max_length=200, required=False)


class AddSectionForm(AgainForm):
    section = SectionIdsField()


class SectionRulesForm(forms.Form):
    """The rules of a section; an empty field is no such rule."""

    minimum_percentage = forms.IntegerField(
        min_value=0, max_value=100, required=False, label=_("Minimum attendance (%)")
    )
    late_after_minutes = forms.IntegerField(
        min_value=0, max_value=MOST_MINUTES, required=False, label=_("Scans are late after (minutes)")
    )


class SettingsForm(forms.Form):
    """The settings of a session or group session; a box that is not ticked is off."""

    code_enabled = forms.BooleanField(required=False)
    names_on_screen = forms.BooleanField(required=False)


class StudentForm(forms.Form):
    """The student that a page or mark is about."""

    student = forms.CharField(max_length=100, strip=False)


class CorrectionForm(forms.Form):
    """A student's status as a teacher enters it by hand."""

    TAKE_BACK = "none"

    status = forms.ChoiceField(choices=[*Status.choices, (TAKE_BACK, _("remove the mark"))])
    note = forms.CharField(max_length=500, required=False)

    @property
    def chosen_status(self) -> Status | None:
        status = self.cleaned_data["status"]
        return None if status == self.TAKE_BACK else Status(status)


class NumberForm(forms.Form):
    """The roll number or student id of the student to mark."""

    number = forms.CharField(
        max_length=100, error_messages={"required": _("Type a roll number or a student id.")}
    )
