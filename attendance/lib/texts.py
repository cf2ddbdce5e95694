"""Texts from files, as they are compared and shown."""


def normalised(text: str) -> str:
    """The letters and digits alone, in one case: how names of columns and fixed words are compared."""
    return "".join(character for character in text.casefold() if character.isalnum())


def shortened(text: str) -> str:
    """The text for a message: on one line, and cut off after 40 characters."""
    printable = "".join(character if character.isprintable() else " " for character in text).strip()
    return printable if len(printable) <= 40 else f"{printable[:39]}…"
