"""The page of one meeting without a session: its register typed by hand, and cancelling, moving and restoring it."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from attendance.api.permissions import signed_in
from attendance.lib.refusals import Refused
from attendance.models import Meeting, MeetingState, Status
from qrsessions.forms.meetings import CancelForm, RegisterForm, TimesForm
from qrsessions.queries.access import (
    check_may_correct,
    check_may_run,
    find_register,
    find_section,
    find_session,
)
from qrsessions.queries.rosters import roster_in_order
from qrsessions.services import meetings
from qrsessions.views.access import teacher_action, teacher_page


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def meeting_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """The register of a meeting that has no session. POST saves it, and with ``finish`` says that the class was held."""
    meeting = find_register(signed_in(request), public_id, on=timezone.localdate())
    if hasattr(meeting, "session"):
        return redirect("qrsessions:session", public_id)
    if request.method == "POST":
        check_may_correct(meeting)
        return _save_register(request, meeting)
    return _show(request, meeting)


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    meeting = _changeable(request, public_id)
    form = CancelForm(request.POST or None)
    if form.is_valid():
        reason, by = form.cleaned_data["reason"], signed_in(request)
        done = _try(
            request, lambda: meetings.cancel(meeting=meeting, reason=reason, by=by, at=timezone.now())
        )
        if done:
            messages.success(request, _("The class is cancelled. It does not count for anyone."))
        return _to_page(meeting)
    return _show(request, meeting, cancel_form=form, opened="cancel")


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, public_id: str) -> HttpResponse:
    meeting = _changeable(request, public_id)
    form = TimesForm(request.POST or None, initial=TimesForm.initial_of(meeting))
    if form.is_valid():
        by, room = signed_in(request), form.cleaned_data["room"]
        done = _try(
            request,
            lambda: meetings.move(
                meeting=meeting,
                starts_at=form.starts_at,
                ends_at=form.ends_at,
                room=room,
                by=by,
                at=timezone.now(),
            ),
        )
        if done:
            messages.success(request, _("The class was moved."))
        return _to_page(meeting)
    return _show(request, meeting, move_form=form, opened="move")


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def restore(request: HttpRequest, public_id: str) -> HttpResponse:
    meeting = _changeable(request, public_id)
    if request.method == "POST":
        by = signed_in(request)
        if _try(request, lambda: meetings.restore(meeting=meeting, by=by, at=timezone.now())):
            messages.success(request, _("The class is no longer cancelled."))
    return _to_page(meeting)


@teacher_action
def choose(request: HttpRequest, public_id: str) -> HttpResponse:
    """Say which planned class an open session is held for; without one, that it is not on the timetable."""
    session = find_session(signed_in(request), public_id, on=timezone.localdate())
    check_may_run(session)
    wanted = request.POST.get("meeting", "")
    planned = (
        get_object_or_404(Meeting, section=session.meeting.section_id, public_id=wanted) if wanted else None
    )
    by, at = signed_in(request), timezone.now()
    _try(request, lambda: meetings.choose_planned(session=session, planned=planned, by=by, at=at))
    return redirect("qrsessions:session", public_id)


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest, section_id: int) -> HttpResponse:
    """Attendance for another date: add a meeting, in the past or in the future."""
    user = signed_in(request)
    section = find_section(user, section_id, on=timezone.localdate())
    if request.method == "POST":
        check_may_run(section)
    instead = None
    if made_up := request.GET.get("makes_up") or request.POST.get("makes_up"):
        instead = get_object_or_404(section.meetings, public_id=made_up)
    form = TimesForm(request.POST or None, initial=TimesForm.initial_of(instead) if instead else None)
    if form.is_valid():
        meeting = meetings.add_meeting(
            section=section,
            by=user,
            at=timezone.now(),
            room=form.cleaned_data["room"],
            makes_up=instead,
            starts_at=form.starts_at,
            ends_at=form.ends_at,
        )
        return _to_page(meeting)
    context = {"section": section, "form": form, "instead": instead}
    status = 400 if form.is_bound else 200
    return render(request, "qrsessions/timetable/add_meeting.html", context, status=status)


def _changeable(request: HttpRequest, public_id: str) -> Meeting:
    """The meeting. POST needs the right to cancel and move it."""
    meeting = find_register(signed_in(request), public_id, on=timezone.localdate())
    if request.method == "POST":
        check_may_run(meeting)
    return meeting


def _save_register(request: HttpRequest, meeting: Meeting) -> HttpResponse:
    entries = roster_in_order(meeting)
    form = RegisterForm([entry.student.student_id for entry in entries], request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose one of the four statuses for each student."))
        return _show(request, meeting)
    by, at = signed_in(request), timezone.now()
    try:
        changed = meetings.enter_many(meeting=meeting, statuses=form.statuses, by=by, at=at)
        if "finish" in request.POST:
            meetings.finish(
                meeting=meeting, by=by, at=timezone.now(), rest_absent=request.POST["finish"] == "absent"
            )
            messages.success(request, _("The register is saved, and the class counts."))
            return _to_page(meeting)
    except meetings.Incomplete as refused:
        return _show(request, meeting, without=refused.extra["total"])
    except Refused as refused:
        messages.error(request, refused.detail)
        return _to_page(meeting)
    if changed:
        text = ngettext("%(count)d entry saved.", "%(count)d entries saved.", changed)
        messages.success(request, text % {"count": changed})
    else:
        # With the script, each entry was saved when it was typed.
        messages.success(request, _("Your entries are saved. The class counts once you save its register."))
    return _to_page(meeting)


def _show(
    request: HttpRequest,
    meeting: Meeting,
    *,
    cancel_form: CancelForm | None = None,
    move_form: TimesForm | None = None,
    opened: str = "",
    without: object = None,
) -> HttpResponse:
    """
    :param opened: the form that is open: ``cancel`` or ``move``
    :param without: how many students have no status, if the register could not be saved for that
    """
    at = timezone.now()
    entries = roster_in_order(meeting)
    statuses = [(entry, entry.record.status if entry.record else None) for entry in entries]
    context = {
        "meeting": meeting,
        "section": meeting.section,
        "rows": statuses,
        "choices": [(status.value, status.label) for status in Status],
        "has_begun": meeting.starts_at <= at,
        "can_be_typed": meeting.state in (MeetingState.PLANNED, MeetingState.HELD)
        and meeting.starts_at <= at
        and meeting.may_correct,
        "is_not_taken": meeting.state == MeetingState.PLANNED
        and meeting.ends_at is not None
        and meeting.ends_at < at,
        "can_move": meeting.state == MeetingState.PLANNED and not any(status for _entry, status in statuses),
        "cancel_form": cancel_form or CancelForm(),
        "move_form": move_form or TimesForm(initial=TimesForm.initial_of(meeting)),
        "opened": opened,
        "without": without,
    }
    is_refused = without or any(form and form.is_bound for form in (cancel_form, move_form))
    return render(request, "qrsessions/timetable/meeting.html", context, status=400 if is_refused else 200)


def _try(request: HttpRequest, act: Callable[[], object]) -> bool:
    try:
        act()
    except Refused as refused:
        messages.error(request, refused.detail)
        return False
    return True


def _to_page(meeting: Meeting) -> HttpResponseRedirect:
    return redirect("qrsessions:meeting", meeting.public_id)
