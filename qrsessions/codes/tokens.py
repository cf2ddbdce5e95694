"""The rotating token in the QR code, and the code that can be typed instead. Stateless: nothing is stored.

A token is HMAC-SHA256 (RFC 2104), with the session's own key, over its public id and the number of the time step
(as TOTP, RFC 6238, counts steps). Any web process makes and checks the same one, before and after a restart.
It is 20 characters of Crockford's base32: the public id (8), then the first 60 bits of the MAC (12), so that the
whole address fits QR's alphanumeric mode at version 3, level M.
"""

import datetime
import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from attendance.models.public_ids import ALPHABET, LENGTH
from qrsessions.refusals import TokenExpired, TokenInvalid

MAC_CHARACTERS = 12
TOKEN_CHARACTERS = LENGTH + MAC_CHARACTERS
CODE_DIGITS = 8
CODE_STEP_SECONDS = 30
CODE_STEPS_ACCEPTED = 2
# How far back we can tell an expired code from a wrong one.
CODE_STEPS_KNOWN = 20
# How far back we can tell an expired token from a forged one. Each step costs an HMAC.
LOOK_BACK = datetime.timedelta(minutes=5)

# Crockford's base32 reads I and L as 1, and O as 0.
_READ_AS = str.maketrans("ILO", "110")


@dataclass(frozen=True)
class ParsedToken:
    public_id: str
    mac: str


def parse(token: str) -> ParsedToken:
    """Read a token as scanned or typed.

    :raises TokenInvalid: if it cannot be a token at all
    """
    text = token.strip().upper().translate(_READ_AS)
    if len(text) != TOKEN_CHARACTERS or not set(text) <= set(ALPHABET):
        raise TokenInvalid
    return ParsedToken(public_id=text[:LENGTH], mac=text[LENGTH:])


def step_at(at: datetime.datetime) -> int:
    """The number of the token's time step at a moment."""
    return int(at.timestamp()) // _step_seconds()


def step_starts_at(step: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(step * _step_seconds(), tz=datetime.UTC)


def make(*, public_id: str, secret: bytes | memoryview, step: int) -> str:
    """The token of a session or group session in a time step."""
    return public_id + _mac(public_id, secret, step)


def valid_until(step: int) -> datetime.datetime:
    """The moment from which the step's token is no longer accepted."""
    return step_starts_at(step + settings.QR_STEPS_ACCEPTED)


def is_fresh(*, step: int, at: datetime.datetime) -> bool:
    return step_at(at) - step < int(settings.QR_STEPS_ACCEPTED)


def is_shown(token: ParsedToken, *, secret: bytes | memoryview, at: datetime.datetime) -> bool:
    """Whether it is one of the tokens accepted now. Unlike ``step_of``, it does not look back."""
    newest = step_at(at)
    return any(
        hmac.compare_digest(_mac(token.public_id, secret, newest - age), token.mac)
        for age in range(settings.QR_STEPS_ACCEPTED)
    )


def step_of(
    token: ParsedToken, *, secret: bytes | memoryview, since: datetime.datetime, at: datetime.datetime
) -> int:
    """The step that a token was made for, fresh or expired.

    :param since: no token was shown before this moment
    :raises TokenInvalid: if its MAC fits no step of the last minutes: forged, damaged, of the future or long expired
    """
    oldest = step_at(max(since, at - LOOK_BACK))
    for step in range(step_at(at), oldest - 1, -1):
        if hmac.compare_digest(_mac(token.public_id, secret, step), token.mac):
            return step
    raise TokenInvalid


def make_code(*, public_id: str, secret: bytes | memoryview, at: datetime.datetime) -> str:
    """The eight digits that can be typed instead of scanning, at a moment."""
    return _code(public_id, secret, _code_step_at(at))


def check_code(text: str, *, public_id: str, secret: bytes | memoryview, at: datetime.datetime) -> None:
    """Accepts a typed code that is shown now or was shown a step ago; spaces do not matter.

    :raises TokenExpired: if it was shown in the last ten minutes
    :raises TokenInvalid: if it was not
    """
    digits = "".join(text.split())
    if len(digits) != CODE_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise TokenInvalid(_("The code has eight digits. Check the screen again."))
    newest = _code_step_at(at)
    for age in range(CODE_STEPS_KNOWN):
        if hmac.compare_digest(_code(public_id, secret, newest - age), digits):
            if age >= CODE_STEPS_ACCEPTED:
                raise TokenExpired
            return
    raise TokenInvalid(_("This is not the code for this class. Check the screen again."))


def _step_seconds() -> int:
    return int(settings.QR_STEP_SECONDS)


def _mac(public_id: str, secret: bytes | memoryview, step: int) -> str:
    digest = hmac.digest(bytes(secret), f"qr:{public_id}:{step}".encode(), hashlib.sha256)
    number = int.from_bytes(digest[:8]) >> 4
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(55, -1, -5))


def _code_step_at(at: datetime.datetime) -> int:
    return int(at.timestamp()) // CODE_STEP_SECONDS


def _code(public_id: str, secret: bytes | memoryview, step: int) -> str:
    digest = hmac.digest(bytes(secret), f"code:{public_id}:{step}".encode(), hashlib.sha256)
    return f"{int.from_bytes(digest[:8]) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"
