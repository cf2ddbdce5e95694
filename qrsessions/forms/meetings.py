"""What teachers send from the pages of meetings that are not now."""

import datetime
from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.lib.texts import max_length
from attendance.models import ExcuseReason, Meeting, RecordChange, RosterEntry, Status, StatusLabel
from attendance.queries.labels import OwnLabels
from attendance.records.by_hand import HandMark, mark_of
from attendance.timetable.occurrences import YEARS, instant
from attendance.timetable.planning import institution_zone
from qrsessions.forms.fields import DateInput, TimeInput


class TimesForm(forms.Form):
    """A date, and local times of day in the institution's time zone."""

    date = forms.DateField(label=_("Date"), widget=DateInput())
    start = forms.TimeField(label=_("Start"), widget=TimeInput())
    end = forms.TimeField(label=_("End"), widget=TimeInput())
    room = forms.CharField(label=_("Room"), max_length=max_length(Meeting, "room"), required=False)

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
        max_length=max_length(Meeting, "cancel_reason"),
        error_messages={"required": _("Say why the class is cancelled. Students see it.")},
    )


class ExcuseForm(forms.Form):
    """Excuses one student of the roster before the class.

    :param entries: the roster
    :param own: the institution's labels and reasons. Where it has some for excuses, one can be chosen.
    """

    student = forms.ChoiceField(label=_("Student"))
    note = forms.CharField(
        label=_("Reason (optional)"), max_length=max_length(RecordChange, "note"), required=False
    )

    def __init__(self, entries: Sequence[RosterEntry], own: OwnLabels, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own = own
        students = [(one.student.student_id, f"{one.roll_number} {one.student.name}") for one in entries]
        self.fields["student"] = forms.ChoiceField(
            label=_("Student"), choices=[("", _("Choose a student")), *students]
        )
        if labels := own.active_of(Status.EXCUSED):
            choices = [("", ""), *((label.name, label.name) for label in labels)]
            self.fields["label"] = forms.ChoiceField(
                label=_("Kind of excuse (optional)"), choices=choices, required=False
            )
        if reasons := own.active_reasons:
            choices = [("", ""), *((reason.code, reason.name) for reason in reasons)]
            self.fields["reason"] = forms.ChoiceField(
                label=_("Reason (optional)"), choices=choices, required=False
            )
            self.fields["note"].label = _("Note (optional)")
        self.order_fields(["student", "label", "reason", "note"])

    @property
    def chosen_label(self) -> StatusLabel | None:
        return self.own.named(self.cleaned_data.get("label", ""))

    @property
    def chosen_reason(self) -> ExcuseReason | None:
        return self.own.coded(self.cleaned_data.get("reason", ""))


class RegisterForm(forms.Form):
    """The marks of a whole register: for each student a status, empty for none, perhaps with a label and a reason.

    :param entries: the roster, with labels
    :param own: the institution's labels and reasons
    """

    def __init__(self, entries: Sequence[RosterEntry], own: OwnLabels, data: QueryDict) -> None:
        super().__init__(data)
        self._entries = entries
        self._labels = {label.name: label for label in own.labels}
        self._reasons = {reason.code: reason for reason in own.reasons}
        labels, reasons = own.active_labels, own.active_reasons
        for entry in entries:
            student_id, mark = entry.student.student_id, mark_of(entry)
            # What the student has can stay, also if it can no longer be chosen.
            offered = [label.name for label in (*labels, mark.label) if label]
            codes = [reason.code for reason in (*reasons, mark.reason) if reason]
            self.fields[f"status-{student_id}"] = _optional([*Status.values])
            self.fields[f"label-{student_id}"] = _optional(offered)
            self.fields[f"reason-{student_id}"] = _optional(codes)

    @property
    def has_wrong_status(self) -> bool:
        return any(name.startswith("status-") for name in self.errors)

    @property
    def marks(self) -> dict[str, HandMark]:
        """The mark sent for each student id; students who were not sent are left out."""
        return {
            entry.student.student_id: self._sent(entry)
            for entry in self._entries
            if f"status-{entry.student.student_id}" in self.data
        }

    def _sent(self, entry: RosterEntry) -> HandMark:
        """If status and label do not fit, the one that was changed counts."""
        student_id, before = entry.student.student_id, mark_of(entry)
        chosen = self.cleaned_data[f"status-{student_id}"]
        status = Status(chosen) if chosen else None
        label, reason = before.label, before.reason
        if f"label-{student_id}" in self.data:
            label = self._labels.get(self.cleaned_data[f"label-{student_id}"])
        if f"reason-{student_id}" in self.data:
            reason = self._reasons.get(self.cleaned_data[f"reason-{student_id}"])
        if label and label.meaning != status:
            if label == before.label:
                label = None
            else:
                status = Status(label.meaning)
        return HandMark(status, label, reason if status is Status.EXCUSED else None)


def _optional(values: Sequence[str]) -> forms.ChoiceField:
    return forms.ChoiceField(choices=[("", ""), *((value, value) for value in values)], required=False)


def _instant(date: datetime.date, time: datetime.time) -> datetime.datetime:
    return instant(date, time, zone=institution_zone())
