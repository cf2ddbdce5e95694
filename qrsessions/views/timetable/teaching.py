"""Who teaches a section: the page on which its teachers add substitutes and assistants, and take both back."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from attendance.api.permissions import signed_in
from attendance.lib.refusals import Refused
from attendance.models import TeachingRole
from attendance.queries.teaching import who_teaches
from attendance.timetable import substitutes
from qrsessions.forms.teaching import GiveDaysForm
from qrsessions.views.access import section_to_manage, teacher_page


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def teachers(request: HttpRequest, section_id: int) -> HttpResponse:
    """Who teaches the section today or later, or was a substitute in it. POST adds a colleague."""
    user, today = signed_in(request), timezone.localdate()
    section = section_to_manage(request, section_id)
    form = GiveDaysForm(request.POST or None)
    if form.is_valid():
        colleague, role = form.cleaned_data["colleague"], TeachingRole(form.cleaned_data["role"])
        try:
            substitutes.give_days(
                section=section,
                role=role,
                to=colleague,
                from_date=form.cleaned_data["first_day"],
                to_date=form.to_date,
                by=user,
                on=today,
            )
        except Refused as refused:
            form.add_error("colleague", str(refused.detail))
        else:
            words = {"name": colleague.display_name, "role": role.label}
            messages.success(request, _("%(name)s was added: %(role)s.") % words)
            return redirect("qrsessions:teachers", section_id)
    assignments = who_teaches(section, on=today, with_former_substitutes=True)
    context = {"section": section, "form": form, "assignments": assignments}
    status = 400 if form.is_bound else 200
    return render(request, "qrsessions/timetable/teachers.html", context, status=status)


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def take_back(request: HttpRequest, section_id: int, assignment_id: int) -> HttpResponse:
    """Ask whether to take a section or meeting back from a substitute or an assistant; POST does it."""
    section = section_to_manage(request, section_id)
    own = section.assignments.in_force().exclude(role=TeachingRole.TEACHER).select_related("user", "meeting")
    assignment = get_object_or_404(own, pk=assignment_id)
    if request.method != "POST":
        context = {"section": section, "assignment": assignment}
        return render(request, "qrsessions/timetable/take_back.html", context)
    substitutes.take_back(assignment=assignment)
    text = _("Taken back: %(name)s no longer has access.")
    messages.success(request, text % {"name": assignment.user.display_name})
    return redirect("qrsessions:teachers", section_id)
