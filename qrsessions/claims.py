"""Claims: the proof that a good token arrived at a moment, carried by the student's browser until the mark.

A slow sign-in or a slow page must not cost anybody the mark, so the token is checked when the request arrives, and the
claim that is issued then marks with that moment. It is signed, works once (its nonce is unique on the records), and
is bound to the signed-in user for 60 s or, before sign-in, lives in a cookie of that browser for 3 minutes.
"""

import datetime
import secrets
from dataclasses import dataclass

from django.core import signing

from attendance.models import User
from qrsessions.tokens import TokenInvalid

SALT = "rollcall.claim"
USER_SECONDS = 60
BROWSER_SECONDS = 180


@dataclass(frozen=True)
class Claim:
    """A good token of a session arrived at ``arrived_at``; ``before_sign_in``: nobody knows from whose phone."""

    public_id: str
    nonce: str
    arrived_at: datetime.datetime
    user_id: int | None

    @property
    def before_sign_in(self) -> bool:
        return self.user_id is None

    def is_fresh(self, *, at: datetime.datetime) -> bool:
        seconds = BROWSER_SECONDS if self.before_sign_in else USER_SECONDS
        return at - self.arrived_at <= datetime.timedelta(seconds=seconds)


def issue(*, public_id: str, arrived_at: datetime.datetime, user_id: int | None) -> str:
    """A signed claim for the hands of the user with this key or, without one, of the browser."""
    payload = [public_id, secrets.token_hex(12), arrived_at.timestamp(), user_id]
    return signing.dumps(payload, salt=SALT)


def read(text: str, *, user: User) -> Claim:
    """Reads a claim that the user presents, be it fresh or not.

    :raises TokenInvalid: if it is forged or another user's
    """
    try:
        public_id, nonce, arrived, user_id = signing.loads(text, salt=SALT)
    except (signing.BadSignature, ValueError) as error:
        raise TokenInvalid from error
    claim = Claim(public_id, nonce, datetime.datetime.fromtimestamp(arrived, tz=datetime.UTC), user_id)
    if claim.user_id not in (None, user.pk):
        raise TokenInvalid
    return claim
