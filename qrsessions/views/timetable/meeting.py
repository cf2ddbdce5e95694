"""The page of one meeting without a session: its register typed by hand; cancelling, moving, restoring and giving it."""

from collections.abc import Callable

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from attendance.api.permissions import signed_in
from attendance.lib.refusals import Refused
from attendance.models import Meeting, MeetingState, Status
from attendance.models.public_ids import can_name_a_meeting
from attendance.queries.labels import own_labels
from attendance.queries.teaching import substitutions
from attendance.timetable import substitutes
from qrsessions.forms.meetings import CancelForm, ExcuseForm, RegisterForm, TimesForm
from qrsessions.forms.teaching import ColleagueForm
from qrsessions.queries.access import (
    check_may_correct,
    check_may_manage,
    check_may_open_unplanned,
    check_may_run,
    find_register,
    find_section,
    find_section_to_manage,
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
        return _excuse(request, meeting) if "student" in request.POST else _save_register(request, meeting)
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
        if not Meeting.objects.visible_to(by, on=timezone.localdate()).filter(pk=meeting.pk).exists():
            # A substitute moved it out of the days that were given.
            return redirect("qrsessions:section", meeting.section_id)
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


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def give(request: HttpRequest, public_id: str) -> HttpResponse:
    """Give the meeting to a substitute. Only teachers of the section may, not the substitute itself."""
    user, today = signed_in(request), timezone.localdate()
    meeting = find_register(user, public_id, on=today)
    check_may_manage(find_section(user, meeting.section_id, on=today))
    form = ColleagueForm(request.POST or None)
    if form.is_valid():
        to = form.cleaned_data["colleague"]
        if _try(request, lambda: substitutes.give_meeting(meeting=meeting, to=to, by=user, on=today)):
            text = _("%(name)s has this class now, with all rights of a teacher.")
            messages.success(request, text % {"name": to.display_name})
        return _to_page(meeting)
    return _show(request, meeting, give_form=form, opened="give")


@teacher_action
def choose(request: HttpRequest, public_id: str) -> HttpResponse:
    """Say which planned class an open session is held for; without one, that it is not on the timetable."""
    by, at = signed_in(request), timezone.now()
    today = timezone.localdate(at)
    session = find_session(by, public_id, on=today)
    check_may_run(session)
    planned = None
    if wanted := request.POST.get("meeting", ""):
        own = Meeting.objects.run_by(by, on=today).filter(section=session.meeting.section_id)
        planned = _named(wanted, own)
    else:
        check_may_open_unplanned(by, [session.meeting.section], at=at)
    _try(request, lambda: meetings.choose_planned(session=session, planned=planned, by=by, at=at))
    return redirect("qrsessions:session", public_id)


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest, section_id: int) -> HttpResponse:
    """Attendance for another date: add a meeting, in the past or in the future."""
    user, today = signed_in(request), timezone.localdate()
    section = find_section_to_manage(user, section_id, on=today)
    instead = None
    if made_up := request.GET.get("makes_up") or request.POST.get("makes_up"):
        instead = _named(made_up, section.meetings.visible_to(user, on=today))
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


def _named(public_id: str, among: QuerySet[Meeting]) -> Meeting:
    """The meeting that a form or query names, else 404."""
    if not can_name_a_meeting(public_id):
        raise Http404
    return get_object_or_404(among, public_id=public_id)


def _changeable(request: HttpRequest, public_id: str) -> Meeting:
    """The meeting. POST needs the right to cancel and move it."""
    meeting = find_register(signed_in(request), public_id, on=timezone.localdate())
    if request.method == "POST":
        check_may_manage(meeting)
    return meeting


def _excuse(request: HttpRequest, meeting: Meeting) -> HttpResponse:
    """Excuse a student before the class, or with ``take_back`` take the excuse back."""
    entries = roster_in_order(meeting)
    form = ExcuseForm(entries, own_labels(), request.POST)
    if not form.is_valid():
        return _show(request, meeting, excuse_form=form)
    wanted = form.cleaned_data
    (student,) = (entry.student for entry in entries if entry.student.student_id == wanted["student"])
    status = None if "take_back" in request.POST else Status.EXCUSED
    by, at = signed_in(request), timezone.now()
    done = _try(
        request,
        lambda: meetings.enter(
            meeting=meeting,
            student=student,
            status=status,
            label=form.chosen_label,
            reason=form.chosen_reason,
            note=wanted["note"],
            by=by,
            at=at,
        ),
    )
    if done:
        text = _("%(name)s is excused.") if status else _("%(name)s is no longer excused.")
        messages.success(request, text % {"name": student.name})
    return _to_page(meeting)


def _save_register(request: HttpRequest, meeting: Meeting) -> HttpResponse:
    entries = roster_in_order(meeting)
    form = RegisterForm(entries, own_labels(), request.POST)
    if not form.is_valid():
        if form.has_wrong_status:
            messages.error(request, _("Choose one of the four statuses for each student."))
        else:
            messages.error(request, _("A label or a reason can no longer be chosen. Nothing was saved."))
        return _show(request, meeting)
    by, at = signed_in(request), timezone.now()
    try:
        changed = meetings.enter_many(meeting=meeting, marks=form.marks, by=by, at=at)
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
    give_form: ColleagueForm | None = None,
    excuse_form: ExcuseForm | None = None,
    opened: str = "",
    without: object = None,
) -> HttpResponse:
    """
    :param opened: the form that is open: ``cancel``, ``move`` or ``give``
    :param without: how many students have no status, if the register could not be saved for that
    """
    user, at = signed_in(request), timezone.now()
    section = find_section(user, meeting.section_id, on=timezone.localdate(at))
    entries = roster_in_order(meeting)
    own = own_labels()
    is_locked = meeting.is_locked(on=timezone.localdate(at))
    statuses = [(entry, entry.record.status if entry.record else None) for entry in entries]
    context = {
        "meeting": meeting,
        "section": section,
        "substitution": substitutions([meeting], reader=user).get(meeting.pk),
        "rows": statuses,
        "choices": [(status.value, status.label) for status in Status],
        "own": own,
        "has_begun": meeting.starts_at <= at,
        # The register of a session is on its own page.
        "can_be_typed": not hasattr(meeting, "session")
        and meeting.state in (MeetingState.PLANNED, MeetingState.HELD)
        and meeting.starts_at <= at
        and meeting.may_correct
        and not is_locked,
        "is_locked": is_locked,
        "is_not_taken": meeting.is_not_taken(at=at),
        "can_be_excused": meeting.state == MeetingState.PLANNED
        and meeting.starts_at > at
        and meeting.may_correct,
        "excused": [entry for entry, status in statuses if status == Status.EXCUSED],
        "can_move": meeting.state == MeetingState.PLANNED
        and not any(entry.record and (entry.record.status or entry.record.joined_at) for entry in entries),
        "cancel_form": cancel_form or CancelForm(),
        "move_form": move_form or TimesForm(initial=TimesForm.initial_of(meeting)),
        "give_form": give_form or ColleagueForm(),
        "excuse_form": excuse_form or ExcuseForm(entries, own),
        "opened": opened,
        "without": without,
    }
    is_refused = without or any(
        form and form.is_bound for form in (cancel_form, move_form, give_form, excuse_form)
    )
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
