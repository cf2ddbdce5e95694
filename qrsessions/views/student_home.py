"""The student's home page: the sessions that are open now, as cards.

``templates/qrsessions/parts/card.html`` renders a session in each of its states. The page also has an empty card for each
state in a ``<template>``, which ``static/js/components/student_cards.js`` fills from the API, so the texts are written
only once.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_safe

from attendance.api.permissions import signed_in, student_of
from attendance.lib.rate_limits import TooOften
from attendance.lib.refusals import Refused
from attendance.models import MeetingState, RosterEntry, Section, Status, Student
from attendance.stats import Source
from qrsessions.codes.devices import device_of, is_program, with_device
from qrsessions.forms.students import CodeForm, JoinForm
from qrsessions.models import QRSession, SessionStatus
from qrsessions.queries.student_sessions import OwnSession
from qrsessions.queries.student_sessions import own_sessions as open_for
from qrsessions.queries.timetable import coming_classes
from qrsessions.services import joining, scanning
from qrsessions.views.access import with_scanner
from qrsessions.views.responses import not_a_student_page, refusal_page, to_student_home

# The states of a card besides a mark's status. ``stateOf`` in static/js/components/student_cards.js decides in the same order.
STATES = ["scan", "choose", "join", "waiting", "not_joined", "locked"]
# Only the script shows this state, when a session ends while the page is open.
ENDED = "ended"
# Also only the script: a mark whose status the page does not know.
OTHER = "other"
# How many of today's earlier meetings an empty page lists.
EARLIER_SHOWN = 5


@dataclass(frozen=True)
class Card:
    """A session as the student sees it. The script fills slots with the same names as the fields."""

    state: str
    id: str = ""
    group: str = ""
    course: str = ""
    section: str = ""
    title: str = ""
    teacher: str = ""
    time: datetime.datetime | None = None
    label: str = ""
    late_from: datetime.datetime | None = None
    code_enabled: bool = True
    joined: int = 0
    present: int = 0
    total: int = 0
    choices: Sequence[Section] = ()

    @classmethod
    def of(cls, own: OwnSession) -> Card:
        section = own.session.meeting.section
        return cls(
            state=state_of(own),
            id=own.session.public_id,
            group=own.session.meeting.group.public_id if own.session.meeting.group else "",
            course=section.course.code,
            section=section.name,
            title=section.course.title,
            teacher=own.session.opened_by.display_name,
            time=own.marked_at,
            label=own.label or "",
            late_from=own.session.late_from,
            code_enabled=own.session.run_as.code_enabled,
            joined=own.stats.total_joined,
            present=own.stats.total_present,
            total=own.stats.total_students,
            choices=own.choices,
        )


def state_of(own: OwnSession) -> str:
    """The state of the card: a mark's status, or one of ``STATES``."""
    if own.mark:
        return own.mark
    if own.can_scan:
        return "scan"
    if own.can_join:
        return "choose" if own.choices else "join"
    if own.joined_at:
        return "waiting"
    return "not_joined" if own.session.status == SessionStatus.ACTIVE else "locked"


@require_safe
@never_cache
@with_device
@login_required
@with_scanner
# Makes the page a third of its size. Django pads it at random against BREACH.
@gzip_page
def student(request: HttpRequest) -> HttpResponse:
    """What is open for the student now."""
    student = student_of(signed_in(request))
    if student is None:
        return not_a_student_page(request, status=200)
    now = timezone.now()
    open_now = open_for(student=student, at=now)
    cards = [Card.of(own) for own in open_now]
    context = {
        "cards": cards,
        "blanks": [Card(state) for state in [*Status.values, *STATES, ENDED, OTHER]],
        "student": student,
        "join": request.GET.get("join", ""),
        "statuses": Status.values,
        "earlier": _ended_on(timezone.localdate(now), student),
        # While a class is open, nothing else matters.
        "coming": [] if cards else coming_classes(student, at=now),
        "has_code_form": any(card.state in ("scan", "not_joined") for card in cards),
        "redis_is_away": any(own.stats.source == Source.DATABASE for own in open_now),
    }
    return render(request, "qrsessions/student.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@with_device
@login_required
def join(request: HttpRequest) -> HttpResponse:
    """Join a session, or the student's own session of its group, without a script."""
    if request.method != "POST":
        # After signing in again.
        return to_student_home()
    student = student_of(signed_in(request))
    if student is None:
        return not_a_student_page(request, status=403)
    form = JoinForm(request.POST)
    wanted = form.cleaned_data["session"].upper() if form.is_valid() else ""
    session = QRSession.objects.with_names().filter(meeting__public_id=wanted).first()
    if session is None:
        messages.error(request, _("This session does not exist."))
        return to_student_home()
    try:
        joining.join(
            session_or_group=session.run_as,
            student=student,
            at=timezone.now(),
            section=form.cleaned_data["section"],
        )
    except TooOften as refused:
        return refusal_page(request, refused)
    except Refused as refused:
        messages.error(request, str(refused.detail))
    return to_student_home()


@require_http_methods(["GET", "HEAD", "POST"])
@with_device
@login_required
def mark_by_code(request: HttpRequest) -> HttpResponse:
    """Mark the student by typed code, without a script."""
    if request.method != "POST":
        return to_student_home()
    student = student_of(signed_in(request))
    if student is None:
        return not_a_student_page(request, status=403)
    form = CodeForm(request.POST)
    if not form.is_valid():
        messages.error(
            request,
            " ".join(str(error) for error in form["code"].errors) or _("This session does not exist."),
        )
        return to_student_home()
    wanted = form.cleaned_data
    try:
        scanning.mark_by_code(
            public_id=wanted["session"],
            code=wanted["code"],
            student=student,
            at=timezone.now(),
            device=device_of(request),
            by_program=is_program(request),
        )
    except TooOften as refused:
        return refusal_page(request, refused)
    except Refused as refused:
        messages.error(request, str(refused.detail))
    return to_student_home()


def _ended_on(date: datetime.date, student: Student) -> list[RosterEntry]:
    """The student's meetings of the day that have ended, newest first."""
    entries = RosterEntry.objects.filter(
        student=student, meeting__date=date, meeting__state=MeetingState.HELD
    )
    entries = entries.with_labels().select_related("meeting__section__course", "meeting__section__term")
    return list(entries.order_by("-meeting__starts_at")[:EARLIER_SHOWN])
