"""The teacher's pages: the sections taught, and one session with its buttons, counts and students."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe
from django_stubs_ext import StrOrPromise

from attendance.models import ATTENDED, Method, RosterEntry, Section, Status
from attendance.permissions import signed_in
from attendance.refusals import NotEnrolled, Refused
from attendance.stats import meeting_stats
from qrsessions import correcting, lifecycle, scanning
from qrsessions.addresses import shown_host
from qrsessions.forms import CorrectionForm, OpenSessionForm, StudentForm
from qrsessions.models import QRSession, SessionStatus
from qrsessions.taught_sections import taught_sections
from qrsessions.views.access import find_session, teacher_action, teacher_page

JOINED = "joined"
NOT_JOINED = "none"
# What the list says of a student who has this state.
STATE_WORDS: dict[str, StrOrPromise] = {
    **{status.value: status.label for status in Status},
    JOINED: _("joined"),
    NOT_JOINED: _("not joined"),
}
# A scanned code is the usual way, and goes without saying.
METHOD_WORDS: dict[str, StrOrPromise] = {
    Method.CODE.value: _("typed code"),
    Method.CLAIM.value: _("scanned before sign-in"),
    Method.MANUAL.value: _("by hand"),
    Method.IMPORT.value: _("import"),
}
STEP_WORDS = {
    SessionStatus.CREATED: _("Joining"),
    SessionStatus.LOCKED: _("Locked"),
    SessionStatus.ACTIVE: _("Taking attendance"),
    SessionStatus.ENDED: _("Ended"),
}


@dataclass(frozen=True)
class StudentRow:
    """One student in the list. ``at`` is when the student was marked or joined, whichever the state says."""

    entry: RosterEntry
    state: str
    at: datetime.datetime | None
    method: StrOrPromise

    @property
    def word(self) -> StrOrPromise:
        return STATE_WORDS[self.state]

    @property
    def is_marked(self) -> bool:
        return self.state in Status.values


@teacher_page
@require_safe
def sections(request: HttpRequest) -> HttpResponse:
    """The sections that the user teaches; what runs stands on top."""
    taught = taught_sections(signed_in(request), at=timezone.now())
    context = {
        "running": [one for one in taught if one.running],
        "others": [one for one in taught if not one.running],
    }
    return render(request, "qrsessions/sections.html", context)


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
    context = {
        "session": session,
        "section": session.meeting.section,
        "steps": STEP_WORDS.items(),
        "stats": meeting_stats([session.meeting], at=at)[session.meeting_id],
        "rows": [_row(entry) for entry in correcting.roster_in_order(session.meeting)],
        "waiting": scanning.waiting_scans(session),
        "state_words": STATE_WORDS,
        "method_words": METHOD_WORDS,
        "statuses": Status,
        "host": shown_host(request),
    }
    return render(request, "qrsessions/session.html", context)


@teacher_action
def take_step(request: HttpRequest, public_id: str, step: str) -> HttpResponse:
    """Lock, unlock, start, end or reopen the session."""
    session = find_session(request, public_id)
    try:
        lifecycle.take_step(session=session, step=step, at=timezone.now())
    except lifecycle.WrongState as refused:
        # A second click, or a colleague's, wanted what is already so.
        if refused.extra["status"] != lifecycle.STEPS[step].after:
            messages.error(request, refused.detail)
    except Refused as refused:
        messages.error(request, refused.detail)
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
        words = {"name": entry.student.name, "state": _row(entry).word}
        messages.success(request, _("%(name)s: %(state)s.") % words)
        return redirect("qrsessions:session", public_id)
    context: dict[str, Any] = {"session": session, "row": _row(entry), "form": form, "statuses": Status}
    return render(request, "qrsessions/mark.html", context, status=400 if form.is_bound else 200)


@teacher_action
def admit(request: HttpRequest, public_id: str) -> HttpResponse:
    """Admit the students who are named, or everybody whose scan waits."""
    session = find_session(request, public_id)
    named = request.POST.getlist("student") or None
    admitted = scanning.admit(session=session, student_ids=named, by=signed_in(request), at=timezone.now())
    if admitted:
        text = ngettext("%(count)d student admitted.", "%(count)d students admitted.", admitted)
        messages.success(request, text % {"count": admitted})
    else:
        messages.info(request, _("Nobody was left to admit."))
    return redirect("qrsessions:session", public_id)


def _entry(session: QRSession, data: QueryDict) -> RosterEntry:
    """The roster's entry of the student whom the address or the form names; 404 where there is none."""
    form = StudentForm(data)
    if not form.is_valid():
        raise Http404
    roster = session.meeting.roster.select_related("student", "record")
    return get_object_or_404(roster, student__student_id=form.cleaned_data["student"])


def _row(entry: RosterEntry) -> StudentRow:
    record = entry.record
    if record is None:
        return StudentRow(entry, NOT_JOINED, None, "")
    if record.status is None:
        return StudentRow(entry, JOINED if record.joined_at else NOT_JOINED, record.joined_at, "")
    at = record.marked_at if record.status in ATTENDED else None
    return StudentRow(entry, record.status, at, METHOD_WORDS.get(record.method or "", ""))
