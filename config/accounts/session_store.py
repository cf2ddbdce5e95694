"""Sessions of signed-in browsers, in PostgreSQL."""

from typing import Any

from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    """Django's own, which would look up keys that PostgreSQL refuses, such as one with a NUL."""

    def _validate_session_key(self, key: Any) -> bool:
        is_likely = bool(super()._validate_session_key(key))  # type: ignore[misc]
        return is_likely and key.isascii() and key.isalnum()
