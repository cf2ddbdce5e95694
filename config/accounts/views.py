"""allauth's pages for signing in, with the scan that waits for it, and with 429 after too many attempts."""

from datetime import datetime
from typing import Any, TypedDict

from allauth.account import views
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.generic import FormView

from config.accounts.adapter import TooOftenError
from config.accounts.devices import remember
from qrsessions.codes import claims
from qrsessions.refusals import TokenInvalid
from qrsessions.views.scan import CLAIM_COOKIE


class KeptScan(TypedDict):
    """A scan made before the sign-in. ``scanned_at`` is None if its cookie has expired or was never kept."""

    scanned_at: datetime | None
    seconds_left: int


class LimitedView(FormView[Form]):
    """A form that answers 429 with Retry-After if a limit is used up."""

    def form_invalid(self, form: Form) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)
        for error in (error for errors in form.errors.as_data().values() for error in errors):
            if isinstance(error, TooOftenError):
                response.status_code = 429
                response["Retry-After"] = error.retry_after_seconds
        return response


class AfterScanView(views.NextRedirectMixin):
    """A page that may lead back to a scan says how long the scan is kept."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if context["redirect_field_value"] == reverse("qrsessions:claim"):
            context["kept_scan"] = _kept_scan(self.request, at=timezone.now())
        return context


class SignInView(AfterScanView, LimitedView, views.LoginView):
    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the sign-in form, with a cookie that tells this browser apart."""
        response: HttpResponse = super().get(request, *args, **kwargs)
        remember(request, response)
        return response


class RequestCodeView(AfterScanView, LimitedView, views.RequestLoginCodeView):
    pass


class ConfirmCodeView(AfterScanView, views.ConfirmLoginCodeView):
    pass


class ResetPasswordView(LimitedView, views.PasswordResetView):
    pass


def _kept_scan(request: HttpRequest, *, at: datetime) -> KeptScan:
    try:
        claim = claims.parse(request.COOKIES.get(CLAIM_COOKIE, ""))
    except TokenInvalid:
        return {"scanned_at": None, "seconds_left": 0}
    seconds_left = max(0, int((claim.expires_at - at).total_seconds()))
    return {"scanned_at": claim.arrived_at, "seconds_left": seconds_left}
