"""Signing in: who may, how often, where it leads, and for how long it lasts."""

import logging
from datetime import timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from attendance.models import Role, User
from attendance.ratelimit import TooOften, count_sign_in

logger = logging.getLogger("rollcall.accounts")

# A phone stays signed in for the term (SESSION_COOKIE_AGE); who can change a register signs in more often,
# because a lecture hall's computer is shared.
STAFF_SIGNED_IN_FOR = timedelta(days=14)


class AccountAdapter(DefaultAccountAdapter):
    """allauth as Rollcall uses it: no self-signup, limits that hold for a hall behind one address."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _("This user name and password don't go together."),
        "email_password_mismatch": _("This e-mail address and password don't go together."),
        "incorrect_code": _("This is not the code. Look for the newest mail."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts come from the roster and from the office."""
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("home")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Check a password, within the limits of failed sign-ins.

        :raises ValidationError: with the code ``too_often`` when a limit is used up
        """
        account = credentials.get("email") or credentials.get("username") or ""
        address = self.get_client_ip(request)
        try:
            attempt = count_sign_in(account=account, address=address)
        except TooOften as refused:
            logger.warning("sign-in refused", extra={"reason": refused.code, "address": address})
            raise too_often_error(refused) from refused
        user: User | None = super().authenticate(request, **credentials)
        if user is None:
            # Not the name: people type their password into the wrong field.
            logger.info("sign-in failed", extra={"reason": "wrong_credentials", "address": address})
        else:
            attempt.succeeded()
        return user

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        keep_signed_in(request, user=user)
        return response


def keep_signed_in(request: HttpRequest, *, user: User) -> None:
    """Set for how long this sign-in lasts: a term for students, two weeks for everybody else."""
    if user.role == Role.STUDENT and not user.is_staff:
        request.session.set_expiry(None)
    else:
        request.session.set_expiry(STAFF_SIGNED_IN_FOR)


def too_often_error(refused: TooOften) -> ValidationError:
    """The refusal in words, for a form."""
    minutes = max(1, round(refused.retry_after_seconds / 60))
    return ValidationError(
        ngettext(
            "Too many tries. Please wait a minute and try again.",
            "Too many tries. Please wait %(minutes)d minutes and try again.",
            minutes,
        ),
        code=refused.code,
        params={"minutes": minutes},
    )
