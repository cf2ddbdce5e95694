"""The teacher's buttons that a session and a group session have in common."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from attendance.api.permissions import signed_in
from attendance.lib.refusals import Refused
from attendance.models import MeetingState, Status
from attendance.records import session_end
from attendance.records.locks import RegisterLocked
from qrsessions.forms.teachers import SettingsForm, StepForm
from qrsessions.models import GroupSession, SessionOrGroup, SessionStatus
from qrsessions.queries.access import check_may_correct, find_meeting
from qrsessions.queries.groups import sessions_in
from qrsessions.queries.rosters import BulkTarget, is_unmarked, unmarked_students
from qrsessions.services import admitting, corrections, discarding, groups, lifecycle
from qrsessions.services.settings import change_settings
from qrsessions.views.access import (
    page_of,
    session_or_group,
    session_or_group_to_run,
    teacher_action,
    teacher_page,
)
from qrsessions.views.session_context import page_urls

# What the two buttons enter.
STATUS_OF = {BulkTarget.JOINED: Status.PRESENT, BulkTarget.UNMARKED: Status.ABSENT}


@teacher_action
def take_step(request: HttpRequest, public_id: str, step: str) -> HttpResponse:
    """Lock, unlock, start, end or reopen a session, or all sessions of a group."""
    found, by, at = session_or_group_to_run(request, public_id), signed_in(request), timezone.now()
    # The dialog has asked already. Without scripts, a page asks.
    if step == "end" and "confirmed" not in request.POST and is_unmarked(found):
        return _ask_to_discard(request, found, is_ending=True)
    form = StepForm(request.POST)
    form.full_clean()
    seen_at = form.cleaned_data.get("seen_at")
    try:
        if isinstance(found, GroupSession):
            groups.take_group_step(group_session=found, step=step, by=by, at=at, seen_at=seen_at)
        else:
            lifecycle.take_step(session=found, step=step, by=by, at=at, seen_at=seen_at)
    except lifecycle.WrongState as refused:
        # After a double click, or a colleague's click, the session is already as wanted: say nothing.
        if refused.extra["status"] != lifecycle.STEPS[step].after:
            messages.error(request, refused.detail)
    except Refused as refused:
        messages.error(request, refused.detail)
    return redirect(page_of(found), public_id)


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def discard(request: HttpRequest, public_id: str) -> HttpResponse:
    """Discard a session or group session that was opened by mistake, after asking."""
    by, at = signed_in(request), timezone.now()
    try:
        found = session_or_group_to_run(request, public_id)
    except Http404:
        # Pressed twice, or discarded by a colleague.
        if find_meeting(by, public_id, on=timezone.localdate(at)).state == MeetingState.DISCARDED:
            return redirect("qrsessions:history", public_id)
        raise
    if request.method != "POST":
        return _ask_to_discard(request, found)
    section = sessions_in(found)[0].meeting.section_id
    try:
        if isinstance(found, GroupSession):
            discarding.discard_group(group_session=found, by=by, at=at)
        else:
            discarding.discard(session=found, by=by, at=at)
    except Refused as refused:
        messages.error(request, refused.detail)
        return redirect(page_of(found), public_id)
    messages.success(request, _("The session was discarded. It does not count for anybody."))
    if isinstance(found, GroupSession):
        return redirect("qrsessions:sections")
    return redirect("qrsessions:section", section)


def _ask_to_discard(request: HttpRequest, found: SessionOrGroup, *, is_ending: bool = False) -> HttpResponse:
    """
    :param is_ending: ask whether to end the session or to discard it
    """
    context = {"urls": page_urls(found), "is_ending": is_ending, "sessions": sessions_in(found)}
    return render(request, "qrsessions/discard.html", context)


@teacher_action
def admit(request: HttpRequest, public_id: str) -> HttpResponse:
    """Admit the students who are named, or everybody whose scan waits."""
    found = session_or_group_to_run(request, public_id)
    student_ids = request.POST.getlist("student") or None
    try:
        admitted = admitting.admit(
            sessions=sessions_in(found),
            student_ids=student_ids,
            by=signed_in(request),
            at=timezone.now(),
            may_add=found.may_manage,
        )
    except RegisterLocked as refused:
        messages.error(request, refused.detail)
        return redirect(page_of(found), public_id)
    if admitted:
        text = ngettext("%(count)d student admitted.", "%(count)d students admitted.", admitted)
        messages.success(request, text % {"count": admitted})
    else:
        messages.info(request, _("There was no one left to admit."))
    return redirect(page_of(found), public_id)


@teacher_action
def settings(request: HttpRequest, public_id: str) -> HttpResponse:
    """Set the settings of a session or a group session as the form has them."""
    found = session_or_group_to_run(request, public_id)
    form = SettingsForm(request.POST)
    form.full_clean()
    try:
        change_settings(
            session_or_group=found, to=form.cleaned_data, by=signed_in(request), at=timezone.now()
        )
    except Refused as refused:
        messages.error(request, refused.detail)
    else:
        messages.success(request, _("Settings saved."))
    return redirect(page_of(found), public_id)


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def bulk(request: HttpRequest, public_id: str) -> HttpResponse:
    """Mark many students after asking with their number. With scripts, the list of students asks in place."""
    found = session_or_group(request, public_id)
    check_may_correct(found)
    urls = page_urls(found)
    asked = request.POST if request.method == "POST" else request.GET
    try:
        target = BulkTarget(asked.get("of", ""))
    except ValueError:
        messages.error(request, _("Choose which students to mark."))
        return redirect(urls["page"])
    if request.method == "POST":
        by, at = signed_in(request), timezone.now()
        status = STATUS_OF[target]
        try:
            changed = corrections.mark_many(
                session_or_group=found, target=target, status=status, by=by, at=at
            )
        except RegisterLocked as refused:
            messages.error(request, refused.detail)
        else:
            _say_changed(request, changed)
        return redirect(urls["list"])
    sessions = sessions_in(found)
    context = {
        "urls": urls,
        "of": target.value,
        "number": len(unmarked_students(found, target).chosen),
        "has_ended": sessions[0].status == SessionStatus.ENDED,
        "is_not_taken": session_end.are_held_without_statuses([session.meeting for session in sessions]),
    }
    return render(request, "qrsessions/bulk.html", context)


def _say_changed(request: HttpRequest, changed: int) -> None:
    if changed:
        text = ngettext("%(count)d student marked.", "%(count)d students marked.", changed)
        messages.success(request, text % {"count": changed})
    else:
        messages.info(request, _("There was no one left to mark."))
