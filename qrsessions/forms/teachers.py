"""What teachers send from their pages."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import BigIntegerField
from django.utils.translation import gettext_lazy as _

from attendance.lib.texts import max_length
from attendance.models import ExcuseReason, MeetingGroup, RecordChange, Status, StatusLabel
from attendance.queries.labels import OwnLabels
from qrsessions.models import JoinPolicy

# A day, as the section's field allows.
MAX_MINUTES = 24 * 60


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

    def to_python(self, value: Any) -> list[int]:
        sent = value or []
        if not all(text.isascii() and text.isdigit() and len(text) < 20 for text in sent):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        ids = [int(text) for text in sent]
        if any(number > BigIntegerField.MAX_BIGINT for number in ids):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return ids


class OpenGroupForm(OpenSessionForm):
    """The sections of a new group session, and how students join."""

    sections = SectionIdsField()
    title = forms.CharField(max_length=max_length(MeetingGroup, "title"), required=False)


class AddSectionForm(AgainForm):
    section = SectionIdsField()


class SectionRulesForm(forms.Form):
    """The rules of a section; an empty field is no such rule."""

    minimum_percentage = forms.IntegerField(
        min_value=0, max_value=100, required=False, label=_("Minimum attendance (%)")
    )
    late_after_minutes = forms.IntegerField(
        min_value=0, max_value=MAX_MINUTES, required=False, label=_("Scans are late after (minutes)")
    )


class SettingsForm(forms.Form):
    """The settings of a session or group session; a box that is not ticked is off."""

    code_enabled = forms.BooleanField(required=False)
    names_on_screen = forms.BooleanField(required=False)


class StudentForm(forms.Form):
    """The student that a page or mark is about."""

    student = forms.CharField(max_length=100, strip=False)


class CorrectionForm(forms.Form):
    """A student's mark as a teacher enters it by hand: a status, or a label that says which.

    :param own: the institution's labels and reasons
    """

    TAKE_BACK = "none"

    status = forms.ChoiceField(
        choices=[*Status.choices, (TAKE_BACK, _("remove the mark"))],
        required=False,
        error_messages={"required": _("Choose a status.")},
    )
    label = forms.CharField(max_length=max_length(StatusLabel, "name"), required=False)
    reason = forms.CharField(max_length=max_length(ExcuseReason, "code"), required=False)
    note = forms.CharField(max_length=max_length(RecordChange, "note"), required=False)

    def __init__(self, own: OwnLabels, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        self.own = own

    def clean_label(self) -> StatusLabel | None:
        return chosen_label(self.own, self.cleaned_data["label"])

    def clean_reason(self) -> ExcuseReason | None:
        return chosen_reason(self.own, self.cleaned_data["reason"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not cleaned["label"] and not cleaned["status"]:
            self.add_error("status", self.fields["status"].error_messages["required"])
        return cleaned

    @property
    def chosen_status(self) -> Status | None:
        if label := self.cleaned_data["label"]:
            return Status(label.meaning)
        status = self.cleaned_data["status"]
        return None if status == self.TAKE_BACK else Status(status)

    @property
    def chosen_reason(self) -> ExcuseReason | None:
        """The reason, which was chosen for the case of an excuse."""
        return self.cleaned_data["reason"] if self.chosen_status is Status.EXCUSED else None


def chosen_label(own: OwnLabels, name: str) -> StatusLabel | None:
    """The label with this name; None for an empty one.

    :raises ValidationError: if it cannot be chosen
    """
    label = own.named(name) if name else None
    if name and label is None:
        raise forms.ValidationError(_("This label can no longer be chosen."))
    return label


def chosen_reason(own: OwnLabels, code: str) -> ExcuseReason | None:
    """The reason with this code; None for an empty one.

    :raises ValidationError: if it cannot be chosen
    """
    reason = own.coded(code) if code else None
    if code and reason is None:
        raise forms.ValidationError(_("This reason can no longer be chosen."))
    return reason


class NumberForm(forms.Form):
    """The roll number or student id of the student to mark."""

    number = forms.CharField(
        max_length=100, error_messages={"required": _("Type a roll number or a student id.")}
    )
