"""The URL in the QR code, which a phone's own camera app opens.

The token is checked when the request arrives and exchanged for a claim with that time, so a slow sign-in or page costs
nobody the mark. Opening the URL never marks; the claim does, in a POST with CSRF protection.
"""

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from attendance.api.permissions import signed_in, student_of
from attendance.lib.batching import StillWaiting
from attendance.lib.rate_limits import TooOften
from attendance.lib.refusals import Refused
from attendance.models import ATTENDED, Role, Status, Student, User
from qrsessions.codes import claims, tokens
from qrsessions.codes.devices import device_before_mark, device_of, is_program, with_device
from qrsessions.models import GroupSession, SessionStatus
from qrsessions.queries.access import find_session_or_group
from qrsessions.queries.student_sessions import own_sessions
from qrsessions.refusals import TokenExpired
from qrsessions.services import scanning
from qrsessions.services.scanning import Scanned
from qrsessions.views.responses import not_a_student_page, refusal_page, to_student_home

CLAIM_COOKIE = f"{settings.COOKIE_PREFIX}rollcall_claim"


@require_safe
@never_cache
@with_device
def scan(request: HttpRequest, token: str) -> HttpResponse:
    """Show a student the form that marks. Others get the sign-in page or an explanation."""
    at = timezone.now()
    user: User | AnonymousUser = request.user
    try:
        if isinstance(user, AnonymousUser):
            claim = scanning.arrive_before_sign_in(
                token=token,
                device=device_before_mark(request),
                address=get_adapter().get_client_ip(request),
                at=at,
            )
            return _sign_in_with(claim)
        student = student_of(user)
        if student is None:
            return not_a_student_page(request, status=403, session_url=_session_url(token, user))
        claim_or_marked = scanning.arrive(token=token, user=user, student=student, at=at)
    except Refused as refused:
        return refusal_page(request, refused)
    if claim_or_marked is None:
        return to_student_home()
    return _form(request, claim=claim_or_marked)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@with_device
@login_required
def claim(request: HttpRequest) -> HttpResponse:
    """GET, after sign-in: the form for the claim in the cookie. POST: mark."""
    student = student_of(signed_in(request))
    if student is None:
        return not_a_student_page(request, status=403)
    carried = request.COOKIES.get(CLAIM_COOKIE, "")
    if request.method != "POST":
        return _form(request, claim="") if carried else _no_claim(request, student)
    try:
        scanned = scanning.mark_by_claim(
            claim=request.POST.get("claim") or carried,
            user=signed_in(request),
            student=student,
            at=timezone.now(),
            device=device_of(request),
            by_program=is_program(request),
        )
    except TooOften as refused:
        return refusal_page(request, refused)
    except StillWaiting as refused:
        # The claim still marks: the same form sends it again.
        return _form(request, claim=request.POST.get("claim", ""), status=refused.status)
    except Refused as refused:
        return _without_cookie(refusal_page(request, refused))
    if scanned.session.status == SessionStatus.ENDED:
        # The home page lists only open sessions, so say it in a message.
        _add_message(request, scanned)
    return _without_cookie(to_student_home())


def _form(request: HttpRequest, *, claim: str, status: int = 200) -> HttpResponse:
    """The form that marks, by this claim or else by the one in the cookie."""
    return render(request, "qrsessions/scan.html", {"claim": claim}, status=status)


def _sign_in_with(claim: str | None) -> HttpResponse:
    response = redirect_to_login(reverse("qrsessions:claim"), login_url=reverse("account_login"))
    if claim is None:
        # The browser holds an earlier claim, with which its student signs in.
        return response
    response.set_cookie(
        CLAIM_COOKIE,
        claim,
        max_age=claims.BROWSER_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _without_cookie(response: HttpResponse) -> HttpResponse:
    response.delete_cookie(CLAIM_COOKIE, samesite="Lax")
    return response


def _no_claim(request: HttpRequest, student: Student) -> HttpResponse:
    """The claim's cookie is used up or has expired. A student who was marked goes to the home page to see it."""
    if any(own.mark for own in own_sessions(student=student, at=timezone.now())):
        return to_student_home()
    return refusal_page(request, TokenExpired(_("Your scan has expired. Scan the code on the screen now.")))


def _add_message(request: HttpRequest, scanned: Scanned) -> None:
    section, marked = scanned.session.meeting.section, scanned.marked
    text = _("{course} · {section} has ended. You were marked {status} at {time}.").format(
        course=section.course.code,
        section=section.name,
        status=Status(marked.status).label,
        time=timezone.localtime(marked.marked_at).strftime("%H:%M:%S"),
    )
    messages.add_message(request, messages.SUCCESS if marked.status in ATTENDED else messages.INFO, text)


def _session_url(token: str, user: User) -> str | None:
    """The teacher's page of the session or group session that the token names, if the user may see it."""
    if user.role is Role.STUDENT:
        return None
    try:
        public_id, today = tokens.parse(token).public_id, timezone.localdate()
        found = find_session_or_group(user, public_id, on=today).run_as
        page = "qrsessions:group" if isinstance(found, GroupSession) else "qrsessions:session"
        find_session_or_group(user, found.public_id, on=today)
    except (Refused, Http404):
        return None
    return reverse(page, args=[found.public_id])
