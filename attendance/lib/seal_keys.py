"""The keys that seal registers: derived from SECRET_KEY, and named so that a seal says which one made it.

After SECRET_KEY was changed, what the old key sealed can still be checked while it is in SECRET_KEY_FALLBACKS.
"""

import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings
from django.utils.crypto import salted_hmac

SALT = "rollcall.seals"
ID_LENGTH = 8


@dataclass(frozen=True)
class SealKey:
    id: str
    key: bytes

    def mac(self, message: str) -> str:
        """HMAC-SHA256 of the message, as 64 hexadecimal digits."""
        return hmac.digest(self.key, message.encode(), hashlib.sha256).hex()


def current() -> SealKey:
    """The key that seals now."""
    return _derived(settings.SECRET_KEY)


def find(key_id: str) -> SealKey | None:
    """The key with this id; None if the site no longer has it."""
    keys = map(_derived, [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS])
    return next((key for key in keys if key.id == key_id), None)


def is_mac(mac: str, *, key_id: str, message: str) -> bool | None:
    """Whether the key made this MAC of the message; None if the site no longer has the key."""
    key = find(key_id)
    return hmac.compare_digest(key.mac(message), mac) if key else None


def _derived(secret: str) -> SealKey:
    key_id = salted_hmac(f"{SALT}.id", "", secret=secret, algorithm="sha256").hexdigest()[:ID_LENGTH]
    return SealKey(key_id, salted_hmac(SALT, "", secret=secret, algorithm="sha256").digest())
