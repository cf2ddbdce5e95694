"""Who is signed in: the backend of browser sessions, and the API's sign-in by token and by session.

The API remembers who is behind a token or session cookie (``attendance.lib.versioned_cache``), because the phones of a
hall ask every few seconds. Whatever ends or changes a sign-in ends what is remembered: ``forget_sign_ins``.
"""

from collections.abc import Collection, Sequence
from time import sleep
from typing import Any

from allauth.account import auth_backends
from allauth.account.adapter import get_adapter
from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from attendance.lib.versioned_cache import VersionedCache
from attendance.models import ApiToken, User
from attendance.models.api_tokens import hash_of
from config.accounts.devices import device_of
from config.accounts.limits import count_sign_in
from config.accounts.session_store import SessionStore

# How much later a wrong password is answered. With the few threads of config/serving/request_pools.py, each process
# answers about five guesses a second.
WRONG_PASSWORD_SECONDS = 0.4

signed_in_users: VersionedCache[User] = VersionedCache("sign-ins")


def forget_sign_ins(*, update_fields: Collection[str] | None = None, **kwargs: Any) -> None:
    """Called after every change of a user, student or token."""
    # Every sign-in writes this field, and nothing reads it from a remembered user.
    if set(update_fields or ()) != {"last_login"}:
        signed_in_users.clear()


def forget_ended_session(*, instance: Session, **kwargs: Any) -> None:
    """Called after a session was deleted. Expired ones are refused anyway, and are deleted by the thousand."""
    if instance.expire_date > timezone.now():
        signed_in_users.clear()


class Backend(auth_backends.AuthenticationBackend):
    """allauth's, with our limits. It reads the user together with the user's student, if any."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """The user whose name or e-mail address and password these are.

        :raises TooOften: if too many passwords were wrong
        :raises Busy: if too many passwords are being checked
        """
        name, password = credentials.get("username") or credentials.get("email"), credentials.get("password")
        if not name or not password:
            return None
        users = users_named(name)
        attempt = count_sign_in(
            accounts=[str(user.pk) for user in users] or [f"name {name}"],
            address=get_adapter().get_client_ip(request) if request else "",
            device=device_of(request) if request else None,
        )
        try:
            user = self._whose_password(users, password)
        except Exception:
            # Busy, or the database is away: the password was not wrong.
            attempt.uncount()
            raise
        if user:
            attempt.uncount()
        else:
            _delay_answer()
        return user

    def _whose_password(self, users: Sequence[User], password: str) -> User | None:
        for user in users:
            if self._check_password(user, password):
                return user
        if not users:
            # Takes as long as for a user.
            self._mitigate_timing_attack(password)
        return None

    def get_user(self, user_id: int) -> User | None:
        user = User.objects.select_related("student").filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None


def _delay_answer() -> None:
    """Slow down guessing: meanwhile the request occupies one of the few threads that check passwords."""
    if not connection.in_atomic_block:
        connection.close()
    sleep(WRONG_PASSWORD_SECONDS)


def users_named(name: str) -> list[User]:
    """The users that a typed name or e-mail address may mean: usually one, several if they share an address."""
    users: list[User] = (
        filter_users_by_email(name, prefer_verified=True, for_login=True) if "@" in name else []
    )
    named = get_user_by_username(name)
    return list({user.pk: user for user in [*users, *([named] if named else [])]}.values())


class TokenAuthentication(authentication.TokenAuthentication):
    """DRF's, with our own tokens and the remembered user."""

    def authenticate_credentials(self, key: str) -> tuple[User, str]:
        key_hash = hash_of(key)
        user = signed_in_users.get(f"token {key_hash}", lambda: self._user_of(key_hash))
        if user is None:
            raise exceptions.AuthenticationFailed(_("Invalid token."))
        if not user.is_active:
            raise exceptions.AuthenticationFailed(_("User inactive or deleted."))
        return user, key

    @staticmethod
    def _user_of(key_hash: str) -> User | None:
        token = ApiToken.objects.select_related("user__student").filter(key_hash=key_hash).first()
        if token is None:
            return None
        token.note_use(at=timezone.now())
        return token.user


class SessionAuthentication(authentication.SessionAuthentication):
    """DRF's, with the remembered user."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        user = signed_in_users.get(f"session {key}", lambda: self._user_of(key)) if key else None
        if user is None:
            return None
        self.enforce_csrf(request)
        return user, None

    @staticmethod
    def _user_of(key: str) -> User | None:
        request = HttpRequest()
        request.session = SessionStore(key)
        user = get_user(request)
        return user if isinstance(user, User) and user.is_active else None
