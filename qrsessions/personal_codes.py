"""The personal QR code of a student without a camera, who shows it to the teacher's device.

Stateless as the session's own token: HMAC-SHA256 under a key derived from SECRET_KEY, over the student and the time
step. It changes every half minute, so a picture of it is soon worth nothing. The text is ``ROLLCALL:<student>-<MAC>``: no
address, for whoever opens one with the phone's own camera has nothing to do there.
"""

import datetime
import hmac
import re

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from attendance.models import Student
from attendance.models.public_ids import ALPHABET
from qrsessions.tokens import TokenExpired, TokenInvalid

SALT = "rollcall.personal-code"
STEP_SECONDS = 30
# The step that is shown and the one before it: a code is good for 30 to 60 s.
STEPS_ACCEPTED = 2
# Half a step: a page that asks this often never shows a code that is refused.
REFRESH_SECONDS = 15
# An expired code is told from a forged one by looking back this many steps; older ones count as forged.
STEPS_LOOKED_BACK = 20
MAC_CHARACTERS = 16
_FORM = re.compile(rf"ROLLCALL:([{ALPHABET}]{{1,13}})-([{ALPHABET}]{{{MAC_CHARACTERS}}})")


class PersonalCodeInvalid(TokenInvalid):
    detail = _("This is no student’s personal code. The student finds it under “My QR code”.")


class PersonalCodeExpired(TokenExpired):
    detail = _(
        "This code is over: it changes every half minute. Scan the one that the student’s phone shows now."
    )


def make(*, student: Student, at: datetime.datetime) -> str:
    """The text of the student's QR code at a moment; it fits QR's alphanumeric mode."""
    return f"ROLLCALL:{_base32(student.pk)}-{_mac(student.pk, _step_at(at))}"


def read(text: str, *, at: datetime.datetime) -> Student:
    """The student whose code was shown.

    :raises PersonalCodeExpired: if it was shown in the last ten minutes, and is no longer
    :raises PersonalCodeInvalid: if it was not: forged, cut, something else, or of somebody who is gone
    """
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise PersonalCodeInvalid
    pk, mac = _number(form[1]), form[2]
    newest = _step_at(at)
    for age in range(STEPS_LOOKED_BACK):
        if hmac.compare_digest(_mac(pk, newest - age), mac):
            if age >= STEPS_ACCEPTED:
                raise PersonalCodeExpired
            break
    else:
        raise PersonalCodeInvalid
    student = Student.objects.filter(pk=pk).first()
    if student is None:
        raise PersonalCodeInvalid
    return student


def _step_at(at: datetime.datetime) -> int:
    return int(at.timestamp()) // STEP_SECONDS


def _mac(pk: int, step: int) -> str:
    digest = salted_hmac(SALT, f"{pk}:{step}", algorithm="sha256").digest()
    return _base32(int.from_bytes(digest[: MAC_CHARACTERS * 5 // 8])).rjust(MAC_CHARACTERS, ALPHABET[0])


def _base32(number: int) -> str:
    text = ""
    while True:
        number, digit = divmod(number, len(ALPHABET))
        text = ALPHABET[digit] + text
        if not number:
            return text


def _number(text: str) -> int:
    number = 0
    for character in text:
        number = number * len(ALPHABET) + ALPHABET.index(character)
    return number
