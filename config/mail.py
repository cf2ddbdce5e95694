"""Whether the site sends mail. Without ``EMAIL_URL`` it doesn't, and says so wherever mail would be needed."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _

# For monitoring and the terminal.
WARNING = "No mail server is set up (EMAIL_URL): nobody can sign in with a code by e-mail or reset a forgotten password."


def sends_mail(request: HttpRequest) -> dict[str, bool]:
    """A context processor: ``sends_mail`` in every template."""
    return {"sends_mail": settings.SENDS_MAIL}


def warnings() -> list[str]:
    return [] if settings.SENDS_MAIL else [WARNING]


def require_mail() -> None:
    """Refuse a form that would send mail.

    :raises ValidationError: with the code ``no_mail`` if the site sends none
    """
    if not settings.SENDS_MAIL:
        raise ValidationError(
            _("This site sends no e-mail. Ask an administrator for a password."), code="no_mail"
        )
