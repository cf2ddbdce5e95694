"""The hall's screen of a session or of a group session: the QR code that changes, the code to type, large live numbers."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from attendance.stats import Stats, meeting_stats
from qrsessions import groups, tokens
from qrsessions.addresses import public_url, scan_url, shown_host
from qrsessions.group_overview import Member, group_overview
from qrsessions.models import GroupSession, QRSession, SessionStatus
from qrsessions.qr_images import qr_svg
from qrsessions.serializers import shown_token
from qrsessions.views.access import find_source, teacher_page
from qrsessions.views.buttons import addresses_of

# With more sections than these, a line for each could no longer be read from the last row.
MOST_SECTIONS = 24


@dataclass(frozen=True)
class Shown:
    """What the hall sees beside the code. ``members`` are a group's sections, where all can be shown."""

    title: str
    subtitle: str
    status: str
    stats: Stats
    members: Sequence[Member] = ()
    total_sections: int | None = None


@teacher_page
@require_safe
def screen(request: HttpRequest, public_id: str) -> HttpResponse:
    """The page for the projector, in every state. No student's name is on it."""
    source = find_source(request, public_id)
    if isinstance(source, QRSession) and source.meeting.group:
        # Its code is the group's.
        return redirect("qrsessions:group-screen", source.meeting.group.public_id)
    at = timezone.now()
    shown = _shown(source, at)
    context = {
        "shown": shown,
        "urls": addresses_of(source),
        "host": shown_host(request),
        "token": shown_token(source, request=request, at=at)
        if shown.status == SessionStatus.ACTIVE
        else None,
        "step": tokens.step_at(at),
        "step_seconds": settings.QR_STEP_SECONDS,
    }
    return render(request, "qrsessions/screen.html", context)


@teacher_page
@require_safe
def token_image(request: HttpRequest, public_id: str) -> HttpResponse:
    """The QR code of the present step; of the next one where ``?step=`` asks for it, so that it is there in time."""
    source = find_source(request, public_id)
    if _status_of(source) != SessionStatus.ACTIVE:
        raise Http404
    step = tokens.step_at(timezone.now())
    if request.GET.get("step") == str(step + 1):
        step += 1
    token = tokens.make(public_id=source.public_id, secret=source.secret, step=step)
    return _svg(scan_url(request, token))


@teacher_page
@require_safe
def join_image(request: HttpRequest, public_id: str) -> HttpResponse:
    """The QR code of the address at which students sign in and join."""
    find_source(request, public_id)
    return _svg(f"{public_url(request)}/".upper())


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
        )
    section = source.meeting.section
    return Shown(
        title=str(section.course),
        subtitle=" · ".join(part for part in (section.name, section.term) if part),
        status=source.status,
        stats=meeting_stats([source.meeting], at=at)[source.meeting_id],
    )


def _status_of(source: QRSession | GroupSession) -> str | None:
    """``None`` for a session that is run with its group, and has no code of its own."""
    if isinstance(source, GroupSession):
        return groups.status_of(source)
    return None if source.meeting.group else source.status


def _svg(text: str) -> HttpResponse:
    return HttpResponse(qr_svg(text), content_type="image/svg+xml")
