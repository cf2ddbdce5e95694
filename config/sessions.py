"""Sessions of signed-in browsers: in PostgreSQL for good, with a copy in the cache that spares each request a query.

The copy lives for minutes, not for the term: a session that was ended while the cache was away is over soon. Who ends
one tells all processes (``attendance.sign_in_memory``).
"""

from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import cached_db
from django.core.cache import caches

from attendance import sign_in_memory

COPIED_SECONDS = 120


class SessionStore(cached_db.SessionStore):
    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._cache = _ShortLived(caches[settings.SESSION_CACHE_ALIAS])

    def delete(self, session_key: str | None = None) -> None:
        super().delete(session_key)
        # Not for each visitor who signs in, and had a session of nobody before.
        if not self._is_of_nobody():
            sign_in_memory.forget_all()

    def flush(self) -> None:
        was_of_nobody = self._is_of_nobody()
        super().flush()
        if not was_of_nobody:
            sign_in_memory.forget_all()

    def _is_of_nobody(self) -> bool:
        loaded: dict[str, Any] | None = getattr(self, "_session_cache", None)
        return loaded is not None and SESSION_KEY not in loaded


class _ShortLived:
    """A cache that keeps nothing for long."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def set(self, key: str, value: Any, timeout: float | None = None) -> None:
        self._cache.set(key, value, COPIED_SECONDS)

    def __contains__(self, key: str) -> bool:
        return key in self._cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)
