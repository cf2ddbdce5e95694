"""Terms with their holidays, and the weekly classes of a section. Saving either plans the meetings again."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from attendance.admin.shared import Autocompletes, rows_link
from attendance.lib.refusals import Refused
from attendance.models import Holiday, MeetingPattern, Section, Term
from attendance.timetable import planning
from attendance.timetable.occurrences import WEEKLY_FIELDS


class MeetingPatternForm(forms.ModelForm[MeetingPattern]):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not self.errors and self.has_changed():
            try:
                # Ask for the days that are missing here, not when the meetings are planned.
                planning.weekly(MeetingPattern(section=self.instance.section, **_fields_of(self)))
            except Refused as refused:
                self.add_error("last_day", refused.detail)
        return cleaned


def _fields_of(form: forms.ModelForm[MeetingPattern]) -> dict[str, Any]:
    names = ("weekday", "start", "end", "first_day", "last_day", "every_weeks")
    return {name: form.cleaned_data[name] for name in names}


class MeetingPatternInline(admin.TabularInline[MeetingPattern, Section]):
    model = MeetingPattern
    form = MeetingPatternForm
    fields = WEEKLY_FIELDS
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[MeetingPattern]:
        # Imported series have no weekday: their file names the dates.
        return super().get_queryset(request).filter(weekday__isnull=False)


class TermForm(forms.ModelForm[Term]):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        days = [self.cleaned_data.get("first_day"), self.cleaned_data.get("last_day")]
        if self.instance.pk and None in days:
            without = MeetingPattern.objects.weekly().filter(section__term=self.instance)
            for name, day in zip(("first_day", "last_day"), days, strict=True):
                if day is None and without.filter(**{name: None}).exists():
                    self.add_error(
                        name, _("Weekly classes are planned from these days, so they cannot be empty.")
                    )
        return cleaned


class HolidayInline(Autocompletes, admin.TabularInline[Holiday, Term]):
    model = Holiday
    extra = 0
    autocomplete_fields = ["sections"]


@admin.register(Term)
class TermAdmin(admin.ModelAdmin[Term]):
    form = TermForm
    list_display = ["name", "first_day", "last_day", "sections_link"]
    search_fields = ["name", "external_id"]
    fields = ["name", "first_day", "last_day", "external_id"]
    inlines = [HolidayInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Term]:
        return super().get_queryset(request).annotate(total_sections=Count("sections"))

    @admin.display(description=_("sections"), ordering="total_sections")
    def sections_link(self, term: Any) -> SafeString:
        return rows_link(Section, term.total_sections, term__id__exact=term.pk)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        super().save_related(request, form, formsets, change)
        planned = MeetingPattern.objects.filter(section__term=form.instance)
        planning.replan(planned.values_list("section", flat=True).distinct(), at=timezone.now())
