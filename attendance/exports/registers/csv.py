"""The register as CSV, which can be imported again: a row for each student and a column for each meeting."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from attendance.exports.registers.table import (
    NO_STATUS,
    Options,
    cell_text,
    meeting_headings,
    number_text,
    value_of,
)
from attendance.lib.csv_cells import safe_cell
from attendance.registers.term_register import TermRegister

BOM = "\ufeff"


def csv_parts(register: TermRegister, options: Options) -> Iterator[bytes]:
    """The file, row by row. It has no code, so that it can be imported and exported again with the same bytes."""
    columns = [column.value for column in options.fixed_columns]
    yield from csv_rows(
        [[*columns, *meeting_headings(options.meetings_of(register))]], with_bom=options.with_bom
    )
    yield from csv_rows(
        [
            *(value_of(row, column, register.section) for column in options.fixed_columns),
            *(cell_text(cell) for cell in options.cells_of(row)),
        ]
        for row in register.rows
    )


def csv_rows(rows: Iterable[Sequence[object]], *, with_bom: bool = False) -> Iterator[bytes]:
    """The rows as UTF-8. No cell is run as a formula."""
    writer = csv.writer(_Lines())
    if with_bom:
        yield BOM.encode()
    for row in rows:
        # The writer returns what its file's ``write`` returns.
        yield writer.writerow([_cell(value) for value in row])


class _Lines:
    def write(self, line: str) -> bytes:
        return line.encode()


def _cell(value: object) -> object:
    if isinstance(value, Fraction | float):
        return number_text(value)
    # Alone, it is no formula.
    return value if value == NO_STATUS else safe_cell(value)
