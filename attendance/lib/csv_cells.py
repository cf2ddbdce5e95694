"""CSV files that are safe to open in a spreadsheet program: no cell is run as a formula."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

# A cell that begins with one of these may be run as a formula or break the row. The second half are full-width forms.
_DANGEROUS = tuple("=+-@|\t\r\n" + "＝＋－＠｜")  # noqa: RUF001 - full-width on purpose
# How people keep a spreadsheet program from reading digits as a number.
_QUOTED = re.compile(r'="(.*)"', re.DOTALL)


def safe_cell(value: object) -> object:
    """The value for a cell. Text that a spreadsheet program would take for a formula gets a leading ``'``."""
    if isinstance(value, str) and value.startswith(_DANGEROUS):
        return f"'{value}"
    return value


def unguarded_cell(text: str) -> str:
    """The text of a cell without what a spreadsheet program or ``safe_cell`` put around it: ``'=1`` or ``="007"``."""
    if text.startswith("'") and text[1:].startswith(_DANGEROUS):
        text = text[1:]
    quoted = _QUOTED.fullmatch(text.strip())
    return quoted[1].replace('""', '"') if quoted else text


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """A CSV file (RFC 4180) with a header line.

    :param rows: values by column name; a missing value or ``None`` gives an empty cell
    :raises ValueError: if a row has an unknown column
    """
    text = io.StringIO()
    # The byte order mark tells spreadsheet programs that the file is UTF-8.
    text.write("\ufeff")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows({column: safe_cell(value) for column, value in row.items()} for row in rows)
    return text.getvalue()
