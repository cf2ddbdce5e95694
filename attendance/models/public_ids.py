"""Public ids of sessions and group sessions, used in addresses and QR codes: eight characters of Crockford's base32.
Below them, the codes on exported registers.

A group's id begins with G and a meeting's never does, so that a scanned id is never ambiguous; the database enforces it.
With 40 bits (35 after the G) they are hard to guess, but they protect nothing: every view still checks what its user
may see.
"""

import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8
GROUP_LETTER = "G"
MEETING_PATTERN = r"^[0-9A-FHJKMNP-TV-Z][0-9A-HJKMNP-TV-Z]{7}$"
GROUP_PATTERN = r"^G[0-9A-HJKMNP-TV-Z]{7}$"


def new_meeting_id() -> str:
    first = secrets.choice(ALPHABET.replace(GROUP_LETTER, ""))
    return first + _random(LENGTH - 1)


def new_group_id() -> str:
    return GROUP_LETTER + _random(LENGTH - 1)


def names_a_group(public_id: str) -> bool:
    return public_id.startswith(GROUP_LETTER)


def can_name_a_meeting(text: str) -> bool:
    """Whether the text, as it was sent, can be a meeting's id. The database refuses some texts, such as null bytes."""
    return re.fullmatch(MEETING_PATTERN, text) is not None


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


# --- Codes on exported registers ---------------------------------------------------------------------------

# Nine random characters and one that checks them, so that a typing error is told from an unknown code.
EXPORT_CODE_LENGTH = 10
EXPORT_CODE_PATTERN = r"^[0-9A-HJKMNP-TV-Z]{10}$"
# As Crockford reads what people type.
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def new_export_code() -> str:
    code = _random(EXPORT_CODE_LENGTH - 1)
    return code + _check_character(code)


def read_export_code(text: str) -> str | None:
    """The code that somebody typed, in any case and with hyphens and spaces; None if it cannot be one."""
    code = text.upper().translate(_READ_AS)
    if re.fullmatch(EXPORT_CODE_PATTERN, code) and _check_character(code[:-1]) == code[-1]:
        return code
    return None


def _check_character(code: str) -> str:
    """By Luhn's algorithm in base 32: it finds every wrong character, and nearly all swapped neighbours."""
    total = 0
    for place, character in enumerate(reversed(code)):
        value = ALPHABET.index(character) * (1 if place % 2 else 2)
        total += value // len(ALPHABET) + value % len(ALPHABET)
    return ALPHABET[-total % len(ALPHABET)]
