"""The address in the QR code, which a phone's own camera app opens.

The token is checked when the request arrives, and what comes of it is a claim with that moment: a slow sign-in or a
slow page costs nobody the mark. Opening an address never marks; the claim does, by a POST with CSRF protection.
"""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from attendance.known_users import student_of
from attendance.models import ATTENDED, Role, Status, Student, User
from attendance.permissions import signed_in
from attendance.ratelimit import TooOften
from attendance.refusals import Refused
from attendance.together import finished
from qrsessions import claims, scanning
from qrsessions.deciding import Scanned
from qrsessions.devices import device_of, with_device
from qrsessions.models import GroupSession, QRSession, SessionStatus
from qrsessions.own_sessions import own_sessions
from qrsessions.tokens import TokenExpired
from qrsessions.views.answers import for_students_only, own_page, refusal_page

CLAIM_COOKIE = "rollcall_claim"


@require_safe
@never_cache
@with_device
def scan(request: HttpRequest, token: str) -> HttpResponse:
    """A token arrives. Its student gets a form that marks; everybody else the way there, or an explanation."""
    at = timezone.now()
    user: User | AnonymousUser = request.user
    try:
        if isinstance(user, AnonymousUser):
            claim = scanning.arrive_before_sign_in(token=token, at=at)
            return _sign_in_with(claim)
        student = student_of(user)
        if student is None:
            return for_students_only(request, status=403, session_url=_session_url(token, user))
        claim_or_marked = scanning.arrive(token=token, user=user, student=student, at=at)
    except Refused as refused:
        return refusal_page(request, refused)
    if claim_or_marked is None:
        return own_page()
    return _form(request, claim=claim_or_marked)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@with_device
@login_required
def claim(request: HttpRequest) -> HttpResponse:
    """GET: back from sign-in, the same form for the claim in the cookie. POST: mark."""
    student = student_of(signed_in(request))
    if student is None:
        return for_students_only(request, status=403)
    carried = request.COOKIES.get(CLAIM_COOKIE, "")
    if request.method != "POST":
        return _form(request, claim="") if carried else _no_claim(request, student)
    try:
        scanned = finished(
            scanning.mark_by_claim(
                claim=request.POST.get("claim") or carried,
                user=signed_in(request),
                student=student,
                at=timezone.now(),
                device=device_of(request),
            )
        )
    except TooOften as refused:
        return refusal_page(request, refused)
    except Refused as refused:
        return _without_cookie(refusal_page(request, refused))
    if scanned.session.status == SessionStatus.ENDED:
        # The student's page shows what is open; this session no longer is.
        _say(request, scanned)
    return _without_cookie(own_page())


def _form(request: HttpRequest, *, claim: str) -> HttpResponse:
    """The form that marks; without a claim of its own it uses the one in the cookie."""
    return render(request, "qrsessions/scan.html", {"claim": claim})


def _sign_in_with(claim: str) -> HttpResponse:
    response = redirect_to_login(reverse("qrsessions:claim"), login_url=reverse("account_login"))
    response.set_cookie(
        CLAIM_COOKIE,
        claim,
        max_age=claims.BROWSER_SECONDS,
        path=reverse("qrsessions:claim"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _without_cookie(response: HttpResponse) -> HttpResponse:
    response.delete_cookie(CLAIM_COOKIE, path=reverse("qrsessions:claim"), samesite="Lax")
    return response


def _no_claim(request: HttpRequest, student: Student) -> HttpResponse:
    """The cookie is used up, or older than it may be; who is marked already hears that first."""
    if any(own.mark for own in own_sessions(student=student, at=timezone.now())):
        return own_page()
    return refusal_page(
        request, TokenExpired(_("Your scan is too long ago. Scan the code that is on the screen now."))
    )


def _say(request: HttpRequest, scanned: Scanned) -> None:
    section, marked = scanned.session.meeting.section, scanned.marked
    text = _("{course} · {section} has ended. You are entered as {status}, at {time}.").format(
        course=section.course.code,
        section=section.name,
        status=Status(marked.status).label,
        time=timezone.localtime(marked.marked_at).strftime("%H:%M:%S"),
    )
    messages.add_message(request, messages.SUCCESS if marked.status in ATTENDED else messages.INFO, text)


def _session_url(token: str, user: User) -> str | None:
    """The teacher's page of the session whose code was scanned, if the user may see it."""
    if user.role is Role.STUDENT:
        return None
    try:
        source, _step = finished(scanning.find_by_token(token, at=timezone.now()))
    except Refused:
        return None
    if isinstance(source, GroupSession):
        visible = GroupSession.objects.visible_to(user).filter(pk=source.pk).exists()
        page = "qrsessions:group"
    else:
        visible = QRSession.objects.visible_to(user).filter(pk=source.pk).exists()
        page = "qrsessions:session"
    return reverse(page, args=[source.public_id]) if visible else None
