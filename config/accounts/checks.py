"""``manage.py check --deploy`` warns if the site sends no mails."""

from typing import Any

from django.conf import settings
from django.core import checks


def check_mail(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Warn if a real database is used without a mail server."""
    if settings.EMBEDDED or settings.SENDS_MAIL:
        return []
    text = "EMAIL_URL is not set, so nobody can sign in or reset a password by e-mail."
    return [checks.Warning(text, id="rollcall.W002")]
