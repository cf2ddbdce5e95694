"""Importing an old register of a section: first a preview, with a question for each unknown word, then the import."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from attendance.api.permissions import signed_in
from attendance.lib.refusals import Refused
from attendance.models import ExcuseReason, Section, StatusLabel
from attendance.registers.importing import RegisterRefused, Report
from attendance.registers.importing.report import WordUse
from attendance.registers.importing.words import choices
from attendance.rosters.files import RosterFile
from qrsessions.forms.register_import import AS_READ, MAX_WORDS, RegisterFileForm
from qrsessions.queries.access import find_section_to_manage
from qrsessions.services.register_import import import_register_file
from qrsessions.views.access import teacher_page

# Nobody reads more.
MAX_SHOWN = 100


@dataclass(frozen=True)
class WordQuestion:
    """A word of the file, and the meaning that is chosen for it."""

    use: WordUse
    chosen: str


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def import_register(request: HttpRequest, section_id: int) -> HttpResponse:
    """Show what the file would change, or with ``apply`` change it. The page sends the file again."""
    user, at = signed_in(request), timezone.now()
    section = find_section_to_manage(user, section_id, on=timezone.localdate(at))
    if request.method != "POST":
        return _page(request, section, RegisterFileForm())
    form = RegisterFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, section, form)
    is_applied = "apply" in request.POST
    try:
        report = import_register_file(
            section=section,
            file=RosterFile(form.file_name, form.content),
            by=user,
            at=at,
            options=form.options,
            dry_run=not is_applied,
        )
    except RegisterRefused as refused:
        # Something has changed since the preview.
        return _preview(request, section, form, refused.report)
    except Refused as refused:
        form.add_error("file", str(refused.detail))
        return _page(request, section, form)
    if not is_applied:
        return _preview(request, section, form, report)
    messages.success(request, report.outcome)
    return redirect("qrsessions:register", section.pk)


def _page(request: HttpRequest, section: Section, form: RegisterFileForm) -> HttpResponse:
    context = {"section": section, "form": form}
    return render(request, "qrsessions/registers/import.html", context, status=400 if form.is_bound else 200)


def _preview(request: HttpRequest, section: Section, form: RegisterFileForm, report: Report) -> HttpResponse:
    names = ("date_order", "replace")
    again = RegisterFileForm(
        initial={name: form.cleaned_data[name] for name in names} | {"kept": form.signed_content()}
    )
    context = {
        "section": section,
        "file_name": form.file_name,
        "report": report,
        "problems": report.problems[:MAX_SHOWN],
        "changes": report.changes[:MAX_SHOWN],
        "classes": report.classes[:MAX_SHOWN],
        "form": again,
        "asks_order": report.asks_order or form.cleaned_data["date_order"],
        "questions": list(_questions(report, form.mapping)),
        "choices": list(
            choices(StatusLabel.objects.in_bulk().values(), ExcuseReason.objects.in_bulk().values())
        ),
        "as_read": AS_READ,
    }
    return render(request, "qrsessions/registers/import_preview.html", context)


def _questions(report: Report, mapping: Mapping[str, str]) -> Iterator[WordQuestion]:
    for use in report.words[:MAX_WORDS]:
        yield WordQuestion(use, mapping.get(use.word, AS_READ))
