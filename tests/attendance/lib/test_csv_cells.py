"""CSV files contain no formulas for spreadsheet programs, and read back unchanged."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.lib.csv_cells import csv_text, safe_cell

DANGEROUS = ["=", "+", "-", "@", "|", "\t", "\r", "\n", "＝", "＋", "－", "＠", "｜"]  # noqa: RUF001


@pytest.mark.parametrize("first", DANGEROUS)
def test_text_like_a_formula_gets_an_apostrophe(first):
    assert safe_cell(f"{first}1+1") == f"'{first}1+1"


@pytest.mark.parametrize("value", ["", "07", "a=b", "O'Neill", " =1", -3, 0, True, None])
def test_other_values_are_unchanged(value):
    assert safe_cell(value) == value


def test_file_has_all_columns_in_order_and_empty_cells_for_missing_values():
    rows = [{"name": "=cmd", "number": -1}, {"note": 'She said "yes",\nthen no'}, {"name": None}]

    assert csv_text(["name", "number", "note"], rows) == (
        '\ufeffname,number,note\r\n\'=cmd,-1,\r\n,,"She said ""yes"",\nthen no"\r\n,,\r\n'
    )


def test_unknown_column_raises_an_error():
    with pytest.raises(ValueError, match="nmae"):
        csv_text(["name"], [{"nmae": "x"}])


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), min_size=1
    )
)
def test_no_cell_looks_like_a_formula(values):
    text = csv_text(["value"], [{"value": value} for value in values])

    read = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert [row["value"].removeprefix("'") for row in read] == [value.removeprefix("'") for value in values]
    assert not any(row["value"].startswith(tuple(DANGEROUS)) for row in read)
