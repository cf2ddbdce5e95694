"""A cache in the memory of each process that is invalidated in all processes by changing a shared version.

For data that every request reads and that rarely changes: who is signed in. A process asks Redis for the version at most
five times a second, so a change is known everywhere within that time. While Redis is away nothing is cached.
"""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.core.cache import cache
from django.db import connection, transaction

Value = TypeVar("Value")

CHECK_SECONDS = 0.2
# No value outlives this, even if Redis could not be told of a change.
LIFE_SECONDS = 10.0
MAX_ENTRIES = 20_000


class VersionedCache(Generic[Value]):
    """:param name: of its version in Redis; values of one key are shared by all threads, so do not change them"""

    def __init__(self, name: str) -> None:
        self._key = f"version:{name}"
        self._lock = threading.Lock()
        self._version: str | None = None
        self._checked_at = float("-inf")
        self._is_outdated = False
        self._entries: dict[str, tuple[str, float, Value]] = {}

    def get(self, key: str, read: Callable[[], Value | None]) -> Value | None:
        """The value of the key, from memory or from ``read``. None is not kept."""
        version, now = self._current_version(), time.monotonic()
        found = self._entries.get(key)
        if found and found[0] == version and now < found[1]:
            return found[2]
        value = read()
        if value is not None and version is not None:
            if len(self._entries) >= MAX_ENTRIES:
                self._entries.clear()
            # Under the version from before the read, so that a change made during the read invalidates it.
            self._entries[key] = (version, now + LIFE_SECONDS, value)
        return value

    def clear(self) -> None:
        """Invalidate all values in all processes, now and again on commit."""
        self._renew()
        if connection.in_atomic_block:
            transaction.on_commit(self._renew, robust=True)

    def _renew(self) -> None:
        with self._lock:
            self._entries.clear()
            self._checked_at = float("-inf")
            # Redis may be away: then the next request tries again.
            self._is_outdated = not self._write_version()

    def _current_version(self) -> str | None:
        if time.monotonic() - self._checked_at > CHECK_SECONDS:
            with self._lock:
                if self._is_outdated:
                    self._is_outdated = not self._write_version()
                if time.monotonic() - self._checked_at > CHECK_SECONDS:
                    self._version = None if self._is_outdated else self._read_version()
                    self._checked_at = time.monotonic()
                    if self._version is None:
                        # Somebody else's change may not have reached Redis either.
                        self._entries.clear()
        return self._version

    def _write_version(self) -> bool:
        version = secrets.token_hex(8)
        cache.set(self._key, version, timeout=None)
        # While Redis is away the cache answers None.
        return bool(cache.get(self._key) == version)

    def _read_version(self) -> str | None:
        version: str | None = cache.get(self._key)
        if version is None and cache.add(self._key, secrets.token_hex(8), timeout=None):
            version = cache.get(self._key)
        return version
