"""The teacher's page of one session, with its students, and the page to mark one of them by hand."""

import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import conditional_page, require_http_methods, require_safe

from attendance.api.permissions import signed_in
from attendance.lib.refusals import NotEnrolled
from attendance.models import AttendanceRecord, Meeting, MeetingState, RosterEntry, User
from attendance.queries.labels import own_labels
from attendance.queries.not_enrolled_then import students_not_enrolled_then
from attendance.queries.scan_traces import scan_traces
from attendance.queries.shared_devices import shared_devices
from attendance.records.locks import RegisterLocked
from attendance.stats import meeting_stats
from attendance.timetable import planned_now
from qrsessions.codes.addresses import is_unreachable, shown_host
from qrsessions.forms.teachers import CorrectionForm, StudentForm
from qrsessions.models import GroupSession, QRSession, SessionStatus
from qrsessions.queries.access import check_may_correct, find_meeting, find_session
from qrsessions.queries.arrivals import arrivals_of
from qrsessions.queries.groups import sessions_in
from qrsessions.queries.rosters import roster_in_order
from qrsessions.queries.waiting_scans import waiting_scans
from qrsessions.services import corrections
from qrsessions.views.access import session_or_group, teacher_page
from qrsessions.views.session_context import STEP_WORDS, page_urls, shows_joined
from qrsessions.views.student_list import list_context, not_enrolled_then, student_row


@teacher_page
@require_safe
def session_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """One session: its buttons, live counts and students."""
    user, at = signed_in(request), timezone.now()
    today = timezone.localdate(at)
    try:
        session = find_session(user, public_id, on=today)
    except Http404:
        # A tab that was open when the session was discarded.
        if find_meeting(user, public_id, on=today).state == MeetingState.DISCARDED:
            return redirect("qrsessions:history", public_id)
        raise
    group = session.meeting.group
    shared, traces = shared_devices(session.meeting), scan_traces(session.meeting)
    roster = roster_in_order(session.meeting)
    rows = [student_row(session, entry, shared=shared, traces=traces) for entry in roster]
    stats = meeting_stats([session.meeting], at=at)[session.meeting_id]
    is_locked = session.meeting.is_locked(on=today)
    context = {
        "session": session,
        "group": group,
        "own_group": group and GroupSession.objects.run_by(user, on=today).filter(group=group).exists(),
        "urls": page_urls(session),
        "section": session.meeting.section,
        "other_classes": _other_classes(session, by=user, at=at),
        "is_cancelled": session.meeting.state == MeetingState.CANCELLED,
        "is_locked": is_locked,
        "may_run": session.may_run,
        "may_correct": session.may_correct and not is_locked,
        "may_manage": session.may_manage,
        "steps": STEP_WORDS.items(),
        "stats": stats,
        "shows_joined": shows_joined(session.status, stats),
        "waiting": waiting_scans([session]),
        "not_enrolled_then": not_enrolled_then([session]),
        "curve": arrivals_of(session, [session]),
        "host": shown_host(request),
        "is_unreachable": is_unreachable(request),
        **list_context(rows),
    }
    return render(request, "qrsessions/session.html", context)


def _other_classes(session: QRSession, *, by: User, at: datetime.datetime) -> list[Meeting]:
    """The other classes on the timetable that an open session may be held for."""
    if session.status == SessionStatus.ENDED:
        return []
    section = session.meeting.section
    found = planned_now.candidates([section], by=by, at=at).get(section.pk, [])
    # One with an excuse cannot be exchanged for this one. It is opened from the home page.
    excused = set(AttendanceRecord.objects.filter(meeting__in=found).values_list("meeting", flat=True))
    return [meeting for meeting in found if meeting.pk not in excused]


@teacher_page
@require_safe
@conditional_page
def curve(request: HttpRequest, public_id: str) -> HttpResponse:
    """The part of a session's or group session's page with the curve of arrivals; 304 if it has not changed."""
    found = session_or_group(request, public_id)
    context = {"curve": arrivals_of(found, sessions_in(found)), "urls": page_urls(found)}
    return render(request, "qrsessions/parts/arrivals.html", context)


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def mark(request: HttpRequest, public_id: str) -> HttpResponse:
    """Mark one student by hand. With scripts, the list of students does it in place."""
    user, at = signed_in(request), timezone.now()
    session = find_session(user, public_id, on=timezone.localdate(at))
    check_may_correct(session)
    entry = _entry(session, request.POST if request.method == "POST" else request.GET)
    own = own_labels()
    form = CorrectionForm(own, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            entry = corrections.correct(
                session=session,
                student=entry.student,
                status=form.chosen_status,
                label=form.cleaned_data["label"],
                reason=form.chosen_reason,
                by=user,
                at=at,
                note=form.cleaned_data["note"],
                may_add=session.may_manage,
            )
        except NotEnrolled as error:
            raise Http404 from error
        except RegisterLocked as refused:
            messages.error(request, refused.detail)
            return redirect("qrsessions:session", public_id)
        words = {"name": entry.student.name, "state": student_row(session, entry).word}
        messages.success(request, _("%(name)s: %(state)s.") % words)
        return redirect("qrsessions:session", public_id)
    context: dict[str, Any] = {
        "session": session,
        "row": student_row(session, entry),
        "form": form,
        "own": own,
    }
    return render(request, "qrsessions/mark.html", context, status=400 if form.is_bound else 200)


def _entry(session: QRSession, data: QueryDict) -> RosterEntry:
    """The roster entry of the student named in the address or form, who may be one to be added; else 404."""
    form = StudentForm(data)
    if not form.is_valid():
        raise Http404
    wanted = form.cleaned_data["student"]
    roster = session.meeting.roster.with_labels().select_related("student")
    if entry := roster.filter(student__student_id=wanted).first():
        return entry
    for entry in students_not_enrolled_then([session.meeting]):
        if entry.student.student_id == wanted:
            return entry
    raise Http404
