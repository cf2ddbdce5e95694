"""Signing in without a query, and mostly without a round trip: by session and by token."""

import hashlib
from typing import Any

from allauth.account import auth_backends
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.http import HttpResponse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from rest_framework import authentication, exceptions
from rest_framework.authtoken.models import Token
from rest_framework.request import Request

from attendance import sign_in_memory
from attendance.known_users import Copy, find_copy, find_user, user_from
from attendance.models import User
from config.sessions import SessionStore

# It keeps nothing of a request.
_csrf = authentication.CSRFCheck(lambda request: HttpResponse())


class Backend(auth_backends.AuthenticationBackend):
    """allauth's, which finds the user of a session in the cache."""

    def get_user(self, user_id: int) -> User | None:
        user = find_user(user_id)
        return user if user and self.user_can_authenticate(user) else None


class TokenAuthentication(authentication.TokenAuthentication):
    """DRF's, which finds the user of a token in the cache."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        # DRF's own reads every header to find this one.
        if "HTTP_AUTHORIZATION" not in request.META:
            return None
        found: tuple[User, str] | None = super().authenticate(request)
        return found

    def authenticate_credentials(self, key: str) -> tuple[User, str]:
        copy = sign_in_memory.recall(_name("token", key), lambda: _copy_of_token(key), is_shared=True)
        if copy is None:
            raise exceptions.AuthenticationFailed(_("Invalid token."))
        user = user_from(copy)
        if not user.is_active:
            raise exceptions.AuthenticationFailed(_("User inactive or deleted."))
        return user, key


class SessionAuthentication(authentication.SessionAuthentication):
    """DRF's, without the middleware of pages: who the session's cookie signs in."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        user = _user_of_session(key, only_asks=request.method == "GET") if key else None
        if user is None:
            return None
        self.enforce_csrf(request)
        return user, None

    def enforce_csrf(self, request: Request) -> None:
        """DRF's, which makes this check anew for each request.

        :raises PermissionDenied: if another site may have sent it
        """
        # Its ``process_request`` is for who shows a form: the check itself reads the cookie.
        if reason := _csrf.process_view(request, HttpResponse, (), {}):
            raise exceptions.PermissionDenied(f"CSRF Failed: {reason}")


def forget_token(instance: Token, **kwargs: Any) -> None:
    """Called after every change of a token."""
    sign_in_memory.forget_all()


def _user_of_session(key: str, *, only_asks: bool = False) -> User | None:
    copy = sign_in_memory.recall(
        _name("session", key), lambda: _copy_of_session(key), is_shared=True, youngest=only_asks
    )
    user = user_from(copy) if copy else None
    return user if user and user.is_active else None


def _copy_of_session(key: str) -> Copy | None:
    """As ``django.contrib.auth.get_user``, which would give a session of an older SECRET_KEY a new key: pages do that."""
    session = SessionStore(key)
    if session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    copy = find_copy(int(session[SESSION_KEY]))
    if copy is None:
        return None
    user = user_from(copy)
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    signed = session.get(HASH_SESSION_KEY, "")
    return copy if any(constant_time_compare(signed, one) for one in hashes) else None


def _copy_of_token(key: str) -> Copy | None:
    user_id = Token.objects.filter(key=key).values_list("user_id", flat=True).first()
    return find_copy(user_id) if user_id is not None else None


def _name(kind: str, key: str) -> str:
    # Hashed: who reads the cache must not be able to sign in.
    return f"sign-in:{kind}:{hashlib.blake2b(key.encode(), digest_size=20).hexdigest()}"
