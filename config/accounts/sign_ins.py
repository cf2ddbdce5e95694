"""The page that lists a user's sign-ins, and signing out elsewhere.

allauth keeps a row for each session that began with a sign-in. Ending one deletes the session through the
session engine, so that cached copies go too.
"""

from dataclasses import dataclass
from datetime import datetime

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from attendance.api.permissions import signed_in
from attendance.models import ApiToken, User
from config.accounts.browser_names import browser_name


@dataclass(frozen=True)
class SignIn:
    """One browser in which the user is signed in. ``pk`` is None for a session that allauth did not record."""

    pk: int | None
    browser: str
    address: str
    since: datetime | None
    is_this: bool


@require_safe
@never_cache
@login_required
def sign_ins(request: HttpRequest) -> HttpResponse:
    """The page with every sign-in of the user, this one first."""
    user = signed_in(request)
    context = {"sign_ins": _sign_ins_of(request, user), "tokens": ApiToken.objects.filter(user=user)}
    return render(request, "account/sign_ins.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def end_sign_in(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign out in one other browser."""
    if request.method == "POST":
        for session in _others(request, signed_in(request)).filter(pk=pk):
            session.end()
            text = _("Signed out of %(browser)s.")
            messages.success(request, text % {"browser": browser_name(session.user_agent)})
    return redirect("sign-ins")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def end_token(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign out the program that uses this token of the user's."""
    if request.method == "POST":
        ended, _of_models = ApiToken.objects.filter(user=signed_in(request), pk=pk).delete()
        if ended:
            messages.success(request, _("Token revoked. The program that used it is signed out."))
    return redirect("sign-ins")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def end_others(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere else, programs included."""
    if request.method == "POST":
        user = signed_in(request)
        for session in _others(request, user):
            session.end()
        ApiToken.objects.filter(user=user).delete()
        messages.success(request, _("You have been signed out everywhere else."))
    return redirect("sign-ins")


def _others(request: HttpRequest, user: User) -> QuerySet[UserSession]:
    known: QuerySet[UserSession] = UserSession.objects.filter(user=user)
    return known.exclude(session_key=request.session.session_key)


def _sign_ins_of(request: HttpRequest, user: User) -> list[SignIn]:
    here = request.session.session_key
    # Also deletes rows of expired sessions.
    known = UserSession.objects.purge_and_list(user)
    found = [
        SignIn(
            pk=session.pk,
            browser=browser_name(session.user_agent),
            address=session.ip,
            since=session.created_at,
            is_this=session.session_key == here,
        )
        for session in sorted(known, key=lambda session: session.created_at, reverse=True)
    ]
    if not any(sign_in.is_this for sign_in in found):
        browser = browser_name(request.headers.get("User-Agent", ""))
        address = get_adapter().get_client_ip(request)
        found.append(SignIn(pk=None, browser=browser, address=address, since=None, is_this=True))
    return sorted(found, key=lambda sign_in: not sign_in.is_this)
