"""The register of a term as a file: a page on which it is chosen, and the download."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from attendance.api.permissions import signed_in
from attendance.exports.downloads import FILES, ZIPS, download
from attendance.exports.registers.files import TooManyPages, read_register, register_file, zip_file
from attendance.exports.registers.table import Options
from attendance.lib.rate_limits import TooOften
from attendance.models import Section
from qrsessions.forms.register_files import RegisterFilesForm
from qrsessions.queries.access import find_whole_section, whole_sections_beside
from qrsessions.views.access import teacher_page
from qrsessions.views.responses import refusal_page


@teacher_page
@require_safe
def page(request: HttpRequest, section_id: int) -> HttpResponse:
    """Choose kind, sections, days and columns of the file. Nothing is remembered."""
    user, today = signed_in(request), timezone.localdate()
    section = find_whole_section(user, section_id, on=today)
    sections = whole_sections_beside(section, user=user, on=today)
    form = RegisterFilesForm(sections=sections, initial={**request.GET.dict(), "sections": [section.pk]})
    return _page(request, section, form)


@teacher_page
@require_safe
def download_files(request: HttpRequest, section_id: int) -> HttpResponseBase:
    """The file: of one section, or a ZIP file with one for each section."""
    user, at = signed_in(request), timezone.now()
    today = timezone.localdate(at)
    section = find_whole_section(user, section_id, on=today)
    if not request.GET:
        return redirect("qrsessions:register-files", section_id)
    form = RegisterFilesForm(request.GET, sections=whole_sections_beside(section, user=user, on=today))
    if not form.is_valid():
        return _page(request, section, form)
    chosen = form.cleaned_data
    sections: list[Section] = chosen["sections"]
    options = Options(today=today, columns=chosen["columns"], with_bom=chosen["bom"], size=chosen["size"])
    type, dates = chosen["type"], form.dates
    try:
        if len(sections) == 1:
            FILES.allow(str(user.pk))
            register, options = read_register(sections[0], type=type, options=options, dates=dates, at=at)
            return download(register_file(register, type=type, options=options))
        ZIPS.allow(str(user.pk))
        return download(zip_file(sections, type=type, options=options, dates=dates, at=at))
    except TooOften as refused:
        return refusal_page(request, refused)
    except TooManyPages as refused:
        form.add_error("sections", str(refused.detail))
        return _page(request, section, form)


def _page(request: HttpRequest, section: Section, form: RegisterFilesForm) -> HttpResponse:
    context = {"section": section, "form": form, "day_fields": [form["from"], form["to"]]}
    return render(request, "qrsessions/registers/files.html", context, status=400 if form.is_bound else 200)
