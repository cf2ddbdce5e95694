"""The student's page: what is open now.

``templates/qrsessions/parts/card.html`` has a session in each of its states. The page holds each state once more,
empty, in a ``<template>``: ``static/js/student_cards.js`` fills those from the API, so all words stay in one place.
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

from attendance.known_users import student_of
from attendance.models import RosterEntry, Section, Status, Student
from attendance.permissions import signed_in
from attendance.ratelimit import TooOften
from attendance.refusals import Refused
from attendance.stats import Source
from attendance.together import finished
from qrsessions import joining, scanning
from qrsessions.devices import device_of, with_device
from qrsessions.models import QRSession, SessionStatus
from qrsessions.own_sessions import OwnSession
from qrsessions.own_sessions import own_sessions as open_for
from qrsessions.sources import source_of
from qrsessions.student_forms import CodeForm, JoinForm
from qrsessions.views.answers import for_students_only, own_page, refusal_page
from qrsessions.views.scanner_policy import with_scanner

# Beside those of a mark; ``stateOf`` in static/js/student_cards.js decides in the same order.
STATES = ["scan", "choose", "join", "waiting", "not_joined", "locked"]
# What only the script says: the page of a moment ago had a session that is over now.
ENDED = "ended"
# The earlier meetings of today that an empty page shows.
EARLIER_SHOWN = 5


@dataclass(frozen=True)
class Card:
    """A session as its student sees it; the names are those of the slots that the script fills."""

    state: str
    id: str = ""
    group: str = ""
    course: str = ""
    section: str = ""
    title: str = ""
    teacher: str = ""
    time: datetime.datetime | None = None
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
            late_from=own.session.late_from,
            code_enabled=own.session.switches.code_enabled,
            joined=own.stats.total_joined,
            present=own.stats.total_present,
            total=own.stats.total_students,
            choices=own.choices,
        )


def state_of(own: OwnSession) -> str:
    """The one thing that a student is told of a session: a mark's status, or one of ``STATES``."""
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
# A third of the first page's weight; Django pads the answer at random against BREACH.
@gzip_page
def student(request: HttpRequest) -> HttpResponse:
    """What is open for the student now."""
    student = student_of(signed_in(request))
    if student is None:
        return for_students_only(request, status=200)
    now = timezone.now()
    open_now = open_for(student=student, at=now)
    cards = [Card.of(own) for own in open_now]
    context = {
        "cards": cards,
        "blanks": [Card(state) for state in [*Status.values, *STATES, ENDED]],
        "student": student,
        "join": request.GET.get("join", ""),
        "statuses": Status.values,
        "earlier": _ended_on(timezone.localdate(now), student),
        "has_code_form": any(card.state in ("scan", "not_joined") for card in cards),
        "redis_is_away": any(own.stats.source == Source.DATABASE for own in open_now),
    }
    return render(request, "qrsessions/student.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@with_device
@login_required
def join(request: HttpRequest) -> HttpResponse:
    """Join a session, or the own one of its group, without a script."""
    if request.method != "POST":
        # Back from signing in anew.
        return own_page()
    student = student_of(signed_in(request))
    if student is None:
        return for_students_only(request, status=403)
    form = JoinForm(request.POST)
    wanted = form.cleaned_data["session"].upper() if form.is_valid() else ""
    session = QRSession.objects.with_names().filter(meeting__public_id=wanted).first()
    if session is None:
        messages.error(request, _("This session does not exist."))
        return own_page()
    try:
        finished(
            joining.join(
                source=source_of(session),
                student=student,
                at=timezone.now(),
                section=form.cleaned_data["section"],
            )
        )
    except TooOften as refused:
        return refusal_page(request, refused)
    except Refused as refused:
        messages.error(request, str(refused.detail))
    return own_page()


@require_http_methods(["GET", "HEAD", "POST"])
@with_device
@login_required
def mark_by_code(request: HttpRequest) -> HttpResponse:
    """Mark the student by the typed code, without a script."""
    if request.method != "POST":
        return own_page()
    student = student_of(signed_in(request))
    if student is None:
        return for_students_only(request, status=403)
    form = CodeForm(request.POST)
    if not form.is_valid():
        messages.error(
            request,
            " ".join(str(error) for error in form["code"].errors) or _("This session does not exist."),
        )
        return own_page()
    wanted = form.cleaned_data
    try:
        finished(
            scanning.mark_by_code(
                public_id=wanted["session"],
                code=wanted["code"],
                student=student,
                at=timezone.now(),
                device=device_of(request),
            )
        )
    except TooOften as refused:
        return refusal_page(request, refused)
    except Refused as refused:
        messages.error(request, str(refused.detail))
    return own_page()


def _ended_on(date: datetime.date, student: Student) -> list[RosterEntry]:
    """The student's meetings of the day that have ended, the newest first."""
    entries = RosterEntry.objects.filter(student=student, meeting__date=date, meeting__ended_at__isnull=False)
    entries = entries.select_related("meeting__section__course", "record")
    return list(entries.order_by("-meeting__starts_at")[:EARLIER_SHOWN])
