"""What teachers send from their pages."""

from django import forms
from django.utils.translation import gettext_lazy as _

from attendance.models import Status
from qrsessions.models import JoinPolicy


class OpenSessionForm(forms.Form):
    """How to open a session; without a choice the policy is strict."""

    join_policy = forms.ChoiceField(choices=JoinPolicy.choices, required=False)

    @property
    def chosen_policy(self) -> JoinPolicy:
        return JoinPolicy(self.cleaned_data["join_policy"] or JoinPolicy.STRICT)


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
