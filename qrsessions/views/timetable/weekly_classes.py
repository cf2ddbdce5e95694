"""The page of a section's timetable. A change is shown first, and made when the teacher confirms it."""

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from attendance.lib.refusals import Refused
from attendance.models import MeetingPattern, Section
from attendance.timetable.kept import with_reasons
from attendance.timetable.occurrences import WEEKLY_FIELDS
from attendance.timetable.weekly_classes import remove_series, set_weekly_classes
from qrsessions.forms.timetable import (
    BaseWeeklyClassFormSet,
    SeriesForm,
    TimetableFileForm,
    WeeklyClassFormSet,
)
from qrsessions.queries.timetable_changes import MEETINGS_SHOWN, imported_series, shown_changes
from qrsessions.views.access import section_to_manage, teacher_page


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def timetable(request: HttpRequest, section_id: int) -> HttpResponse:
    """The weekly classes of a section. ``apply`` makes the change, ``edit`` leads back from its preview."""
    section = section_to_manage(request, section_id)
    if request.method != "POST":
        return timetable_page(request, section)
    formset = cast("BaseWeeklyClassFormSet", WeeklyClassFormSet(request.POST, prefix="classes"))
    if "edit" in request.POST or not formset.is_valid():
        return timetable_page(request, section, formset=formset)
    is_applied = "apply" in request.POST
    try:
        change = set_weekly_classes(
            section=section, to=formset.classes(), at=timezone.now(), dry_run=not is_applied
        )
    except Refused as refused:
        return timetable_page(request, section, formset=formset, refused=refused)
    if is_applied:
        messages.success(request, _("Timetable saved."))
        return redirect("qrsessions:timetable", section.pk)
    if change.is_empty:
        messages.info(request, _("Nothing was changed."))
        return redirect("qrsessions:timetable", section.pk)
    context = {
        "section": section,
        "formset": formset,
        "changes": shown_changes(change.meetings),
        "kept": with_reasons(change.meetings.kept[:MEETINGS_SHOWN]),
    }
    return render(request, "qrsessions/timetable/change.html", context)


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def remove_imported(request: HttpRequest, section_id: int) -> HttpResponse:
    """Remove imported series with the meetings that nobody used."""
    section = section_to_manage(request, section_id)
    form = SeriesForm(request.POST)
    if request.method == "POST" and form.is_valid():
        patterns = MeetingPattern.objects.filter(
            section=section, weekday=None, pk__in=form.cleaned_data["series"]
        )
        removed = remove_series(patterns=list(patterns))
        text = ngettext("%(number)d meeting removed.", "%(number)d meetings removed.", removed)
        messages.success(request, text % {"number": removed})
    return redirect("qrsessions:timetable", section.pk)


def timetable_page(
    request: HttpRequest,
    section: Section,
    *,
    formset: BaseWeeklyClassFormSet | None = None,
    file_form: TimetableFileForm | None = None,
    refused: Refused | None = None,
) -> HttpResponse:
    """The page, with the forms that were sent and what is wrong with them."""
    is_wrong = bool(refused or (file_form and file_form.errors) or (formset and not formset.is_valid()))
    context = {
        "section": section,
        "formset": formset or WeeklyClassFormSet(initial=_rows_of(section), prefix="classes"),
        "file_form": file_form or TimetableFileForm(),
        "series": imported_series(section),
        "refused": refused,
    }
    return render(
        request, "qrsessions/timetable/weekly_classes.html", context, status=400 if is_wrong else 200
    )


def _rows_of(section: Section) -> list[dict[str, Any]]:
    return list(section.patterns.weekly().values(*WEEKLY_FIELDS))
