"""Signing in without a query, and mostly without a round trip: by session and by token."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

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
from attendance.known_users import Copy, find_copies, find_user, user_from
from attendance.models import User
from attendance.together import Together, finished
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
        return finished(self.signs_in(request))

    async def signs_in(self, request: Request) -> tuple[User, str] | None:
        """As ``authenticate``, without a thread that waits."""
        # DRF's own reads every header to find this one.
        if "HTTP_AUTHORIZATION" not in request.META:
            return None
        # What ``authenticate_credentials`` gives, for a header that can be read.
        finding: Any = super().authenticate(request)
        found: tuple[User, str] | None = await finding if finding else None
        return found

    async def authenticate_credentials(self, key: str) -> tuple[User, str]:  # type: ignore[override]
        name = _name("token", key)
        copy = sign_in_memory.known(name) or await _TOKENS.do(_Asked(key, name))
        if not copy:
            raise exceptions.AuthenticationFailed(_("Invalid token."))
        user = user_from(copy)
        if not user.is_active:
            raise exceptions.AuthenticationFailed(_("User inactive or deleted."))
        return user, key


class SessionAuthentication(authentication.SessionAuthentication):
    """DRF's, without the middleware of pages: who the session's cookie signs in."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        return finished(self.signs_in(request))

    async def signs_in(self, request: Request) -> tuple[User, None] | None:
        """As ``authenticate``, without a thread that waits."""
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        user = await user_of_session(key, only_asks=request.method == "GET") if key else None
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


async def user_of_session(key: str, *, only_asks: bool = False) -> User | None:
    """Whom the session with this key signs in.

    :param only_asks: whether that has time to be read anew
    """
    name = _name("session", key)
    copy = sign_in_memory.known(name, youngest=only_asks) or await _SESSIONS.do(_Asked(key, name, only_asks))
    user = user_from(copy) if copy else None
    return user if user and user.is_active else None


class _Asked(NamedTuple):
    key: str
    name: str
    only_asks: bool = False


# What is found of each: nothing, where it signs nobody in.
_Found = Copy | tuple[()]


def _finding(read: Callable[[Collection[str]], Mapping[str, Copy]]) -> Together[_Asked, _Found]:
    """The phones of a hall come back at once, after a pause or a failure, when no process knows them.

    :param read: the copies of the users whom these keys sign in
    """

    def find(asked: Sequence[_Asked]) -> list[_Found]:
        keys = {one.name: one.key for one in asked}

        def read_missing(names: Collection[str]) -> dict[str, Copy]:
            copies = read([keys[name] for name in names])
            return {name: copies[keys[name]] for name in names if keys[name] in copies}

        youngest = {one.name for one in asked if one.only_asks}
        found = sign_in_memory.recall_all(list(keys), read_missing, is_shared=True, youngest=youngest)
        return [found.get(one.name, ()) for one in asked]

    return Together(find)


def _copies_of_sessions(keys: Collection[str]) -> dict[str, Copy]:
    """As ``django.contrib.auth.get_user``, which would give a session of an older SECRET_KEY a new key: pages do that."""
    sessions = {
        key: session
        for key, session in SessionStore.load_all(keys).items()
        if session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
    }
    copies = find_copies({int(session[SESSION_KEY]) for session in sessions.values()})
    found = {}
    for key, session in sessions.items():
        copy = copies.get(int(session[SESSION_KEY]))
        if copy and _is_signed(session, user_from(copy)):
            found[key] = copy
    return found


def _is_signed(session: Mapping[str, Any], user: User) -> bool:
    """Whether the user's password is still the one of the session."""
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return any(constant_time_compare(session.get(HASH_SESSION_KEY, ""), one) for one in hashes)


def _copies_of_tokens(keys: Collection[str]) -> dict[str, Copy]:
    # PostgreSQL refuses some texts that are none.
    likely = [key for key in keys if key.isascii() and key.isalnum()]
    users = dict(Token.objects.filter(key__in=likely).values_list("key", "user_id"))
    copies = find_copies(set(users.values()))
    return {key: copies[user_id] for key, user_id in users.items() if user_id in copies}


_SESSIONS = _finding(_copies_of_sessions)
_TOKENS = _finding(_copies_of_tokens)


def _name(kind: str, key: str) -> str:
    # Hashed: who reads the cache must not be able to sign in.
    return f"sign-in:{kind}:{hashlib.blake2b(key.encode(), digest_size=20).hexdigest()}"
