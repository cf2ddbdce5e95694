"""The page that tells whether an exported register is true: by the code on it, or by comparing a file."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from attendance.api.permissions import signed_in
from attendance.lib.refusals import Refused
from attendance.registers.verification.codes import VERIFICATIONS, verify_code
from attendance.registers.verification.export_codes import shown_code
from attendance.registers.verification.files import read_register_file, section_of
from attendance.registers.verification.verify import verify_file
from qrsessions.forms.verification import CodeForm, RegisterFileForm
from qrsessions.queries.access import whole_sections
from qrsessions.views.access import teacher_page

CHANGES_SHOWN = 200


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def verify_register(request: HttpRequest) -> HttpResponse:
    """Verify the code in the address, which the QR code on an export opens, or the file that is sent."""
    user = signed_in(request)
    sections = whole_sections(user, on=timezone.localdate())
    code_form = CodeForm(request.GET if "code" in request.GET else None)
    file_form = (
        RegisterFileForm(request.POST, request.FILES) if request.method == "POST" else RegisterFileForm()
    )
    form, field = (file_form, "file") if file_form.is_bound else (code_form, "code")
    context: dict[str, Any] = {"code_form": code_form, "file_form": file_form, "changes_shown": CHANGES_SHOWN}
    status = 400 if form.is_bound else 200
    headers = {}
    if form.is_valid():
        try:
            VERIFICATIONS.allow(str(user.pk))
            if form is file_form:
                file = read_register_file(form.cleaned_data["file"])
                found = verify_file(section_of(file, sections), file)
                context |= {"outcome": found.outcome, "found": found, "is_file": True}
            else:
                verified = verify_code(form.cleaned_data["code"], sections=sections)
                export = verified.export
                context |= {"outcome": verified.outcome, "found": verified.found, "export": export}
                context["code"] = shown_code(export.code)
            status = 200
        except Refused as refused:
            form.add_error(field, str(refused.detail))
            status, headers = refused.status, refused.headers
    response = render(request, "qrsessions/registers/verify.html", context, status=status)
    for name, value in headers.items():
        response[name] = value
    return response
