"""What is a student's own: the attendance, the data that is kept, and the QR code that says who it is."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from attendance.history import own_sections
from attendance.known_users import student_of
from attendance.models import Student
from attendance.permissions import signed_in
from qrsessions import personal_codes
from qrsessions.own_data import own_csv, own_json
from qrsessions.qr_images import qr_svg
from qrsessions.views.answers import for_students_only


@require_safe
@never_cache
@login_required
def attendance(request: HttpRequest) -> HttpResponse:
    """The student's own attendance, section by section."""
    student = student_of(signed_in(request))
    if student is None:
        return for_students_only(request, status=200)
    return render(request, "qrsessions/attendance.html", {"sections": own_sections(student)})


@require_safe
@never_cache
@login_required
def data_json(request: HttpRequest) -> HttpResponse:
    """Everything that is kept about the student, as a JSON file."""
    text = own_json(_student(request), at=timezone.now())
    return _download(text, "attendance.json", "application/json")


@require_safe
@never_cache
@login_required
def data_csv(request: HttpRequest) -> HttpResponse:
    """Everything that is kept about the student, as one table."""
    return _download(own_csv(_student(request)), "attendance.csv", "text/csv; charset=utf-8")


@require_safe
@never_cache
@login_required
def own_code(request: HttpRequest) -> HttpResponse:
    """The page with the student's personal QR code, to be shown to the teacher's device."""
    student = student_of(signed_in(request))
    if student is None:
        return for_students_only(request, status=200)
    context = {"student": student, "refresh_seconds": personal_codes.REFRESH_SECONDS}
    return render(request, "qrsessions/own_code.html", context)


@require_safe
@never_cache
@login_required
def own_code_image(request: HttpRequest) -> HttpResponse:
    """The personal QR code of this moment."""
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
