"""Natural order of roll numbers: "2" before "10", "A-9" before "A-10"."""

import re

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """A sort key that compares runs of digits as numbers and the rest as text, ignoring case."""
    parts = _DIGITS.split(text.casefold())
    return [
        (0, int(part), part) if part.isdigit() and part.isascii() else (1, 0, part) for part in parts if part
    ]
