"""Public ids: eight characters of Crockford's base32 that name a session or a group session in addresses and QR codes.

Both share one namespace, so that a scanned id is never ambiguous: a group's begins with G, a meeting's never
does, and the database holds each to that. 40 bits (35 behind the first letter) cannot be guessed in useful time,
and guard nothing by themselves: what an id names is still fetched through what its user may see.
"""

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


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
