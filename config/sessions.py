"""Sessions of signed-in browsers: in PostgreSQL for good, with a copy in the cache that spares each request a query.

The copy lives for minutes, not for the term: a session that was ended while the cache was away is over soon.
"""

from typing import Any

from django.conf import settings
from django.contrib.sessions.backends import cached_db
from django.core.cache import caches

COPIED_SECONDS = 120


class SessionStore(cached_db.SessionStore):
    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._cache = _ShortLived(caches[settings.SESSION_CACHE_ALIAS])


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
