"""Devices: a cookie that tells one browser from another, so that a phone that marks two students can be noticed.

The cookie holds a random id and says nothing of its owner. A record keeps a keyed hash of it, so that nobody who reads
the table could make the cookie. What it may lose: who clears the cookies is a new device.
"""

import secrets
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac
from rest_framework.request import Request

COOKIE = "rollcall_device"
SALT = "rollcall.device"
# The longest that browsers keep a cookie.
MAX_AGE_SECONDS = 400 * 24 * 3600
ID_BYTES = 16
HASH_LENGTH = 32


def device_of(request: HttpRequest | Request) -> str:
    """The hash of the browser's device, as records keep it; empty for a program, or a browser that sent no good cookie.

    An empty one is no device: it is like no other, an empty one included.
    """
    device_id = _id_of(request)
    return "" if not device_id or _is_a_program(request) else _hash_of(device_id)


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
    if not _id_of(request) and not _is_a_program(request):
        response.set_cookie(
            COOKIE,
            _signer().sign(secrets.token_hex(ID_BYTES)),
            max_age=MAX_AGE_SECONDS,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def _id_of(request: HttpRequest | Request) -> str:
    return _unsigned(request.COOKIES.get(COOKIE, ""))


# Each request asks twice.
@lru_cache(maxsize=1024)
def _unsigned(cookie: str) -> str:
    try:
        return _signer().unsign(cookie)
    except signing.BadSignature:
        return ""


@lru_cache(maxsize=1024)
def _hash_of(device_id: str) -> str:
    return salted_hmac(SALT, device_id, algorithm="sha256").hexdigest()[:HASH_LENGTH]


def _is_a_program(request: HttpRequest | Request) -> bool:
    """Whether the request is signed in by a token: then it may speak for many, each from its own phone."""
    authorization: str = request.META.get("HTTP_AUTHORIZATION", "")
    return authorization.lower().startswith("token ")


def _signer() -> signing.Signer:
    return signing.Signer(salt=SALT)
