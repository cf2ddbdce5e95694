"""allauth's forms with our rate limits and labels. Named in ``ACCOUNT_FORMS``."""

from typing import Any, cast

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from allauth.core import context
from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from attendance.lib.rate_limits import TooOften
from attendance.models import User
from config.accounts.adapter import TooOftenError, keep_signed_in
from config.accounts.authentication import users_named
from config.accounts.devices import device_of
from config.accounts.limits import MAILED_CODE, count_mail
from config.accounts.passwords import minimum_length
from config.mail import require_mail


class WithoutPlaceholders(forms.Form):
    """Removes allauth's placeholders: they repeat the label and vanish as soon as you type."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


class NewPasswordForm(WithoutPlaceholders):
    """Says how long the password must be. The other rules are shown when a password breaks them."""

    user: User | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].help_text = _("At least %(number)d characters.") % {
            "number": minimum_length(self.user)
        }


class SignInForm(WithoutPlaceholders, allauth_forms.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("User name or e-mail")
        # The phone's keyboard must not turn "asha" into "Asha". Password managers look for "username".
        self.fields["login"].widget.attrs.update(
            autocomplete="username", autocapitalize="none", autocorrect="off", spellcheck="false"
        )
        self.fields["login"].widget.attrs.pop("maxlength", None)
        # The page has its own link for resetting the password.
        self.fields["password"].help_text = ""

    def login(self, request: HttpRequest, redirect_url: str | None = None) -> HttpResponse:
        response: HttpResponse = super().login(request, redirect_url)
        # allauth's form has just overwritten the expiry that the adapter set for the role.
        keep_signed_in(request, user=cast("User", self.user))
        return response


class MailForm(WithoutPlaceholders):
    """A form that sends an e-mail to the address in its only field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail")

    def clean_email(self) -> str:
        require_mail()
        _count_mail(self.cleaned_data["email"])
        return cast("str", super().clean_email())  # type: ignore[misc]


class RequestCodeForm(MailForm, allauth_forms.RequestLoginCodeForm):
    pass


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

    def clean_code(self) -> str:
        # Counted before it is compared: allauth counts in the session, which simultaneous requests read together.
        session = context.request.session.session_key
        try:
            MAILED_CODE.allow(f"{session} {self.expected_code}")
        except TooOften as refused:
            raise get_adapter().validation_error("incorrect_code") from refused
        return cast("str", super().clean_code())


class ResetPasswordForm(MailForm, allauth_forms.ResetPasswordForm):
    pass


class ResetPasswordKeyForm(NewPasswordForm, allauth_forms.ResetPasswordKeyForm):
    pass


class ChangePasswordForm(NewPasswordForm, allauth_forms.ChangePasswordForm):
    pass


class SetPasswordForm(NewPasswordForm, allauth_forms.SetPasswordForm):
    pass


class ReauthenticateForm(WithoutPlaceholders, allauth_forms.ReauthenticateForm):
    pass


def _count_mail(recipient: str) -> None:
    """Count one mail to the recipient.

    :raises ValidationError: with the code ``too_often`` when a limit is used up
    """
    request = context.request
    device = device_of(request)
    if device and not device.knows([str(user.pk) for user in users_named(recipient)]):
        device = None
    try:
        count_mail(recipient=recipient, address=get_adapter().get_client_ip(request), device=device)
    except TooOften as refused:
        raise TooOftenError(refused) from refused
