"""Sessions of signed-in browsers: in PostgreSQL for good, with a copy in the cache that spares each request a query.

The copy lives for minutes, not for the term: a session that was ended while the cache was away is over soon. Who ends
one tells all processes (``attendance.sign_in_memory``).
"""

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import cached_db
from django.core.cache import caches
from django.utils import timezone

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

    @classmethod
    def load_all(cls, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        """What ``load`` gives for each of the keys, of those that there are."""
        stores = {key: cls(key) for key in keys if cls.could_be(key)}
        named = {f"{cls.cache_key_prefix}{key}": key for key in stores}
        found = {
            named[name]: data for name, data in caches[settings.SESSION_CACHE_ALIAS].get_many(named).items()
        }
        if missing := stores.keys() - found.keys():
            rows = cls.get_model_class().objects.filter(
                session_key__in=missing, expire_date__gt=timezone.now()
            )
            read = {row.session_key: stores[row.session_key].decode(row.session_data) for row in rows}
            copies = {f"{cls.cache_key_prefix}{key}": data for key, data in read.items()}
            caches[settings.SESSION_CACHE_ALIAS].set_many(copies, COPIED_SECONDS)
            found |= read
        return found

    @staticmethod
    def could_be(key: str) -> bool:
        """Whether it looks like the key of a session; PostgreSQL refuses some others."""
        return key.isascii() and key.isalnum()


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
