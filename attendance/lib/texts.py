"""Texts that are sent or read: how long they may be, and how they are compared and shown."""

from django.db.models import Model


def max_length(model: type[Model], field: str) -> int:
    """The greatest length of the model's text field."""
    limit: int = model._meta.get_field(field).max_length  # type: ignore[assignment, union-attr]
    return limit


def normalised(text: str) -> str:
    """The letters and digits alone, in one case: how names of columns and fixed words are compared."""
    return "".join(character for character in text.casefold() if character.isalnum())


def shortened(text: str) -> str:
    """The text for a message: on one line, and cut off after 40 characters."""
    printable = "".join(character if character.isprintable() else " " for character in text).strip()
    return printable if len(printable) <= 40 else f"{printable[:39]}…"
