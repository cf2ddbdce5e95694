"""The personal QR code that students without a camera show to the teacher's device.

Like the session's token it is stateless: an HMAC-SHA256 over the student and the time step, with a key derived from
SECRET_KEY. It changes every half minute, so a photo of it soon expires, and it marks once in a class. The text is ``ROLLCALL:<student>-<MAC>`` and not
an address, because there is nothing to open with a phone's camera.
"""

import datetime
import hmac
import re

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from attendance.models import Student
from attendance.models.public_ids import ALPHABET
from qrsessions.refusals import TokenExpired, TokenInvalid

SALT = "rollcall.personal-code"
STEP_SECONDS = 30
# The current step and the one before: a code is accepted for 30 to 60 s.
STEPS_ACCEPTED = 2
# Half a step, so that the page never shows an expired code.
REFRESH_SECONDS = 15
# How far to look back to tell an expired code from a forged one; older codes count as forged.
STEPS_LOOKED_BACK = 20
MAC_CHARACTERS = 16
_FORM = re.compile(rf"ROLLCALL:([{ALPHABET}]{{1,13}})-([{ALPHABET}]{{{MAC_CHARACTERS}}})")


class PersonalCodeInvalid(TokenInvalid):
    detail = _("This is not a student’s personal code. Students find theirs under “My QR code”.")


class PersonalCodeUsed(PersonalCodeInvalid):
    """It marked the student in this class before, and the mark was taken back."""

    detail = _("This code has already been used. It changes every 30 seconds: scan the next one.")


class PersonalCodeExpired(TokenExpired):
    detail = _("This code has expired. It changes every 30 seconds: scan the one on the student’s phone now.")


def make(*, student: Student, at: datetime.datetime) -> str:
    """The text of the student's QR code at that moment, in QR's alphanumeric mode."""
    return f"ROLLCALL:{_base32(student.pk)}-{_mac(student.pk, _step_at(at))}"


def read(text: str, *, at: datetime.datetime) -> Student:
    """The student to whom the code belongs.

    :raises PersonalCodeExpired: if it was valid within the last ten minutes but no longer is
    :raises PersonalCodeInvalid: if it is forged, cut off or something else, or its student no longer exists
    """
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise PersonalCodeInvalid
    pk, mac = _number(form[1]), form[2]
    if form[1] != _base32(pk):
        # Zeros in front would make another text of a code that was used.
        raise PersonalCodeInvalid
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
