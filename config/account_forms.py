"""allauth's forms with Rollcall's limits and words. Named in ``ACCOUNT_FORMS``."""

from typing import Any, cast

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from allauth.core import context
from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from attendance.models import User
from attendance.ratelimit import MAIL_FROM_ADDRESS, MAIL_TO_RECIPIENT, TooOften
from config.accounts import keep_signed_in, too_often_error


class WithoutPlaceholders(forms.Form):
    """allauth repeats each label as a placeholder, which vanishes while one types."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


class SignInForm(WithoutPlaceholders, allauth_forms.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("User name or e-mail")
        # The phone's keyboard must not turn "asha" into "Asha".
        self.fields["login"].widget.attrs.update(autocapitalize="none", autocorrect="off", spellcheck="false")
        self.fields["login"].widget.attrs.pop("maxlength", None)
        # The page has its own link to the reset, beside the one to the code.
        self.fields["password"].help_text = ""

    def login(self, request: HttpRequest, redirect_url: str | None = None) -> HttpResponse:
        response: HttpResponse = super().login(request, redirect_url)
        # allauth's form sets one expiry for everybody after the adapter set that of the role.
        keep_signed_in(request, user=cast("User", self.user))
        return response


class RequestCodeForm(WithoutPlaceholders, allauth_forms.RequestLoginCodeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail")

    def clean_email(self) -> str:
        _count_mail(self.cleaned_data["email"])
        return cast("str", super().clean_email())


class ConfirmCodeForm(WithoutPlaceholders, allauth_forms.ConfirmLoginCodeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs.update(
            {
                "class": "code-input",
                "inputmode": "numeric",
                "autofocus": True,
                "spellcheck": "false",
            }
        )


class ResetPasswordForm(WithoutPlaceholders, allauth_forms.ResetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail")

    def clean_email(self) -> str:
        _count_mail(self.cleaned_data["email"])
        return cast("str", super().clean_email())


class ResetPasswordKeyForm(WithoutPlaceholders, allauth_forms.ResetPasswordKeyForm):
    pass


class ChangePasswordForm(WithoutPlaceholders, allauth_forms.ChangePasswordForm):
    pass


class SetPasswordForm(WithoutPlaceholders, allauth_forms.SetPasswordForm):
    pass


class ReauthenticateForm(WithoutPlaceholders, allauth_forms.ReauthenticateForm):
    pass


def _count_mail(recipient: str) -> None:
    """Count one mail to the recipient, asked for from the address of the current request.

    :raises ValidationError: with the code ``too_often`` when one of the two limits is used up
    """
    try:
        if MAIL_TO_RECIPIENT.allow(recipient) is not None:
            MAIL_FROM_ADDRESS.allow(get_adapter().get_client_ip(context.request))
    except TooOften as refused:
        raise too_often_error(refused) from refused
