"""The teacher's pages of sections: all that the teacher teaches, and one with its rules."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from attendance.api.permissions import signed_in
from attendance.models import MeetingState, Section
from attendance.queries.teaching import who_teaches
from qrsessions.forms.teachers import FindSectionForm, OpenSessionForm, SectionRulesForm
from qrsessions.models import QRSession
from qrsessions.queries.access import check_may_manage, check_may_run, find_section, whole_sections
from qrsessions.queries.alerts import alerts_for
from qrsessions.queries.dashboard import is_new_teacher, last_group, past_sections, taught
from qrsessions.queries.section_sessions import sessions_of_section
from qrsessions.queries.timetable import MISSING_ON_HOME, not_taken, timetable_of_day
from qrsessions.services import lifecycle
from qrsessions.services.settings import section_rules, set_section_rules
from qrsessions.views.access import teacher_action, teacher_page
from qrsessions.views.second_session import ask_if_again

# In the sign-in session.
WELCOME_DISMISSED = "welcome_dismissed"


@teacher_page
@require_safe
def sections(request: HttpRequest) -> HttpResponse:
    """The sections that the user teaches: first open sessions and alerts, then the sections that meet today."""
    user, at = signed_in(request), timezone.now()
    search = FindSectionForm(request.GET).search
    found = taught(user, at=at, search=search, page=request.GET.get("page", 1))
    is_first_page = not search and found.page.number == 1
    context = {
        "taught": found,
        "meetings_today": timetable_of_day(user, found.today, at=at) if is_first_page else [],
        "not_taken": not_taken(user, at=at) if is_first_page else [],
        "not_taken_shown": MISSING_ON_HOME,
        "search": search,
        # A short list is filtered by the page's script.
        "is_long": bool(search) or found.page.has_other_pages(),
        "alerts": alerts_for(user, found, at=at),
        "last_group": last_group(user, at=at) if is_first_page else None,
        "is_new": bool(found.sections) and WELCOME_DISMISSED not in request.session and is_new_teacher(user),
    }
    return render(request, "qrsessions/sections.html", context)


@teacher_page
@require_safe
def past_terms(request: HttpRequest) -> HttpResponse:
    """The sections of past terms that the user teaches or has taught, by term."""
    search = FindSectionForm(request.GET).search
    found = past_sections(
        signed_in(request), at=timezone.now(), search=search, page=request.GET.get("page", 1)
    )
    is_long = bool(search) or found.page.has_other_pages()
    context = {"found": found, "search": search, "is_long": is_long}
    return render(request, "qrsessions/past_terms.html", context)


@teacher_action
def dismiss_welcome(request: HttpRequest) -> HttpResponse:
    """Hide the welcome of a new teacher until the next sign-in. After the first session it is never shown."""
    request.session[WELCOME_DISMISSED] = True
    return redirect("qrsessions:sections")


@teacher_action
def open_session(request: HttpRequest, section_id: int) -> HttpResponse:
    """Open a session, or go to the one that is open."""
    user, at = signed_in(request), timezone.now()
    today = timezone.localdate(at)
    section = find_section(user, section_id, on=today)
    form = OpenSessionForm(request.POST)
    if not form.is_valid():
        check_may_run(section)
        messages.error(request, _("Choose who can be marked, then open the session again."))
        return redirect("qrsessions:sections")
    own = section.meetings.run_by(user, on=today)
    planned = own.filter(public_id=form.cleaned_data["meeting"], state=MeetingState.PLANNED).first()
    if planned is None:
        check_may_run(section)
        if question := ask_if_again(request, [section], form, at=at):
            return question
    try:
        session = lifecycle.open_session(
            section=section, by=user, at=at, join_policy=form.chosen_policy, planned=planned
        )
    except lifecycle.SessionOpen as refused:
        running = refused.extra["session"]
        if QRSession.objects.visible_to(user, on=today).filter(meeting__public_id=running).exists():
            messages.info(request, _("This section already has an open session."))
            return redirect("qrsessions:session", running)
        messages.error(request, refused.detail)
        return redirect("qrsessions:sections")
    return redirect("qrsessions:session", session.public_id)


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def section(request: HttpRequest, section_id: int) -> HttpResponse:
    """One section: its rules and its sessions."""
    user = signed_in(request)
    today = timezone.localdate()
    visible = Section.objects.visible_to(user, on=today).with_rights(user, on=today)
    counted = visible.with_total_students(today).with_is_over(today).select_related("course", "term")
    taught = get_object_or_404(counted, pk=section_id)
    if request.method == "POST":
        check_may_manage(taught)
    rules = section_rules(taught, on=today)
    form = SectionRulesForm(request.POST if request.method == "POST" else None, initial=rules)
    if form.is_valid():
        set_section_rules(section=taught, to=form.cleaned_data, by=user, at=timezone.now())
        messages.success(request, _("Section rules saved."))
        return redirect("qrsessions:section", section_id)
    context = {
        "section": taught,
        "form": form,
        "sessions": sessions_of_section(taught, user=user, on=today, page=request.GET.get("page", 1)),
        "is_whole": whole_sections(user, on=today).filter(pk=taught.pk).exists(),
        "assignments": who_teaches(taught, on=today),
        "term_is_past": taught.term is not None and taught.term.is_past(today),
    }
    return render(request, "qrsessions/section.html", context, status=400 if form.is_bound else 200)
