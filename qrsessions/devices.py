"""Devices: a cookie that tells one browser from another, so that a phone that marks two students can be noticed.

The cookie holds a random id and says nothing of its owner. A record keeps a keyed hash of it, so that nobody who reads
the table could make the cookie. What it may lose: who clears the cookies is a new device.
"""

import secrets
from collections.abc import Callable
from functools import lru_cache, wraps
from http.cookies import SimpleCookie
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac
from rest_framework.request import Request

COOKIE = "rollcall_device"
SALT = "rollcall.device"
# The longest that browsers keep a cookie.
MAX_AGE_SECONDS = 400 * 24 * 3600
ID_BYTES = 16
HASH_LENGTH = 32
# More than any that is given.
LONGEST = 100
MOST_KNOWN = 20_000


def device_of(request: HttpRequest | Request) -> str:
    """The hash of the browser's device, as records keep it; empty for a program, or a browser that sent no good cookie.

    An empty one is no device: it is like no other, an empty one included.
    """
    return "" if _is_a_program(request) else _hash_in(request)


def with_device(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view of students whose answers give devices."""

    @wraps(view)
    def given(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        give_device(request, response)
        return response

    return given


def give_device(request: HttpRequest | Request, response: HttpResponseBase) -> None:
    """A browser gets a device where it had none, or a forged one."""
    if lacks_device(request):
        response.cookies.update(new_device())


def lacks_device(request: HttpRequest | Request) -> bool:
    """Whether a browser asks that has no device, or a forged one."""
    return not _hash_in(request) and not _is_a_program(request)


def new_device() -> SimpleCookie:
    """The cookie of a device that nobody has."""
    response = HttpResponse()
    response.set_cookie(
        COOKIE,
        _signer().sign(secrets.token_hex(ID_BYTES)),
        max_age=MAX_AGE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response.cookies


def _hash_in(request: HttpRequest | Request) -> str:
    cookie = request.COOKIES.get(COOKIE, "")
    return _hash_of(cookie) if len(cookie) <= LONGEST else ""


# A phone that waits is known when it marks.
@lru_cache(maxsize=MOST_KNOWN)
def _hash_of(cookie: str) -> str:
    try:
        device_id = _signer().unsign(cookie)
    except signing.BadSignature:
        return ""
    return salted_hmac(SALT, device_id, algorithm="sha256").hexdigest()[:HASH_LENGTH]


def _is_a_program(request: HttpRequest | Request) -> bool:
    """Whether the request is signed in by a token: then it may speak for many, each from its own phone."""
    authorization: str = request.META.get("HTTP_AUTHORIZATION", "")
    return authorization.lower().startswith("token ")


def _signer() -> signing.Signer:
    return signing.Signer(salt=SALT)
