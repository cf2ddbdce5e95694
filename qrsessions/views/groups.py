"""The teacher's pages of group sessions: opening one, running it, and its register."""

import datetime
from collections.abc import Sequence

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from attendance.api.permissions import signed_in
from attendance.lib.refusals import Refused
from attendance.models import Section, User
from attendance.queries.scan_traces import scan_traces
from attendance.queries.shared_devices import shared_devices
from qrsessions.codes.addresses import is_unreachable, shown_host
from qrsessions.forms.teachers import AddSectionForm, FindSectionForm, OpenGroupForm, SectionIdsField
from qrsessions.models import GroupSession, QRSession, SessionStatus
from qrsessions.queries.access import check_may_run, find_group, find_session
from qrsessions.queries.arrivals import arrivals_of
from qrsessions.queries.dashboard import free_sections, last_group, picks, sections_named
from qrsessions.queries.groups import (
    GroupOverview,
    group_overview,
    group_register,
    late_students,
    members_of,
)
from qrsessions.queries.waiting_scans import waiting_scans
from qrsessions.services import groups
from qrsessions.services.lifecycle import SessionOpen
from qrsessions.views.access import teacher_action, teacher_page
from qrsessions.views.second_session import ask_if_again
from qrsessions.views.session_context import STEP_WORDS, page_urls, shows_joined
from qrsessions.views.student_list import StudentRow, list_context, not_enrolled_then, student_row


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def open_group(request: HttpRequest) -> HttpResponse:
    """Pick sections and open them as one group session.

    If that is refused, or the button that finds sections was pressed, the form keeps what was picked.
    """
    user, at = signed_in(request), timezone.now()
    is_opening = request.method == "POST" and "find" not in request.POST
    form = OpenGroupForm(request.POST if is_opening else None, initial=request.POST.dict())
    status = 400 if form.is_bound else 200
    if form.is_valid():
        try:
            sections = sections_named(user, form.cleaned_data["sections"], on=timezone.localdate(at))
            if question := ask_if_again(request, sections, form, at=at):
                return question
            opened = _open(user, sections, form)
        except SessionOpen as refused:
            if running := _open_already(user, sections, on=timezone.localdate(at)):
                messages.info(request, _("This group session is already open."))
                return redirect("qrsessions:group", running.public_id)
            form.add_error(None, str(refused.detail))
            status = refused.status
        except Refused as refused:
            form.add_error(None, str(refused.detail))
            status = refused.status
        else:
            return redirect("qrsessions:group", opened.public_id)
    picked = _picked(request)
    search = FindSectionForm(request.POST).search
    found = picks(user, at=at, search=search, picked=picked)
    context = {
        "form": form,
        "picks": [(one, one.section.pk in picked) for one in found.sections],
        "total": found.total,
        "search": search,
        # A short list is filtered by the page's script.
        "is_long": bool(search) or found.is_cut,
        "last_group": last_group(user, at=at),
    }
    return render(request, "qrsessions/open_group.html", context, status=status)


@teacher_page
@require_safe
def group_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """One group session: its buttons, live counts and sections."""
    user, at = signed_in(request), timezone.now()
    group_session = find_group(user, public_id, on=timezone.localdate(at))
    group = group_overview(group_session, at=at)
    has_ended = group.session.status == SessionStatus.ENDED
    courses = {member.session.meeting.section.course for member in group.members}
    may_add = group_session.may_run and not has_ended
    free, is_cut = free_sections(user, at=at, courses=courses) if may_add else ([], False)
    context = {
        "group": group,
        "session": group.session,
        "stats": group.stats,
        "shows_joined": shows_joined(group.session.status, group.stats),
        "urls": page_urls(group_session),
        "may_run": group_session.may_run,
        "may_correct": group_session.may_correct,
        "steps": STEP_WORDS.items(),
        "waiting": waiting_scans([member.session for member in group.members]),
        "curve": arrivals_of(group_session, [member.session for member in group.members]),
        **list_context(_rows(group) if has_ended else []),
        "total_late": late_students(group_session),
        "free_sections": free,
        "only_same_courses": is_cut,
        "host": shown_host(request),
        "is_unreachable": is_unreachable(request),
    }
    return render(request, "qrsessions/group.html", context)


@teacher_action
def add_section(request: HttpRequest, public_id: str) -> HttpResponse:
    """Add a section to the group."""
    user, at = signed_in(request), timezone.now()
    group_session = find_group(user, public_id, on=timezone.localdate(at))
    check_may_run(group_session)
    form = AddSectionForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose the section to add."))
        return redirect("qrsessions:group", public_id)
    try:
        sections = sections_named(user, form.cleaned_data["section"], on=timezone.localdate(at))
        if question := ask_if_again(request, sections, form, at=at):
            return question
        for section in sections:
            groups.add_section(group_session=group_session, section=section, by=user, at=at)
            messages.success(request, _("%(section)s has been added to the group.") % {"section": section})
    except Refused as refused:
        messages.error(request, refused.detail)
    return redirect("qrsessions:group", public_id)


@teacher_action
def leave_group(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take a section's session out of its group; it continues by itself."""
    user, at = signed_in(request), timezone.now()
    session = find_session(user, public_id, on=timezone.localdate(at))
    check_may_run(session)
    try:
        groups.leave_group(session=session, by=user, at=at)
    except Refused as refused:
        messages.error(request, refused.detail)
    else:
        text = _("%(section)s now runs on its own, with its own code and buttons.")
        messages.success(request, text % {"section": session.meeting.section})
    return redirect("qrsessions:session", public_id)


@teacher_page
@require_safe
def register(request: HttpRequest, public_id: str) -> HttpResponse:
    """All students of the group, each once, with their marks."""
    at = timezone.now()
    group_session = find_group(signed_in(request), public_id, on=timezone.localdate(at))
    group = group_overview(group_session, at=at)
    context = {
        "group": group,
        "session": group.session,
        "stats": group.stats,
        "shows_joined": shows_joined(group.session.status, group.stats),
        "urls": page_urls(group_session),
        "may_correct": group_session.may_correct,
        "not_enrolled_then": not_enrolled_then([member.session for member in group.members]),
        **list_context(_rows(group)),
    }
    return render(request, "qrsessions/group_register.html", context)


def _rows(group: GroupOverview) -> list[StudentRow]:
    meeting = group.session.meeting
    shared, traces = shared_devices(meeting), scan_traces(meeting)
    return [
        student_row(member.session, entry, member.label, shared, traces)
        for member, entry in group_register(group.members)
    ]


def _picked(request: HttpRequest) -> set[int]:
    try:
        return set(SectionIdsField().to_python(request.POST.getlist("sections")))
    except ValidationError:
        return set()


def _open(user: User, sections: Sequence[Section], form: OpenGroupForm) -> GroupSession:
    return groups.open_group(
        sections=sections,
        by=user,
        at=timezone.now(),
        join_policy=form.chosen_policy,
        title=form.cleaned_data["title"],
    )


def _open_already(user: User, sections: Sequence[Section], *, on: datetime.date) -> GroupSession | None:
    """The open group session with exactly these sections, if there is one, as after a double click."""
    running = (
        QRSession.objects.open()
        .filter(meeting__section__in=sections)
        .values_list("meeting__group", flat=True)
    )
    group_ids = set(running)
    if len(group_ids) != 1 or len(running) != len(sections):
        return None
    own = GroupSession.objects.run_by(user, on=on).with_names()
    found = own.filter(pk__in=group_ids - {None}).first()
    return found if found and len(members_of(found)) == len(sections) else None
