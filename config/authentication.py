"""Signing in without a query: by session and by token."""

import hashlib
from typing import Any

from allauth.account import auth_backends
from django.core.cache import cache
from django.db import transaction
from django.utils.translation import gettext as _
from rest_framework import authentication, exceptions
from rest_framework.authtoken.models import Token

from attendance.known_users import KEPT_SECONDS, find_user
from attendance.models import User


class Backend(auth_backends.AuthenticationBackend):
    """allauth's, which finds the user of a session in the cache."""

    def get_user(self, user_id: int) -> User | None:
        user = find_user(user_id)
        return user if user and self.user_can_authenticate(user) else None


class TokenAuthentication(authentication.TokenAuthentication):
    """DRF's, which finds the user of a token in the cache."""

    def authenticate_credentials(self, key: str) -> tuple[User, str]:
        user_id = cache.get(_cache_key(key))
        if user_id is None:
            user_id = Token.objects.filter(key=key).values_list("user_id", flat=True).first()
            if user_id is None:
                raise exceptions.AuthenticationFailed(_("Invalid token."))
            cache.set(_cache_key(key), user_id, KEPT_SECONDS)
        user = find_user(user_id)
        if user is None or not user.is_active:
            raise exceptions.AuthenticationFailed(_("User inactive or deleted."))
        return user, key


def forget_token(instance: Token, **kwargs: Any) -> None:
    """Called after every change of a token."""
    cache.delete(_cache_key(instance.key))
    # Another may have copied what was before the commit.
    transaction.on_commit(lambda: cache.delete(_cache_key(instance.key)), robust=True)


def _cache_key(key: str) -> str:
    # Hashed: who reads the cache must not be able to sign in.
    return f"token:{hashlib.sha256(key.encode()).hexdigest()}"
