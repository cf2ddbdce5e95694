"""A cookie that tells browsers apart, so that teachers notice when one phone marks two students.

The cookie holds a random id and nothing about its owner. Records keep only a keyed hash, from which nobody can make the
cookie. Accepted inexactness: a browser that clears its cookies counts as a new device.
"""

import datetime
import secrets
from collections.abc import Callable
from functools import lru_cache, wraps
from http.cookies import SimpleCookie
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.request import Request

COOKIE = f"{settings.COOKIE_PREFIX}rollcall_device"
# Its name before it had the prefix. Until this day the old cookie is read, and replaced by one of the new name.
OLD_COOKIE = "rollcall_device"
OLD_COOKIE_UNTIL = datetime.datetime(2027, 5, 27, tzinfo=datetime.UTC)
SALT = "rollcall.device"
# Browsers keep no cookie longer.
MAX_AGE_SECONDS = 400 * 24 * 3600
ID_BYTES = 16
HASH_LENGTH = 32
# Longer cookies are not ours.
MAX_COOKIE_LENGTH = 100
CACHED_HASHES = 20_000
# Where a request keeps the cookie that its response sets.
_GIVEN = "rollcall.given_device"


def device_of(request: HttpRequest | Request) -> str:
    """The hash of the browser's device as records keep it; empty for a program or without a valid cookie.

    An empty hash equals no other device, not even another empty one.
    """
    return "" if is_program(request) else _hash_in(request)


def is_program(request: HttpRequest | Request) -> bool:
    """Whether the client signs in with an API token. Such a program may mark for students with phones of their own."""
    # As DRF reads it: any white space may follow.
    words = request.META.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace").split()
    return [word.lower() for word in words[:1]] == [b"token"]


def device_before_mark(request: HttpRequest) -> str:
    """The hash of the browser's device. A browser without one gets it with this response: use with ``with_device``."""
    if device := _hash_in(request):
        return device
    given = new_device()
    request.META[_GIVEN] = given
    return _hash_of(given[COOKIE].value)


def with_device(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Decorate a students' view: its response sets the device cookie if the browser has none."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        give_device(request, response)
        return response

    return wrapper


def give_device(request: HttpRequest | Request, response: HttpResponseBase) -> None:
    """Set the device cookie if the browser has none or a forged one, or one of the old name."""
    if _GIVEN in request.META:
        response.cookies.update(request.META[_GIVEN])
    elif lacks_device(request):
        response.cookies.update(new_device())
    elif COOKIE not in request.COOKIES and not is_program(request):
        response.cookies.update(_device_cookie(_cookie_in(request)))
        response.delete_cookie(OLD_COOKIE, samesite="Lax")


def lacks_device(request: HttpRequest | Request) -> bool:
    """Whether the request comes from a browser with no device cookie or a forged one."""
    return not _hash_in(request) and not is_program(request)


def new_device() -> SimpleCookie:
    """The cookie of a new device."""
    return _device_cookie(_signer().sign(secrets.token_hex(ID_BYTES)))


def _device_cookie(value: str) -> SimpleCookie:
    response = HttpResponse()
    response.set_cookie(
        COOKIE,
        value,
        max_age=MAX_AGE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response.cookies


def _hash_in(request: HttpRequest | Request) -> str:
    cookie = _cookie_in(request)
    return _hash_of(cookie) if len(cookie) <= MAX_COOKIE_LENGTH else ""


def _cookie_in(request: HttpRequest | Request) -> str:
    cookie: str | None = request.COOKIES.get(COOKIE)
    if cookie is None and timezone.now() < OLD_COOKIE_UNTIL:
        cookie = request.COOKIES.get(OLD_COOKIE)
    return cookie or ""


# Phones poll before they mark, so the hash is usually cached by then.
@lru_cache(maxsize=CACHED_HASHES)
def _hash_of(cookie: str) -> str:
    try:
        device_id = _signer().unsign(cookie)
    except signing.BadSignature:
        return ""
    return salted_hmac(SALT, device_id, algorithm="sha256").hexdigest()[:HASH_LENGTH]


def _signer() -> signing.Signer:
    return signing.Signer(salt=SALT)
