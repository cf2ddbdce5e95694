"""The hall's screen: the QR code that changes, the code to type, and large live numbers."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from attendance.stats import meeting_stats
from qrsessions import tokens
from qrsessions.addresses import public_url, scan_url, shown_host
from qrsessions.models import SessionStatus
from qrsessions.qr_images import qr_svg
from qrsessions.serializers import shown_token
from qrsessions.views.access import find_session, teacher_page


@teacher_page
@require_safe
def screen(request: HttpRequest, public_id: str) -> HttpResponse:
    """The page for the projector, in every state of the session. No student's name is on it."""
    session = find_session(request, public_id)
    at = timezone.now()
    active = session.status == SessionStatus.ACTIVE
    context = {
        "session": session,
        "section": session.meeting.section,
        "stats": meeting_stats([session.meeting], at=at)[session.meeting_id],
        "host": shown_host(request),
        "shown": shown_token(session, request=request, at=at) if active else None,
        "step": tokens.step_at(at),
        "step_seconds": settings.QR_STEP_SECONDS,
    }
    return render(request, "qrsessions/screen.html", context)


@teacher_page
@require_safe
def token_image(request: HttpRequest, public_id: str) -> HttpResponse:
    """The QR code of the present step; of the next one where ``?step=`` asks for it, so that it is there in time."""
    session = find_session(request, public_id)
    if session.status != SessionStatus.ACTIVE:
        raise Http404
    step = tokens.step_at(timezone.now())
    if request.GET.get("step") == str(step + 1):
        step += 1
    token = tokens.make(public_id=session.public_id, secret=session.secret, step=step)
    return _svg(scan_url(request, token))


@teacher_page
@require_safe
def join_image(request: HttpRequest, public_id: str) -> HttpResponse:
    """The QR code of the address at which students sign in and join."""
    find_session(request, public_id)
    return _svg(f"{public_url(request)}/".upper())


def _svg(text: str) -> HttpResponse:
    return HttpResponse(qr_svg(text), content_type="image/svg+xml")
