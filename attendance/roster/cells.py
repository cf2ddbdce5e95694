"""Single cells as values. Each function adds what is wrong to the problems, and then answers with an empty value."""

from __future__ import annotations

import datetime
import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Model

from attendance.roster.problems import Problems
from attendance.roster.tables import Row


def length(model: type[Model], field: str) -> int:
    """How long a text the model's field takes."""
    limit: int = model._meta.get_field(field).max_length  # type: ignore[assignment, union-attr]
    return limit


def identifier(row: Row, column: str, *, limit: int, problems: Problems, required: bool = True) -> str:
    """An id, a code or a number: text as given, without the white space around it; "07" is not "7"."""
    return _checked(
        row, column, row.cells.get(column, "").strip(), limit=limit, problems=problems, required=required
    )


def label(row: Row, column: str, *, limit: int, problems: Problems, required: bool = True) -> str:
    """A name or title: one line, in Unicode's composed form, so that one name is never two."""
    text = unicodedata.normalize("NFC", " ".join(row.cells.get(column, "").split()))
    return _checked(row, column, text, limit=limit, problems=problems, required=required)


def email(row: Row, column: str, *, limit: int, problems: Problems) -> str:
    """An address, or nothing."""
    text = identifier(row, column, limit=limit, problems=problems, required=False)
    if text and not is_email(text):
        row.place.problem(problems, column, f"“{text}” is not an e-mail address.")
        return ""
    return text


def is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def date(row: Row, column: str, *, problems: Problems) -> datetime.date | None:
    """A date as 2026-09-01, with or without a time behind it; nothing where the cell is empty."""
    text = row.cells.get(column, "").strip()
    if not text:
        return None
    try:
        return datetime.datetime.fromisoformat(text).date()
    except ValueError:
        row.place.problem(problems, column, f"“{text[:40]}” is not a date. Write it as 2026-09-01.")
        return None


def _checked(row: Row, column: str, text: str, *, limit: int, problems: Problems, required: bool) -> str:
    if not text:
        if required:
            row.place.problem(problems, column, "The cell is empty.")
        return ""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        row.place.problem(problems, column, "The text has control characters in it.")
        return ""
    if len(text) > limit:
        row.place.problem(problems, column, f"The text has {len(text)} characters; {limit} are the most.")
        return ""
    return text
