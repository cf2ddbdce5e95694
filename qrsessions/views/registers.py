"""Parts of the pages of a session and of a group session that are about all of their students at once."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import conditional_page, require_http_methods, require_safe

from attendance.models import Status
from attendance.permissions import signed_in
from qrsessions import arrivals, bulk_marks, groups
from qrsessions.arrivals import Arrivals
from qrsessions.models import GroupSession, QRSession
from qrsessions.views.access import find_source, teacher_page
from qrsessions.views.buttons import addresses_of

# What the two buttons enter.
STATUS_OF = {bulk_marks.Of.JOINED: Status.PRESENT, bulk_marks.Of.UNMARKED: Status.ABSENT}


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def bulk(request: HttpRequest, public_id: str) -> HttpResponse:
    """Asks, naming the number, before it marks many students; the page of the list asks in place by script."""
    source = find_source(request, public_id)
    urls = addresses_of(source)
    asked = request.POST if request.method == "POST" else request.GET
    try:
        of = bulk_marks.Of(asked.get("of", ""))
    except ValueError:
        messages.error(request, _("Choose whom to mark."))
        return redirect(urls["page"])
    if request.method == "POST":
        by, at = signed_in(request), timezone.now()
        changed = bulk_marks.mark_many(source=source, of=of, status=STATUS_OF[of], by=by, at=at)
        _say_changed(request, changed)
        return redirect(urls["list"])
    number = len(bulk_marks.unmarked(source, of).chosen)
    return render(request, "qrsessions/bulk.html", {"urls": urls, "of": of.value, "number": number})


@teacher_page
@require_safe
@conditional_page
def curve(request: HttpRequest, public_id: str) -> HttpResponse:
    """The part of the page with the curve of arrivals; 304 where it is as it was."""
    source = find_source(request, public_id)
    sessions = groups.members_of(source) if isinstance(source, GroupSession) else [source]
    context = {"curve": curve_of(source, sessions), "urls": addresses_of(source)}
    return render(request, "qrsessions/parts/arrivals.html", context)


def curve_of(source: QRSession | GroupSession, sessions: Sequence[QRSession]) -> Arrivals | None:
    """The curve of a session, or of all the sessions of a group."""
    return arrivals.arrivals(
        [session.meeting for session in sessions],
        opened_at=source.created_at,
        ended_at=sessions[0].ended_at,
    )


def _say_changed(request: HttpRequest, changed: int) -> None:
    if changed:
        text = ngettext("%(count)d student marked.", "%(count)d students marked.", changed)
        messages.success(request, text % {"count": changed})
    else:
        messages.info(request, _("Nobody was left to mark."))
