"""CSV files that spreadsheet programs open without running anything that stands in them."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

# A cell that begins with one of these is read as a formula, or ends the cell; the second half are their full-width forms.
_DANGEROUS = tuple("=+-@|\t\r\n" + "＝＋－＠｜")  # noqa: RUF001 - the full-width forms are meant


def safe_cell(value: object) -> object:
    """The value for a cell: a text that a spreadsheet program would take for a formula gets a leading ``'``."""
    if isinstance(value, str) and value.startswith(_DANGEROUS):
        return f"'{value}"
    return value


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """A CSV file (RFC 4180) with a line of column names.

    :param rows: values by column; what a row doesn't name, and ``None``, is an empty cell
    :raises ValueError: if a row names something that is no column
    """
    text = io.StringIO()
    # The byte order mark tells spreadsheet programs that names are in UTF-8.
    text.write("\ufeff")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows({column: safe_cell(value) for column, value in row.items()} for row in rows)
    return text.getvalue()
