"""The weekly classes of a section as a teacher enters them, and files to import."""

from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _

from attendance.lib.texts import max_length
from attendance.models import MeetingPattern, Weekday
from attendance.models.timetable import MAX_EVERY_WEEKS
from attendance.timetable.occurrences import WEEKLY_FIELDS, WeeklyClass
from attendance.timetable.weekly_classes import MAX_ROWS
from qrsessions.forms.fields import DateInput, TimeInput
from qrsessions.forms.kept_files import KeptFileForm
from qrsessions.forms.teachers import SectionIdsField


class WeeklyClassForm(forms.Form):
    weekday = forms.TypedChoiceField(
        choices=[("", "–"), *Weekday.choices],
        coerce=int,
        label=_("Day"),
        error_messages={"required": _("Choose a day.")},
    )
    every_weeks = forms.TypedChoiceField(
        choices=[
            (1, _("every week")),
            *((n, _("every %(number)d weeks") % {"number": n}) for n in range(2, MAX_EVERY_WEEKS + 1)),
        ],
        coerce=int,
        initial=1,
        label=_("How often"),
    )
    start = forms.TimeField(label=_("From"), widget=TimeInput())
    end = forms.TimeField(label=_("To"), widget=TimeInput())
    first_day = forms.DateField(required=False, label=_("First day"), widget=DateInput())
    last_day = forms.DateField(required=False, label=_("Last day"), widget=DateInput())
    room = forms.CharField(max_length=max_length(MeetingPattern, "room"), required=False, label=_("Room"))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and (fault := self.weekly_class().fault()):
            self.add_error(*fault)
        return cleaned

    def weekly_class(self) -> WeeklyClass:
        return WeeklyClass(**{name: self.cleaned_data[name] for name in WEEKLY_FIELDS})


class BaseWeeklyClassFormSet(forms.BaseFormSet[WeeklyClassForm]):
    def add_fields(self, form: WeeklyClassForm, index: int | None) -> None:
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].label = _("Remove")

    def classes(self) -> list[WeeklyClass]:
        """The classes that were filled in and not marked to be removed."""
        return [
            form.weekly_class()
            for form in self.forms
            if form.cleaned_data and not form.cleaned_data.get("DELETE")
        ]


WeeklyClassFormSet = forms.formset_factory(
    WeeklyClassForm,
    formset=BaseWeeklyClassFormSet,
    extra=3,
    can_delete=True,
    max_num=MAX_ROWS,
    validate_max=True,
    absolute_max=MAX_ROWS + 10,
)


class TimetableFileForm(KeptFileForm):
    """A timetable to import."""

    salt = "timetable file"
    too_large = _("The file is larger than 900 kB. Export fewer events.")

    file = forms.FileField(
        required=False,
        allow_empty_file=True,
        label=_("File"),
        help_text=_(
            "A calendar (.ics) from Google, Outlook, Apple or a timetable system, or a table (.csv)."
        ),
        widget=forms.FileInput({"accept": ".ics,.csv,text/calendar,text/csv"}),
    )
    # Not "contains": a field of that name hides a method of the form in scripts.
    title_contains = forms.CharField(
        required=False, max_length=100, label=_("Only events with this text in their title")
    )
    first_day = forms.DateField(
        required=False,
        label=_("Leave everything before this day as it is"),
        widget=DateInput(),
    )
    zone = forms.ChoiceField(
        required=False,
        choices=lambda: [("", "–"), *((name, name) for name in sorted(available_timezones()))],
        label=_("Time zone of events whose own zone is not known"),
    )

    @property
    def unknown_zone(self) -> ZoneInfo | None:
        name = self.cleaned_data["zone"]
        return ZoneInfo(name) if name else None


class SeriesForm(forms.Form):
    """The imported series of a timetable, by their ids."""

    series = SectionIdsField()
