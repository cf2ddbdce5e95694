"""Logs each sign-in, and each that failed, in one line: which account, from which address, on which page."""

import logging
from collections.abc import Mapping
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.signals import login_code_rejected
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest

from attendance.models import User

logger = logging.getLogger("rollcall.accounts")


def connect() -> None:
    """Connect the receivers below. Programs that get a token send the same signals."""
    user_logged_in.connect(signed_in)
    user_login_failed.connect(failed)
    login_code_rejected.connect(code_rejected)


def signed_in(request: HttpRequest, user: User, **kwargs: Any) -> None:
    logger.info("signed_in", extra=_where(request) | {"account": user.username})


def failed(
    request: HttpRequest | None,
    credentials: Mapping[str, Any],
    reason: str = "wrong_credentials",
    **kwargs: Any,
) -> None:
    """An account is named only if there is one: people type their password into the wrong field."""
    typed = str(credentials.get("username") or credentials.get("email") or "").replace("\0", "")
    found = (
        User.objects.filter(Q(username__iexact=typed) | Q(email__iexact=typed))
        if typed
        else User.objects.none()
    )
    account = found.values_list("username", flat=True).first() or ""
    logger.warning("sign_in_failed", extra=_where(request) | {"account": account, "reason": reason})
    if request is not None:
        request.is_logged = True  # type: ignore[attr-defined]


def code_rejected(request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    account = user.username if user else ""
    logger.warning("sign_in_failed", extra=_where(request) | {"account": account, "reason": "wrong_code"})


def _where(request: HttpRequest | None) -> dict[str, str]:
    if request is None:
        return {}
    try:
        address = get_adapter().get_client_ip(request)
    except PermissionDenied:
        # It has none: a test's, or from a proxy that names none.
        address = ""
    return {"address": address, "path": request.path}
