"""Signing in with one statement instead of nine, and without a password to check.

``Client.force_login`` stores the new session twice, removes one, reads it back, and notes and logs the moment. Here
the session is stored once. Nothing follows from it: the user's ``last_login`` stays. Tests of signing in use the forms.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils.crypto import get_random_string

from attendance.models import User
from config.accounts.session_store import SessionStore


@contextmanager
def fast_sign_in() -> Iterator[None]:
    slow = Client.force_login

    def sign_in(client: Client, user: User, backend: str | None = None) -> None:
        if backend or settings.SESSION_COOKIE_NAME in client.cookies:
            # There may be a session to take over.
            slow(client, user, backend)
        else:
            client.cookies[settings.SESSION_COOKIE_NAME] = new_session_key(user)

    with patch.object(Client, "force_login", sign_in):
        yield


def new_session_key(user: User) -> str:
    """The key of a new session in which the user is signed in: the value of the cookie."""
    store = SessionStore()
    content: dict[str, Any] = {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    key = get_random_string(32).lower()
    Session.objects.create(
        session_key=key, session_data=store.encode(content), expire_date=store.get_expiry_date()
    )
    return key
