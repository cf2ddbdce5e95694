"""One student: in a section, over all courses, and the search for one."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from attendance.api.permissions import signed_in
from attendance.models import Role
from attendance.queries.students import students_like, students_of
from attendance.registers.explanation import explain
from attendance.registers.student_courses import student_courses
from qrsessions.forms.date_range import DateRangeForm
from qrsessions.forms.teachers import FindSectionForm
from qrsessions.queries.access import find_student, find_whole_section, whole_sections
from qrsessions.views.access import teacher_page

STUDENTS_PER_PAGE = 50


@teacher_page
@require_safe
def in_section(request: HttpRequest, section_id: int, student_id: str) -> HttpResponse:
    """How the percentage of a student in a section comes about, and what was changed."""
    today = timezone.localdate()
    section = find_whole_section(signed_in(request), section_id, on=today)
    student = get_object_or_404(students_of(section), student_id=student_id)
    form = DateRangeForm(request.GET)
    context = {
        "section": section,
        "student": student,
        "form": form,
        "explanation": explain(section, student, today=today, dates=form.dates),
    }
    status = 200 if form.is_valid() else 400
    return render(request, "qrsessions/registers/student_in_section.html", context, status=status)


@teacher_page
@require_safe
def over_courses(request: HttpRequest, student_id: str) -> HttpResponse:
    """A student in all sections of which the user sees every class."""
    user, today = signed_in(request), timezone.localdate()
    student = find_student(user, student_id, on=today)
    form = DateRangeForm(request.GET)
    courses = student_courses(student, whole_sections(user, on=today), today=today, dates=form.dates)
    context = {"student": student, "form": form, "courses": courses}
    status = 200 if form.is_valid() else 400
    return render(request, "qrsessions/registers/student_over_courses.html", context, status=status)


@teacher_page
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """The students of the user's sections, or all for an admin, by name or student id."""
    user, today = signed_in(request), timezone.localdate()
    wanted = FindSectionForm(request.GET).search
    sections = None if user.role is Role.ADMIN else whole_sections(user, on=today)
    found = students_like(wanted, sections=sections)
    page = Paginator(found, STUDENTS_PER_PAGE).get_page(request.GET.get("page", 1))
    context = {"search": wanted, "page": page, "total": page.paginator.count}
    return render(request, "qrsessions/registers/students.html", context)
