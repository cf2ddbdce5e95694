"""Importing a file as the timetable of one section: first a preview, then the import."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from attendance.lib.refusals import Refused
from attendance.timetable.formats.reading import read_timetable
from attendance.timetable.importing import import_timetable
from attendance.timetable.planning import institution_zone
from qrsessions.forms.timetable import TimetableFileForm
from qrsessions.queries.timetable_changes import shown_changes
from qrsessions.views.access import section_to_manage, teacher_page
from qrsessions.views.timetable.weekly_classes import timetable_page


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def import_file(request: HttpRequest, section_id: int) -> HttpResponse:
    """Show what the file would change, or with ``apply`` change it. The page sends the file again."""
    section = section_to_manage(request, section_id)
    if request.method != "POST":
        return redirect("qrsessions:timetable", section.pk)
    form = TimetableFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return timetable_page(request, section, file_form=form)
    is_applied = "apply" in request.POST
    try:
        file = read_timetable(
            form.content,
            zone=institution_zone(),
            unknown_zone=form.unknown_zone,
            contains=form.cleaned_data["title_contains"],
            names_sections=False,
        )
        report = import_timetable(
            file=file,
            at=timezone.now(),
            section=section,
            first_day=form.cleaned_data["first_day"],
            dry_run=not is_applied,
        )
    except Refused as refused:
        form.add_error("file", str(refused.detail))
        return timetable_page(request, section, file_form=form)
    if is_applied:
        level = messages.WARNING if report.is_empty and not report.unchanged else messages.SUCCESS
        messages.add_message(request, level, report.outcome())
        return redirect("qrsessions:timetable", section.pk)
    again = {name: form.cleaned_data[name] for name in ("title_contains", "first_day", "zone")}
    context = {
        "section": section,
        "report": report,
        "changes": shown_changes(report.meetings),
        "kept": report.kept[:100],
        "problems": report.problems[:100],
        "form": TimetableFileForm(initial=again | {"kept": form.signed_content()}),
        # Also when one was given, so that another can be chosen.
        "unknown_zones": bool(file.unknown_zones or again["zone"]),
    }
    return render(request, "qrsessions/timetable/import.html", context)
