"""The screen for the projector: the changing QR code, the code to type, and large live numbers."""

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
from qrsessions.codes import tokens
from qrsessions.codes.addresses import is_unreachable, join_url, scan_url, shown_host
from qrsessions.codes.qr_images import qr_svg
from qrsessions.models import GroupSession, QRSession, SessionOrGroup, SessionStatus
from qrsessions.queries.arrivals import latest_students
from qrsessions.queries.groups import Member, group_overview, late_from, status_of
from qrsessions.serializers.sessions import shown_token
from qrsessions.views.access import session_or_group_to_run, teacher_page, teachers_only
from qrsessions.views.session_context import page_urls

# More lines than this could not be read from the last row.
MAX_SECTIONS = 24
# The screen fetches the images of the next steps ahead, so that it survives 10 s without network.
STEPS_AHEAD = 2
# The steps that the screen takes by keyboard.
SCREEN_STEPS = ("lock", "start", "end")


@dataclass(frozen=True)
class Shown:
    """What the screen shows beside the code.

    ``members`` are the sections of a group, empty if they are too many to show. ``late_from`` is when a scan is first late in
    one of the sections; ``late_differs`` if that is not the same in all of them.
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
    """The page for the projector. It shows students' names only if the teacher turned that on."""
    found = session_or_group_to_run(request, public_id)
    if isinstance(found, QRSession) and found.meeting.group:
        # A session of a group has no code of its own.
        return redirect("qrsessions:group-screen", found.meeting.group.public_id)
    at = timezone.now()
    shown = _shown(found, at)
    context = {
        "shown": shown,
        "urls": page_urls(found) | _screen_urls(found),
        "host": shown_host(request),
        "is_unreachable": is_unreachable(request),
        "join_policy": found.join_policy,
        "names_on_screen": found.names_on_screen,
        "latest": latest_students(found),
        "token": shown_token(found, request=request, at=at, late_from=shown.late_from)
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
    """The QR code of the step in ``?step=``, if it is the current one or one of the next two; else of the current one.

    The browser may cache the image of a step for as long as its code is accepted.
    """
    found = session_or_group_to_run(request, public_id)
    if _status_of(found) != SessionStatus.ACTIVE:
        raise Http404
    at = timezone.now()
    now = tokens.step_at(at)
    given = {str(step): step for step in range(now, now + STEPS_AHEAD + 1)}
    asked = given.get(request.GET.get("step", ""))
    step = now if asked is None else asked
    token = tokens.make(public_id=found.public_id, secret=found.secret, step=step)
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
    return _svg(join_url(request, session_or_group_to_run(request, public_id).public_id))


def _screen_urls(found: SessionOrGroup) -> dict[str, str]:
    """The addresses of the API that only the screen's script uses."""
    kind = "group-" if isinstance(found, GroupSession) else ""
    return {
        f"api_{name}": reverse(f"qrsessions:api-{kind}{name}", args=[found.public_id])
        for name in (*SCREEN_STEPS, "latest")
    }


def _shown(found: SessionOrGroup, at: datetime.datetime) -> Shown:
    if isinstance(found, GroupSession):
        group = group_overview(found, at=at)
        number = len(group.members)
        words = ngettext("%(number)d section", "%(number)d sections", number) % {"number": number}
        return Shown(
            title=group.title,
            subtitle=words if number > 1 else group.members[0].label,
            status=group.session.status,
            stats=group.stats,
            members=group.members if 1 < number <= MAX_SECTIONS else (),
            total_sections=number,
            late_from=late_from(member.session for member in group.members),
            late_differs=len({_late_rule(member.session) for member in group.members}) > 1,
        )
    section = found.meeting.section
    return Shown(
        title=str(section.course),
        subtitle=" · ".join(part for part in (section.name, section.term_name) if part),
        status=found.status,
        stats=meeting_stats([found.meeting], at=at)[found.meeting_id],
        late_from=found.late_from,
    )


def _late_rule(session: QRSession) -> tuple[int | None, datetime.datetime | None]:
    return session.meeting.section.late_after_minutes, session.started_at


def _status_of(found: SessionOrGroup) -> str | None:
    """``None`` for a session of a group, which has no code of its own."""
    if isinstance(found, GroupSession):
        return status_of(found)
    return None if found.meeting.group else found.status


def _svg(text: str) -> HttpResponse:
    return HttpResponse(qr_svg(text), content_type="image/svg+xml")
