"""The teacher's pages of group sessions: opening one, running it, and its register."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from attendance.models import Section, User
from attendance.permissions import signed_in
from attendance.refusals import Refused
from attendance.shared_devices import shared_devices
from qrsessions import admitting, groups
from qrsessions.addresses import shown_host
from qrsessions.forms import AddSectionForm, OpenGroupForm
from qrsessions.group_overview import GroupOverview, group_overview, group_register
from qrsessions.lifecycle import SessionOpen
from qrsessions.models import GroupSession, QRSession, SessionStatus
from qrsessions.taught_sections import free_sections, last_group, sections_named, taught
from qrsessions.views.access import find_group, find_session, teacher_action, teacher_page
from qrsessions.views.buttons import STEP_WORDS, addresses_of, say_admitted, try_step
from qrsessions.views.registers import curve_of
from qrsessions.views.rows import StudentRow, list_context, student_row


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def open_group(request: HttpRequest) -> HttpResponse:
    """Pick sections, and run them as one. What was picked stays so where it is refused."""
    user, at = signed_in(request), timezone.now()
    form = OpenGroupForm(request.POST if request.method == "POST" else None)
    status = 400 if form.is_bound else 200
    if form.is_valid():
        try:
            sections = sections_named(user, form.cleaned_data["sections"])
            opened = _open(user, sections, form)
        except SessionOpen as refused:
            if running := _runs_already(user, sections):
                messages.info(request, _("This group is open already: here it is."))
                return redirect("qrsessions:group", running.public_id)
            form.add_error(None, str(refused.detail))
            status = refused.status
        except Refused as refused:
            form.add_error(None, str(refused.detail))
            status = refused.status
        else:
            return redirect("qrsessions:group", opened.public_id)
    picked = set(request.POST.getlist("sections"))
    context = {
        "form": form,
        # Those that can be picked come first.
        "picks": [
            (one, str(one.section.pk) in picked)
            for one in sorted(taught(user, at=at).sections, key=lambda one: one.running is not None)
        ],
        "last_group": last_group(user, at=at),
    }
    return render(request, "qrsessions/open_group.html", context, status=status)


@teacher_page
@require_safe
def group_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """One group session: its buttons, live counts and sections."""
    group_session = find_group(request, public_id)
    at = timezone.now()
    group = group_overview(group_session, at=at)
    has_ended = group.session.status == SessionStatus.ENDED
    context = {
        "group": group,
        "session": group.session,
        "stats": group.stats,
        "urls": addresses_of(group_session),
        "steps": STEP_WORDS.items(),
        "waiting": admitting.waiting_scans([member.session for member in group.members]),
        "curve": curve_of(group_session, [member.session for member in group.members]),
        **list_context(_rows(group) if has_ended else []),
        "free_sections": [] if has_ended else free_sections(signed_in(request), at=at),
        "host": shown_host(request),
    }
    return render(request, "qrsessions/group.html", context)


@teacher_action
def take_step(request: HttpRequest, public_id: str, step: str) -> HttpResponse:
    """Lock, unlock, start, end or reopen all sessions of the group."""
    group_session = find_group(request, public_id)
    by, at = signed_in(request), timezone.now()
    try_step(
        request,
        step,
        lambda: groups.take_group_step(group_session=group_session, step=step, by=by, at=at),
    )
    return redirect("qrsessions:group", public_id)


@teacher_action
def add_section(request: HttpRequest, public_id: str) -> HttpResponse:
    """Open a session for one more section, in the state in which the group is."""
    group_session = find_group(request, public_id)
    user = signed_in(request)
    form = AddSectionForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose the section to add."))
        return redirect("qrsessions:group", public_id)
    try:
        for section in sections_named(user, form.cleaned_data["section"]):
            groups.add_section(group_session=group_session, section=section, by=user, at=timezone.now())
            messages.success(request, _("%(section)s is part of the group now.") % {"section": section})
    except Refused as refused:
        messages.error(request, refused.detail)
    return redirect("qrsessions:group", public_id)


@teacher_action
def leave_group(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take a section's session out of its group: it goes on by itself."""
    session = find_session(request, public_id)
    try:
        groups.leave_group(session=session, by=signed_in(request), at=timezone.now())
    except Refused as refused:
        messages.error(request, refused.detail)
    else:
        text = _("%(section)s goes on by itself, with its own code and its own buttons.")
        messages.success(request, text % {"section": session.meeting.section})
    return redirect("qrsessions:session", public_id)


@teacher_action
def admit(request: HttpRequest, public_id: str) -> HttpResponse:
    """Admit the students who are named, or everybody of the group whose scan waits."""
    sessions = groups.members_of(find_group(request, public_id))
    named = request.POST.getlist("student") or None
    at = timezone.now()
    say_admitted(request, admitting.admit(sessions=sessions, student_ids=named, by=signed_in(request), at=at))
    return redirect("qrsessions:group", public_id)


@teacher_page
@require_safe
def register(request: HttpRequest, public_id: str) -> HttpResponse:
    """All students of the group's sections, each once, with their marks."""
    group_session = find_group(request, public_id)
    group = group_overview(group_session, at=timezone.now())
    context = {
        "group": group,
        "session": group.session,
        "stats": group.stats,
        "urls": addresses_of(group_session),
        **list_context(_rows(group)),
    }
    return render(request, "qrsessions/group_register.html", context)


def _rows(group: GroupOverview) -> list[StudentRow]:
    shared = shared_devices(group.session.meeting)
    return [
        student_row(member.session, entry, member.label, shared)
        for member, entry in group_register(group.members)
    ]


def _open(user: User, sections: Sequence[Section], form: OpenGroupForm) -> GroupSession:
    return groups.open_group(
        sections=sections,
        by=user,
        at=timezone.now(),
        join_policy=form.chosen_policy,
        title=form.cleaned_data["title"],
    )


def _runs_already(user: User, sections: Sequence[Section]) -> GroupSession | None:
    """The group session that runs with exactly these sections: what a second click wanted is already so."""
    running = (
        QRSession.objects.open()
        .filter(meeting__section__in=sections)
        .values_list("meeting__group", flat=True)
    )
    group_ids = set(running)
    if len(group_ids) != 1 or len(running) != len(sections):
        return None
    found = GroupSession.objects.visible_to(user).with_names().filter(pk__in=group_ids - {None}).first()
    return found if found and len(groups.members_of(found)) == len(sections) else None
