"""LibreOffice opens the files and reads the same in them. Only where it is installed, with ``make test-all``."""

import csv
import io
import shutil
import subprocess
from pathlib import Path

import pytest

from attendance.exports.registers.csv import csv_parts
from attendance.exports.registers.table import Options
from attendance.exports.registers.xlsx import xlsx_bytes
from tests.support.registers.terms import TODAY

OFFICE = shutil.which("soffice") or shutil.which("libreoffice") or ""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db,
    pytest.mark.skipif(not OFFICE, reason="LibreOffice is not installed"),
]


def read_back(folder: Path, name: str, content: bytes) -> list[list[str]]:
    """The first sheet as LibreOffice writes it to a CSV file."""
    (folder / name).write_bytes(content)
    profile = f"-env:UserInstallation=file://{folder}/profile"
    # 44: comma, 34: quotes, 76: UTF-8, for which its window asks when a table is opened.
    form = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"
    command = [
        OFFICE,
        profile,
        "--headless",
        *(["--infilter=CSV:44,34,76"] if name.endswith(".csv") else []),
        "--convert-to",
        form,
        "--outdir",
        str(folder / "out"),
        str(folder / name),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    text = (folder / "out" / name).with_suffix(".csv").read_text("utf-8")
    return list(csv.reader(io.StringIO(text)))


def test_workbook_and_table_say_the_same(register, tmp_path):
    options = Options(today=TODAY)

    workbook = read_back(tmp_path, "workbook.xlsx", xlsx_bytes(register, options))
    table = read_back(tmp_path, "table.csv", b"".join(csv_parts(register, options)))

    names = table[0].index("name")
    assert [row[names] for row in table[1:]] == [row[2] for row in workbook[2:]]
    assert [row[10:] for row in table[1:]] == [row[10:] for row in workbook[2:]]
