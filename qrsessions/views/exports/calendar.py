"""The user's calendar: the page on which its secret address is made, and the feed at that address."""

import hashlib

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_safe

from attendance.api.permissions import signed_in
from attendance.lib.rate_limits import Limit, TooOften
from attendance.models import CalendarFeed
from attendance.timetable.calendar_feed import calendar_file
from qrsessions.codes.addresses import public_url
from qrsessions.views.responses import refusal_page

# The busiest calendar programs ask every few minutes.
READS = Limit("calendar", times=60, per_seconds=3600)
# Unknown addresses from one place. Addresses that exist are answered all the same: a calendar service asks for all of a
# university's from a few machines of its own.
UNKNOWN = Limit("calendar-unknown", times=100, per_seconds=60)


@require_safe
@gzip_page
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """The feed, for whoever has its address. It needs no sign-in and sets no cookie."""
    at = timezone.now()
    found = CalendarFeed.objects.find(secret)
    try:
        if found is None:
            UNKNOWN.allow(get_adapter().get_client_ip(request))
            raise Http404
        READS.allow(str(found.pk))
    except TooOften as refused:
        return refusal_page(request, refused)
    found.note_use(at=at)
    content = calendar_file(found, at=at)
    etag = quote_etag(hashlib.sha256(content).hexdigest()[:32])
    headers = {
        "Cache-Control": "private, no-cache",
        "Content-Disposition": 'inline; filename="classes.ics"',
        "ETag": etag,
    }
    whole = HttpResponse(content, content_type="text/calendar; charset=utf-8", headers=headers)
    answer = get_conditional_response(request, etag=etag, response=whole)
    assert isinstance(answer, HttpResponse)  # noqa: S101 - it is one of ours
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """My calendar. A POST makes an address, in place of the present one, and shows it this once."""
    user, address = signed_in(request), ""
    if request.method == "POST":
        secret = CalendarFeed.objects.make(user=user, at=timezone.now())
        address = public_url(request) + reverse("qrsessions:calendar-feed", args=[secret])
    context = {
        "feed": CalendarFeed.objects.filter(user=user).first(),
        "address": address,
        # Opens the calendar program of a phone or computer.
        "webcal": "webcal:" + address.partition(":")[2] if address else "",
    }
    return render(request, "qrsessions/calendar.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def delete_address(request: HttpRequest) -> HttpResponse:
    """Delete the address, so that nobody can read the calendar there any more."""
    if request.method == "POST":
        deleted, _of_models = CalendarFeed.objects.filter(user=signed_in(request)).delete()
        if deleted:
            messages.success(request, _("Address deleted. Calendars that used it no longer get updates."))
    return redirect("qrsessions:calendar")
