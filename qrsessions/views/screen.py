"""The hall's screen of a session or of a group session: the QR code that changes, the code to type, large live numbers."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers, patch_cache_control
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from attendance.stats import Stats, meeting_stats
from qrsessions import groups, tokens
from qrsessions.addresses import join_url, scan_url, shown_host
from qrsessions.group_overview import Member, group_overview
from qrsessions.latest import latest_students
from qrsessions.models import GroupSession, QRSession, SessionStatus
from qrsessions.qr_images import qr_svg
from qrsessions.serializers import shown_token
from qrsessions.views.access import find_source, teacher_page, teachers_only
from qrsessions.views.buttons import addresses_of

# With more sections than these, a line for each could no longer be read from the last row.
MOST_SECTIONS = 24
# The images of so many steps to come are given out, so that a screen goes on while its network is away for 10 s.
STEPS_AHEAD = 2
# The steps of a session's life that a presenter's keyboard can take.
SCREEN_STEPS = ("lock", "start", "end")


@dataclass(frozen=True)
class Shown:
    """What the hall sees beside the code. ``members`` are a group's sections, where all can be shown.

    ``late_from``: from when on a scan is late, in a group in the first of its sections; ``late_differs``: not all sections of the group are late from the same moment on.
    """

    title: str
    subtitle: str
    status: str
    stats: Stats
    members: Sequence[Member] = ()
    total_sections: int | None = None
    late_from: datetime.datetime | None = None
    late_differs: bool = False


@teacher_page
@require_safe
def screen(request: HttpRequest, public_id: str) -> HttpResponse:
    """The page for the projector, in every state. No student's name is on it unless the teacher turned that on."""
    source = find_source(request, public_id)
    if isinstance(source, QRSession) and source.meeting.group:
        # Its code is the group's.
        return redirect("qrsessions:group-screen", source.meeting.group.public_id)
    at = timezone.now()
    shown = _shown(source, at)
    context = {
        "shown": shown,
        "urls": addresses_of(source) | _more_addresses_of(source),
        "host": shown_host(request),
        "join_policy": source.join_policy,
        "names_on_screen": source.names_on_screen,
        "latest": latest_students(source) if source.names_on_screen else [],
        "token": shown_token(source, request=request, at=at, late_from=shown.late_from)
        if shown.status == SessionStatus.ACTIVE
        else None,
        "step": tokens.step_at(at),
        "step_seconds": settings.QR_STEP_SECONDS,
        "steps_accepted": settings.QR_STEPS_ACCEPTED,
        "steps_ahead": STEPS_AHEAD,
        "now": at,
    }
    return render(request, "qrsessions/screen.html", context)


@teachers_only
@require_safe
def token_image(request: HttpRequest, public_id: str) -> HttpResponse:
    """The QR code of the step that ``?step=`` asks for, if that is the present one or one of the next two; else of the present one.

    The image of a step is always the same, and is kept by the browser for as long as its code is accepted.
    """
    source = find_source(request, public_id)
    if _status_of(source) != SessionStatus.ACTIVE:
        raise Http404
    at = timezone.now()
    now = tokens.step_at(at)
    given = {str(step): step for step in range(now, now + STEPS_AHEAD + 1)}
    asked = given.get(request.GET.get("step", ""))
    step = now if asked is None else asked
    token = tokens.make(public_id=source.public_id, secret=source.secret, step=step)
    response = _svg(scan_url(request, token))
    if asked is None:
        add_never_cache_headers(response)
    else:
        seconds = int((tokens.valid_until(step) - at).total_seconds())
        patch_cache_control(response, private=True, immutable=True, max_age=seconds)
    return response


@teacher_page
@require_safe
def join_image(request: HttpRequest, public_id: str) -> HttpResponse:
    """The QR code of the address at which students sign in and join."""
    return _svg(join_url(request, find_source(request, public_id).public_id))


def _more_addresses_of(source: QRSession | GroupSession) -> dict[str, str]:
    """Where the screen's own script asks and acts, beside what the buttons of other pages do."""
    kind = "group-" if isinstance(source, GroupSession) else ""
    return {
        f"api_{name}": reverse(f"qrsessions:api-{kind}{name}", args=[source.public_id])
        for name in (*SCREEN_STEPS, "latest")
    }


def _shown(source: QRSession | GroupSession, at: datetime.datetime) -> Shown:
    if isinstance(source, GroupSession):
        group = group_overview(source, at=at)
        number = len(group.members)
        words = ngettext("%(number)d section", "%(number)d sections", number) % {"number": number}
        return Shown(
            title=group.title,
            subtitle=words if number > 1 else group.members[0].label,
            status=group.session.status,
            stats=group.stats,
            members=group.members if 1 < number <= MOST_SECTIONS else (),
            total_sections=number,
            late_from=groups.late_from(member.session for member in group.members),
            late_differs=len({_late_rule(member.session) for member in group.members}) > 1,
        )
    section = source.meeting.section
    return Shown(
        title=str(section.course),
        subtitle=" · ".join(part for part in (section.name, section.term) if part),
        status=source.status,
        stats=meeting_stats([source.meeting], at=at)[source.meeting_id],
        late_from=source.late_from,
    )


def _late_rule(session: QRSession) -> tuple[int | None, datetime.datetime | None]:
    return session.meeting.section.late_after_minutes, session.started_at


def _status_of(source: QRSession | GroupSession) -> str | None:
    """``None`` for a session that is run with its group, and has no code of its own."""
    if isinstance(source, GroupSession):
        return groups.status_of(source)
    return None if source.meeting.group else source.status


def _svg(text: str) -> HttpResponse:
    return HttpResponse(qr_svg(text), content_type="image/svg+xml")
