"""What teachers send from the pages of meetings that are not now."""

import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.models import Meeting, Status
from attendance.timetable.occurrences import YEARS, instant
from attendance.timetable.planning import institution_zone


class TimesForm(forms.Form):
    """A date, and local times of day in the institution's time zone."""

    date = forms.DateField(label=_("Date"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    start = forms.TimeField(label=_("Start"), widget=forms.TimeInput({"type": "time"}, format="%H:%M"))
    end = forms.TimeField(label=_("End"), widget=forms.TimeInput({"type": "time"}, format="%H:%M"))
    room = forms.CharField(label=_("Room"), max_length=100, required=False)

    def clean_date(self) -> datetime.date:
        date: datetime.date = self.cleaned_data["date"]
        if date.year not in YEARS:
            raise forms.ValidationError(_("Check the year."))
        return date

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and cleaned["end"] <= cleaned["start"]:
            self.add_error("end", _("A class must end after it begins."))
        return cleaned

    @property
    def starts_at(self) -> datetime.datetime:
        return _instant(self.cleaned_data["date"], self.cleaned_data["start"])

    @property
    def ends_at(self) -> datetime.datetime:
        return _instant(self.cleaned_data["date"], self.cleaned_data["end"])

    @staticmethod
    def initial_of(meeting: Meeting) -> dict[str, object]:
        """The meeting's own date, times and room."""
        starts_at = timezone.localtime(meeting.starts_at)
        ends_at = timezone.localtime(meeting.ends_at or meeting.starts_at)
        return {
            "date": starts_at.date(),
            "start": starts_at.time(),
            "end": ends_at.time(),
            "room": meeting.room,
        }


class CancelForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        error_messages={"required": _("Say why the class is cancelled. Students see it.")},
    )


class ExcuseForm(forms.Form):
    """Excuses one student of the roster before the class.

    :param students: student id and name of each
    """

    student = forms.ChoiceField(label=_("Student"))
    note = forms.CharField(label=_("Reason (optional)"), max_length=500, required=False)

    def __init__(self, students: list[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["student"] = forms.ChoiceField(
            label=_("Student"), choices=[("", _("Choose a student")), *students]
        )


class RegisterForm(forms.Form):
    """The statuses of a whole register: one choice for each student, empty for none.

    :param student_ids: those on the roster
    """

    PREFIX = "status-"

    def __init__(self, student_ids: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for student_id in student_ids:
            self.fields[self.PREFIX + student_id] = forms.ChoiceField(
                choices=[("", ""), *Status.choices], required=False
            )

    @property
    def statuses(self) -> dict[str, Status | None]:
        """The status sent for each student id; students who were not sent are left out."""
        return {
            name.removeprefix(self.PREFIX): Status(value) if value else None
            for name, value in self.cleaned_data.items()
            if name in self.data
        }


def _instant(date: datetime.date, time: datetime.time) -> datetime.datetime:
    return instant(date, time, zone=institution_zone())
