"""The student's attendance, downloads of all data about the student, and the personal QR code."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from attendance.api.permissions import signed_in, student_of
from attendance.models import Student
from attendance.queries.student_history import own_sections
from qrsessions.codes import personal_codes
from qrsessions.codes.qr_images import qr_svg
from qrsessions.queries.student_data import own_csv, own_json
from qrsessions.queries.timetable import coming_classes
from qrsessions.views.responses import not_a_student_page


@require_safe
@never_cache
@login_required
def attendance(request: HttpRequest) -> HttpResponse:
    """The student's own attendance, section by section."""
    student = student_of(signed_in(request))
    if student is None:
        return not_a_student_page(request, status=200)
    context = {
        "sections": own_sections(student, on=timezone.localdate()),
        "coming": coming_classes(student, at=timezone.now()),
    }
    return render(request, "qrsessions/attendance.html", context)


@require_safe
@never_cache
@login_required
def data_json(request: HttpRequest) -> HttpResponse:
    """All data about the student as a JSON file."""
    text = own_json(_student(request), at=timezone.now())
    return _download(text, "attendance.json", "application/json")


@require_safe
@never_cache
@login_required
def data_csv(request: HttpRequest) -> HttpResponse:
    """All data about the student as one CSV table."""
    return _download(own_csv(_student(request)), "attendance.csv", "text/csv; charset=utf-8")


@require_safe
@never_cache
@login_required
def own_code(request: HttpRequest) -> HttpResponse:
    """The page with the personal QR code, which the student shows to the teacher's device."""
    student = student_of(signed_in(request))
    if student is None:
        return not_a_student_page(request, status=200)
    context = {"student": student, "refresh_seconds": personal_codes.REFRESH_SECONDS}
    return render(request, "qrsessions/own_code.html", context)


@require_safe
@never_cache
@login_required
def own_code_image(request: HttpRequest) -> HttpResponse:
    """The image of the current personal QR code."""
    code = personal_codes.make(student=_student(request), at=timezone.now())
    return HttpResponse(qr_svg(code), content_type="image/svg+xml")


def _student(request: HttpRequest) -> Student:
    student = student_of(signed_in(request))
    if student is None:
        raise PermissionDenied
    return student


def _download(text: str, name: str, content_type: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type=content_type, headers=headers)
