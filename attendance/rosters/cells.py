"""Turn single cells into values. A function that finds a cell wrong adds a problem and returns an empty value."""

from __future__ import annotations

import datetime
import re
import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from attendance.rosters.csv_rows import Row
from attendance.rosters.problems import Problems

# 1.23457E+11
_SHORTENED = re.compile(r"\d+([.,]\d+)?E\+\d+", re.IGNORECASE)
# They change how a name looks in Persian and in Indian scripts.
_JOINERS = "\u200c\u200d"


def clean_id(text: str) -> str:
    """Return an id without invisible characters, surrounding white space, and the ``'`` that keeps leading zeros."""
    visible = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return visible.strip().removeprefix("'").strip()


def fault_of_id(text: str) -> str:
    """Return why this cannot be an id, or an empty string."""
    if _SHORTENED.fullmatch(text):
        return _(
            "“%(text)s” is what a spreadsheet program made of a long number. "
            "Format the column as text, enter the numbers again and save the file."
        ) % {"text": text}
    if any(character.isspace() and character != " " for character in text):
        return _("The text contains a no-break space. Replace it with an ordinary one, or remove it.")
    return ""


def identifier(row: Row, column: str, *, limit: int, problems: Problems, required: bool = True) -> str:
    """Return an id, code or number as given: "07" is not "7". Only what nobody can see is removed."""
    text = clean_id(row.cells.get(column, ""))
    text = _checked(row, column, text, limit=limit, problems=problems, required=required)
    fault = fault_of_id(text)
    if fault:
        row.location.add_problem(problems, column, fault)
        return ""
    return text


def label(row: Row, column: str, *, limit: int, problems: Problems, required: bool = True) -> str:
    """Return a name or title on one line, in Unicode's composed form so that equal names compare equal."""
    visible = "".join(
        character
        for character in row.cells.get(column, "")
        if character in _JOINERS or unicodedata.category(character) != "Cf"
    )
    text = unicodedata.normalize("NFC", " ".join(visible.split()))
    return _checked(row, column, text, limit=limit, problems=problems, required=required)


def email(row: Row, column: str, *, limit: int, problems: Problems, needed: bool = False) -> str:
    """Return an e-mail address, or an empty string.

    :param needed: a text that is no address is a problem; else it is left out with a note
    """
    text = identifier(row, column, limit=limit, problems=problems, required=False)
    if not text or is_email(text):
        return text
    if needed:
        row.location.add_problem(problems, column, f"“{text}” is not an e-mail address.")
    else:
        where, header = row.location, row.location.headers[column]
        problems.notes.append(f"{where}, column “{header}”: “{text}” is not an e-mail address. Left out.")
    return ""


def is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def date(row: Row, column: str, *, problems: Problems) -> datetime.date | None:
    """Return an ISO date, ignoring a time after it, or None if the cell is empty."""
    text = row.cells.get(column, "").strip()
    if not text:
        return None
    try:
        return datetime.datetime.fromisoformat(text).date()
    except ValueError:
        row.location.add_problem(problems, column, f"“{text[:40]}” is not a date. Write it as 2026-09-01.")
        return None


def _checked(row: Row, column: str, text: str, *, limit: int, problems: Problems, required: bool) -> str:
    if not text:
        if required:
            row.location.add_problem(problems, column, "The cell is empty.")
        return ""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        row.location.add_problem(problems, column, "The text contains control characters.")
        return ""
    if len(text) > limit:
        row.location.add_problem(
            problems, column, f"The text has {len(text)} characters; the limit is {limit}."
        )
        return ""
    return text
