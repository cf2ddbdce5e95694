"""Claims: the proof that a token arrived at a moment, carried by the student's browser until the mark.

A slow sign-in, a slow page or a database that is away must not cost anybody the mark. So the token is checked for the
moment at which it arrived, and the claim then marks with that moment. It is signed and works once (``UsedNonce``). It
is held by the signed-in user or by the session cookie or API token that sent it, for 60 s; or, before sign-in, by the
browser (its device cookie), for 3 minutes. A browser holds at most two claims at a time, so that one phone cannot collect
scans for its owner's friends; and what it marks has its device, so that the teacher sees those marks together.
"""

import datetime
import secrets
from dataclasses import dataclass

from django.core import signing
from django.core.cache import cache
from django.utils.crypto import salted_hmac

from attendance.models import User
from qrsessions.refusals import TokenInvalid

SALT = "rollcall.claim"
USER_SECONDS = 60
BROWSER_SECONDS = 180
HELD_BY_A_BROWSER = 2
_BROWSER = "browser"


@dataclass(frozen=True)
class Claim:
    """A token of a session arrived at ``arrived_at``. ``mac`` is the token's if it is still to be checked, else empty."""

    public_id: str
    nonce: str
    arrived_at: datetime.datetime
    held_by: str
    mac: str

    @property
    def before_sign_in(self) -> bool:
        return self.held_by.startswith(_BROWSER)

    @property
    def expires_at(self) -> datetime.datetime:
        seconds = BROWSER_SECONDS if self.before_sign_in else USER_SECONDS
        return self.arrived_at + datetime.timedelta(seconds=seconds)

    def is_fresh(self, *, at: datetime.datetime) -> bool:
        return at <= self.expires_at


def held_by_user(user: User) -> str:
    return f"user {user.pk}"


def held_by_browser(device: str) -> str:
    """Held by the browser with this device; by none if that is unknown.

    :param device: hash of the device cookie
    """
    return f"{_BROWSER} {device or secrets.token_hex(12)}"


def held_by_credential(credential: str) -> str:
    """Held by whoever sends the same session cookie or ``Authorization`` header again."""
    return f"credential {salted_hmac(SALT, credential, algorithm='sha256').hexdigest()[:32]}"


def issue(*, public_id: str, arrived_at: datetime.datetime, held_by: str, mac: str = "") -> str:
    """A signed claim."""
    return _signed(Claim(public_id, _new_nonce(), arrived_at, held_by, mac))


def issue_before_sign_in(*, public_id: str, arrived_at: datetime.datetime, device: str) -> str | None:
    """A signed claim for a browser; None if it holds two that are neither used nor expired.

    While the cache is away, a browser may hold any number.
    """
    nonce = _new_nonce()
    # ``add`` gives None while the cache is away.
    if all(cache.add(place, nonce, BROWSER_SECONDS) is False for place in _places(device)):
        return None
    return _signed(Claim(public_id, nonce, arrived_at, held_by_browser(device), mac=""))


def let_go(claim: Claim, *, device: str) -> None:
    """The browser no longer holds the claim, because it was used."""
    held = cache.get_many(_places(device))
    cache.delete_many([place for place, nonce in held.items() if nonce == claim.nonce])


def read(text: str, *, user: User, device: str = "", credential: str = "") -> Claim:
    """The claim that the user presents, fresh or not.

    :param device: hash of the browser's device cookie; empty if unknown
    :raises TokenInvalid: if it is forged or somebody else's
    """
    claim = parse(text)
    if claim.held_by not in (held_by_browser(device), held_by_user(user), held_by_credential(credential)):
        raise TokenInvalid
    return claim


def parse(text: str) -> Claim:
    """The claim, fresh or not, whoever holds it.

    :raises TokenInvalid: if it is forged
    """
    try:
        public_id, nonce, arrived, held_by, mac = signing.loads(text, salt=SALT)
    except (signing.BadSignature, ValueError) as error:
        raise TokenInvalid from error
    arrived_at = datetime.datetime.fromtimestamp(arrived, tz=datetime.UTC)
    return Claim(public_id, nonce, arrived_at, held_by, mac)


def _signed(claim: Claim) -> str:
    payload = [claim.public_id, claim.nonce, claim.arrived_at.timestamp(), claim.held_by, claim.mac]
    return signing.dumps(payload, salt=SALT)


def _new_nonce() -> str:
    return secrets.token_hex(12)


def _places(device: str) -> list[str]:
    """The cache keys of the claims that a browser may hold."""
    return [f"claim:{device}:{number}" for number in range(HELD_BY_A_BROWSER)]
