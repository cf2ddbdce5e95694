"""How passwords are hashed: slowly, so that a stolen table is of little use, and so only one at a time in each process.

Argon2id with the parameters that OWASP recommends. A hash of an older kind is replaced when its owner signs in.
bench/README.md has the cost of a check.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import hashers
from django.db import connection

from attendance.lib.refusals import Busy

# Longer than the requests ahead take: config/serving/request_pools.py lets only a few of them in at a time.
WAIT_SECONDS = 5

# Reentrant, because checking a PBKDF2 hash makes one.
_lock = threading.RLock()


@contextmanager
def _own_turn() -> Iterator[None]:
    """Wait for a turn to hash, without a database connection.

    :raises Busy: if it takes too long
    """
    if not connection.in_atomic_block:
        connection.close()
    if not _lock.acquire(timeout=WAIT_SECONDS):
        raise Busy
    try:
        yield
    finally:
        _lock.release()


class _OneAtATime(hashers.BasePasswordHasher):
    def encode(self, *arguments: Any) -> str:
        with _own_turn():
            encoded: str = super().encode(*arguments)
            return encoded

    def verify(self, password: str, encoded: str) -> bool:
        with _own_turn():
            return super().verify(password, encoded)


class Argon2(_OneAtATime, hashers.Argon2PasswordHasher):
    memory_cost = 19 * 1024
    time_cost = 2
    parallelism = 1


class PBKDF2(_OneAtATime, hashers.PBKDF2PasswordHasher):
    """For accounts that have not signed in since Argon2 was introduced."""


class Scrypt(_OneAtATime, hashers.ScryptPasswordHasher):
    """For accounts that were imported from elsewhere."""
