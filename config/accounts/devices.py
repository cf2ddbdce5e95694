"""The cookie by which sign-in tells browsers apart, and knows those in which an account has signed in before.

It follows OWASP's "Slow Down Online Guessing Attacks with Device Cookies". The cookie is signed and holds a random id and
the users who signed in; it signs nobody in.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from attendance.models import User

COOKIE = f"{settings.COOKIE_PREFIX}rollcall_sign_in"
SALT = "rollcall.sign-in-device"
# Browsers keep no cookie longer.
MAX_AGE_SECONDS = 400 * 24 * 3600
# Who signed in last, on a shared computer.
MAX_USERS = 10
# Longer cookies are not ours.
MAX_COOKIE_LENGTH = 400


@dataclass(frozen=True, slots=True)
class Device:
    """A browser.

    :param users: the ids of users who have signed in on it, the last one first
    """

    id: str
    users: tuple[str, ...] = ()

    def knows(self, users: Collection[str]) -> bool:
        """Whether every one of them has signed in on this device; False of nobody."""
        return bool(users) and all(user in self.users for user in users)


def device_of(request: HttpRequest) -> Device | None:
    """The device by its cookie; None without a cookie or with a forged one."""
    cookie = request.COOKIES.get(COOKIE, "")
    if not cookie or len(cookie) > MAX_COOKIE_LENGTH:
        return None
    try:
        device_id, *users = signing.Signer(salt=SALT).unsign(cookie).split(".")
    except signing.BadSignature:
        return None
    return Device(device_id, tuple(users))


def remember(request: HttpRequest, response: HttpResponseBase, *, user: User | None = None) -> None:
    """Set the device's cookie: an id if it has none, and the user who has just signed in on it."""
    device = device_of(request)
    if user is None and device:
        return
    device = device or Device(secrets.token_hex(16))
    users = list(device.users)
    if user:
        users = [str(user.pk), *(one for one in users if one != str(user.pk))][:MAX_USERS]
    response.set_cookie(
        COOKIE,
        signing.Signer(salt=SALT).sign(".".join([device.id, *users])),
        max_age=MAX_AGE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
