"""allauth's adapter: no sign-up, our rate limits, our addresses in mails, and how long a sign-in lasts."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from allauth.core.exceptions import RateLimited
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from attendance.lib.rate_limits import TooOften
from attendance.models import User
from config.accounts.devices import remember
from config.accounts.limits import count_mail
from qrsessions.codes.addresses import public_url, shown_host


class AccountAdapter(DefaultAccountAdapter):
    """No self-signup, and rate limits that allow a whole hall behind one IP address."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _("Wrong user name or password."),
        "email_password_mismatch": _("Wrong e-mail address or password."),
        "incorrect_code": _("Wrong code. Use the one in the most recent e-mail."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts come from the roster and from the administration."""
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """allauth would use the host of the request, which an attacker who requests the mail can choose."""
        path: str = urlsplit(super().get_reset_password_from_key_url(key)).path
        return public_url(self.request) + path

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("home")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Check a password.

        :raises ValidationError: with the code ``too_often`` when a limit is used up
        """
        try:
            user: User | None = super().authenticate(request, **credentials)
        except TooOften as refused:
            user_login_failed.send(sender=User, credentials=credentials, request=request, reason=refused.code)
            raise TooOftenError(refused, offers_code=settings.SENDS_MAIL) from refused
        return user

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        keep_signed_in(request, user=user)
        remember(request, response, user=user)
        return response

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail. A code that is sent again counts against the limits; ``RequestCodeForm`` counts the first one.

        :raises RateLimited: if the recipient has got too many
        """
        request = allauth_context.request
        if template_prefix == "account/email/login_code" and request.POST.get("action") == "resend":
            try:
                count_mail(recipient=email, address=self.get_client_ip(request))
            except TooOften as refused:
                raise RateLimited from refused
        super().send_mail(template_prefix, email, {**context, "site_host": shown_host(request)})

    def ajax_response(self, request: HttpRequest, response: HttpResponse, **kwargs: Any) -> HttpResponse:
        """The answer to the sign-in page's script, with the cookies and the status of the page that it stands for."""
        answer: HttpResponse = super().ajax_response(request, response, **kwargs)
        answer.cookies.update(response.cookies)
        if answer.status_code == HTTPStatus.BAD_REQUEST:
            answer.status_code = response.status_code
        if "Retry-After" in response:
            answer["Retry-After"] = response["Retry-After"]
        return answer


def keep_signed_in(request: HttpRequest, *, user: User) -> None:
    """Set how long this sign-in lasts: a term for students, half a day for everybody else."""
    if user.is_teacher_or_admin:
        request.session.set_expiry(timedelta(hours=settings.STAFF_SESSION_HOURS))
    else:
        request.session.set_expiry(None)


class TooOftenError(ValidationError):
    """The refusal as a form error that counts down. The form's view answers 429: ``config.accounts.views``.

    :param offers_code: whether to advise a code by e-mail instead of waiting
    """

    def __init__(self, refused: TooOften, *, offers_code: bool = False) -> None:
        self.retry_after_seconds = refused.retry_after_seconds
        context = {"seconds": self.retry_after_seconds, "offers_code": offers_code}
        super().__init__(render_to_string("parts/too_often.html", context), code=refused.code)
