"""The teacher's pages: the sections taught, and one session with its buttons, counts and students."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from attendance.models import RosterEntry, Section, Status
from attendance.permissions import signed_in
from attendance.refusals import NotEnrolled
from attendance.shared_devices import shared_devices
from attendance.stats import meeting_stats
from qrsessions import admitting, correcting, lifecycle
from qrsessions.addresses import shown_host
from qrsessions.forms import CorrectionForm, OpenSessionForm, StudentForm
from qrsessions.matters import matters_of
from qrsessions.models import GroupSession, QRSession
from qrsessions.taught_sections import is_new_teacher, last_group, taught
from qrsessions.views.access import find_session, teacher_action, teacher_page
from qrsessions.views.buttons import STEP_WORDS, addresses_of, say_admitted, try_step
from qrsessions.views.registers import curve_of
from qrsessions.views.rows import list_context, student_row

# In the user's session.
WELCOME_DISMISSED = "welcome_dismissed"


@teacher_page
@require_safe
def sections(request: HttpRequest) -> HttpResponse:
    """The sections that the user teaches: what runs and what needs an eye stand on top, then those of today."""
    user, at = signed_in(request), timezone.now()
    found = taught(user, at=at)
    context = {
        "taught": found,
        "matters": matters_of(user, found, at=at),
        "last_group": last_group(user, at=at),
        "is_new": bool(found.sections) and WELCOME_DISMISSED not in request.session and is_new_teacher(user),
    }
    return render(request, "qrsessions/sections.html", context)


@teacher_action
def dismiss_welcome(request: HttpRequest) -> HttpResponse:
    """The words for somebody who is new are not shown again in this sign-in; nor after the first session."""
    request.session[WELCOME_DISMISSED] = True
    return redirect("qrsessions:sections")


@teacher_action
def open_session(request: HttpRequest, section_id: int) -> HttpResponse:
    """Open a session, or go to the one that runs."""
    user = signed_in(request)
    section = get_object_or_404(Section.objects.visible_to(user), pk=section_id)
    form = OpenSessionForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose how students join, and open the session again."))
        return redirect("qrsessions:sections")
    try:
        session = lifecycle.open_session(
            section=section, by=user, at=timezone.now(), join_policy=form.chosen_policy
        )
    except lifecycle.SessionOpen as refused:
        running = refused.extra["session"]
        if QRSession.objects.visible_to(user).filter(meeting__public_id=running).exists():
            messages.info(request, _("This section has a session already: here it is."))
            return redirect("qrsessions:session", running)
        messages.error(request, refused.detail)
        return redirect("qrsessions:sections")
    return redirect("qrsessions:session", session.public_id)


@teacher_page
@require_safe
def session_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """One session: its buttons, live counts and students."""
    session = find_session(request, public_id)
    at = timezone.now()
    group = session.meeting.group
    shared = shared_devices(session.meeting)
    rows = [
        student_row(session, entry, shared=shared) for entry in correcting.roster_in_order(session.meeting)
    ]
    context = {
        "session": session,
        "group": group,
        "own_group": group
        and GroupSession.objects.visible_to(signed_in(request)).filter(group=group).exists(),
        "urls": addresses_of(session),
        "section": session.meeting.section,
        "steps": STEP_WORDS.items(),
        "stats": meeting_stats([session.meeting], at=at)[session.meeting_id],
        "waiting": admitting.waiting_scans([session]),
        "curve": curve_of(session, [session]),
        "host": shown_host(request),
        **list_context(rows),
    }
    return render(request, "qrsessions/session.html", context)


@teacher_action
def take_step(request: HttpRequest, public_id: str, step: str) -> HttpResponse:
    """Lock, unlock, start, end or reopen the session."""
    session = find_session(request, public_id)
    by, at = signed_in(request), timezone.now()
    try_step(request, step, lambda: lifecycle.take_step(session=session, step=step, by=by, at=at))
    return redirect("qrsessions:session", public_id)


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def mark(request: HttpRequest, public_id: str) -> HttpResponse:
    """A page to mark one student by hand; the session page does the same in place by script."""
    session = find_session(request, public_id)
    entry = _entry(session, request.POST if request.method == "POST" else request.GET)
    form = CorrectionForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            entry = correcting.correct(
                session=session,
                student=entry.student,
                status=form.chosen_status,
                by=signed_in(request),
                at=timezone.now(),
                note=form.cleaned_data["note"],
            )
        except NotEnrolled as error:
            raise Http404 from error
        words = {"name": entry.student.name, "state": student_row(session, entry).word}
        messages.success(request, _("%(name)s: %(state)s.") % words)
        return redirect("qrsessions:session", public_id)
    context: dict[str, Any] = {
        "session": session,
        "row": student_row(session, entry),
        "form": form,
        "statuses": Status,
    }
    return render(request, "qrsessions/mark.html", context, status=400 if form.is_bound else 200)


@teacher_action
def admit(request: HttpRequest, public_id: str) -> HttpResponse:
    """Admit the students who are named, or everybody whose scan waits."""
    session = find_session(request, public_id)
    named = request.POST.getlist("student") or None
    admitted = admitting.admit(
        sessions=[session], student_ids=named, by=signed_in(request), at=timezone.now()
    )
    say_admitted(request, admitted)
    return redirect("qrsessions:session", public_id)


def _entry(session: QRSession, data: QueryDict) -> RosterEntry:
    """The roster's entry of the student whom the address or the form names; 404 where there is none."""
    form = StudentForm(data)
    if not form.is_valid():
        raise Http404
    roster = session.meeting.roster.select_related("student", "record")
    return get_object_or_404(roster, student__student_id=form.cleaned_data["student"])
