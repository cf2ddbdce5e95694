"""Opening and reading roster files: accepted formats, and refusals of damaged, unsafe or huge files."""

import io
import random
import stat
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.lib.csv_cells import csv_text
from attendance.rosters.files import RosterFile, open_roster
from attendance.rosters.formats.plain_csv import read_plain
from attendance.rosters.problems import MAX_PROBLEMS, Problems, RosterRefused
from tests.support.rosters import as_csv, write_layout, zipped

HEADER = ["course", "section", "term", "student_id", "roll_number", "name", "email"]


def read(content: bytes) -> list[tuple[str, ...]]:
    """Read a plain CSV and return its rows."""
    problems = Problems()
    roster = read_plain(RosterFile("roster.csv", content), problems)
    problems.refuse_if_any()
    return [
        (
            *entry.section,
            entry.student_id,
            entry.roll_number or "",
            roster.students[entry.student_id].name,
            roster.students[entry.student_id].person.email,
        )
        for entry in roster.enrolments
    ]


def refusals(content: bytes) -> list[tuple[int | None, str, str]]:
    with pytest.raises(RosterRefused) as refused:
        read(content)
    return [(problem.line, problem.column, problem.reason) for problem in refused.value.problems]


ROW = ("CS101", "A", "Fall", "1001", "07", "Ada Lovelace", "ada@example.edu")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_file_with_any_separator_line_end_and_encoding_is_read(separator, line_end, encoding):
    row = (*ROW[:5], "Zoë Šarūnas 李", ROW[6])
    content = as_csv([HEADER, row], separator=separator, line_end=line_end).decode().encode(encoding)

    assert read(content) == [row]


def test_excel_separator_line_is_obeyed_and_counted_as_a_line():
    content = b"sep=;\r\nCourse;Section;ID;Name\r\nCS101;A;1;Ann\r\nCS101;A;;Bob\r\n"

    assert refusals(content) == [(4, "ID", "The cell is empty.")]
    assert read(content.replace(b";;", b";2;")) == [
        ("CS101", "A", "", "1", "", "Ann", ""),
        ("CS101", "A", "", "2", "", "Bob", ""),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "Name,E-Mail,Roll No,Student ID,Term,Section,Course",
        "Full name,Email address,rollno,id,Semester,Class,Course code",
        "STUDENT_NAME,mail,Roll number,Student-No.,semester,GROUP,Subject",
    ],
)
def test_columns_may_have_other_names_and_any_order(header):
    content = f"{header}\nAda Lovelace,ada@example.edu,07,1001,Fall,A,CS101\n".encode()

    assert read(content) == [ROW]


def test_first_and_last_name_are_joined():
    content = b"course,section,id,Last name,First name\nCS101,A,1,Lovelace,Ada\n"

    assert read(content) == [("CS101", "A", "", "1", "", "Ada Lovelace", "")]


def test_quoted_newline_becomes_a_space_and_counts_as_a_line():
    content = b'course,section,student_id,name\r\nCS101,A,1,"Ada\r\nLovelace"\r\n\r\nCS101,A,,Bob\r\n'

    assert refusals(content) == [(5, "student_id", "The cell is empty.")]
    assert read(content.replace(b",,", b",2,"))[0][5] == "Ada Lovelace"


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_written_roster_is_read_back(data):
    # Tests below have what is not kept as it is: invisible characters, other spaces, what spreadsheets put around a
    # cell, and names in the other order.
    visible = st.characters(exclude_categories=("C", "Z"), include_characters=" ", exclude_characters="'=,")
    names = st.text(visible, min_size=1, max_size=30).filter(str.strip)
    ids = names.map(str.strip)
    separator = data.draw(st.sampled_from([",", ";", "\t"]))
    line_end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    columns = data.draw(st.permutations(range(len(HEADER))))
    rows = data.draw(
        st.lists(st.tuples(ids, names, names, ids, ids, names), max_size=5, unique_by=lambda row: row[3])
    )

    written = [HEADER, *([*row, ""] for row in rows)]
    content = as_csv([[row[c] for c in columns] for row in written], separator=separator, line_end=line_end)

    def one_line(text: str) -> str:
        return unicodedata.normalize("NFC", " ".join(text.split()))

    assert read(content.decode().encode(encoding)) == [
        (course, one_line(section), one_line(term), student_id, number, one_line(name), "")
        for course, section, term, student_id, number, name in rows
    ]


def test_names_are_normalised_and_ids_kept_as_given():
    decomposed = "Zoe\u0308"
    content = f"course,section,id,roll no,name\nCS101,A, 007 ,07,{decomposed}\n".encode()

    assert read(content) == [("CS101", "A", "", "007", "07", "Zo\u00eb", "")]


def test_all_missing_columns_are_reported():
    assert refusals(b"course,name\nCS101,Ann\n") == [
        (1, "section", "The column is missing. The header has “course”, “name”."),
        (1, "student_id", "The column is missing. The header has “course”, “name”."),
    ]


def test_two_columns_with_the_same_meaning_are_refused():
    assert refusals(b"course,class,section,id,name\n") == [
        (
            1,
            "section",
            "“class” and “section” are both read as section. Rename the one that is something else.",
        )
    ]


def test_every_bad_line_is_reported():
    content = "\n".join(
        [
            "course,section,student_id,name,email,teacher",
            "CS101,A,1,Ann,ann at home,",
            ",A,2,Bob,,",
            "CS101,A,3,Eve\x01,,",
            f"CS101,A,4,{'x' * 301},,",
            "CS101,A,5,Joe,,Dr. Who",
            "CS101,A,6,Kim,,,surplus",
            'CS101,A,7,"Lou" Reed,,',
            "CS101,A,1,Anna,,",
        ]
    )

    assert refusals(content.encode()) == [
        (3, "course", "The cell is empty."),
        (4, "name", "The text contains control characters."),
        (5, "name", "The text has 301 characters; the limit is 300."),
        (
            6,
            "teacher",
            "“Dr. Who” is neither an e-mail address nor a user name. Separate several teachers with “;”.",
        ),
        (
            7,
            "",
            "The line has 7 cells, but the header has 6. Put quotation marks around any text that contains a separator.",
        ),
        (
            8,
            "",
            "A quotation mark is in the wrong place or is never closed. Inside quoted text, write it twice.",
        ),
        (9, "name", "The student 1 is called “Ann” in line 2."),
    ]


def notes_on(header: str, row: str) -> list[str]:
    problems = Problems()
    read_plain(RosterFile("roster.csv", f"{header}\n{row}\n".encode()), problems)
    problems.refuse_if_any()
    return problems.notes


def test_columns_that_are_not_read_are_named_with_their_likely_meaning():
    assert notes_on(
        "course,section,id,name,Cuorse title,Units,Section 2,,problem,Role",
        "CS101,A,1,Ann,Computing,12,,,,Learner",
    ) == [
        "roster.csv: columns not read: “Cuorse title” (to be read, it must be called “course_title”), “Units”, "
        "“Section 2”, “Role”"
    ]
    assert notes_on("course,section,id,name", "CS101,A,1,Ann") == []


@pytest.mark.parametrize(
    ("header", "column", "name"),
    [
        ("Rol Nr", "roll number", "roll no"),
        ("Rollnumer", "roll number", "roll_number"),
        ("Emial", "email", "email"),
        ("Trem", "term", "term"),
        ("No.", "roll number", "roll_number"),
        ("Session", "term", "term"),
    ],
)
def test_misspelt_column_that_identifies_somebody_is_refused(header, column, name):
    assert refusals(f"course,section,id,name,{header}\nCS101,A,1,Ann,07\n".encode()) == [
        (
            1,
            header,
            f"This column is not known. If it is the {column}, call it “{name}”. If not, remove it or give it another name.",
        )
    ]


def test_missing_column_is_reported_with_the_misspelt_one():
    assert refusals(b"course,section,Studnt ID,name\nCS101,A,1,Ann\n") == [
        (1, "student_id", "The column is missing. The header has “course”, “section”, “Studnt ID”, “name”."),
        (
            1,
            "Studnt ID",
            "This column is not known. If it is the student id, call it “student_id”. "
            "If not, remove it or give it another name.",
        ),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_lines_above_the_header_are_skipped_and_counted_as_lines(separator):
    rows = [["Class list, Autumn"], ["Printed:", "2026-10-05", "by", "the", "office"], [], HEADER, ROW]
    content = as_csv(rows, separator=separator, line_end="\n")
    problems = Problems()

    assert read(content) == [ROW]
    read_plain(RosterFile("roster.csv", content), problems)
    assert problems.notes == ["roster.csv: lines above the header, not read: 2"]
    assert refusals(content.replace(b"1001", b"")) == [(5, "student_id", "The cell is empty.")]


def test_last_name_alone_is_refused():
    assert refusals(b"course,section,id,Last name\nCS101,A,1,Quist\n") == [
        (1, "name", "The column is missing. The header has “course”, “section”, “id”, “Last name”.")
    ]


@pytest.mark.parametrize(
    ("name", "read_as"),
    [
        ("Quist, Mara", "Mara Quist"),
        ("Quist,Mara", "Mara Quist"),
        ("Mara Quist", "Mara Quist"),
        ("King, Jr.", "King, Jr."),
        ("King, Martin, Jr.", "King, Martin, Jr."),
        ("Quist,", "Quist,"),
        ("'t Hooft", "'t Hooft"),
        ("Mara\u00a0\u200bQuist\u00ad", "Mara Quist"),
        ("क्\u200dष", "क्\u200dष"),
    ],
)
def test_names_in_both_orders_become_one(name, read_as):
    content = f'course,section,id,name\nCS101,A,1,"{name}"\n'.encode()

    assert read(content) == [("CS101", "A", "", "1", "", read_as, "")]


def test_preferred_name_is_used_where_there_is_one():
    content = b"course,section,id,Last Name,First Name,Preferred name\nCS101,A,1,Quist,Margareta,Mara\nCS101,A,2,Osei,Ama,\n"

    assert [row[5] for row in read(content)] == ["Mara Quist", "Ama Osei"]


@pytest.mark.parametrize(
    "written",
    [
        "0012345",
        "'0012345",
        '"=""0012345"""',
        "\u200b0012345\ufeff",
        "0012\u00ad345",
        "\u00a00012345\u202f",
        '\'="0012345"',
    ],
)
def test_ids_are_read_without_what_nobody_sees(written):
    content = f"course,section,id,roll no,name\nCS101,A,{written},{written},Ann\n".encode()

    assert read(content) == [("CS101", "A", "", "0012345", "0012345", "Ann", "")]


@pytest.mark.parametrize("written", ["1.23457E+11", "1,23457E+11", "1.2e+05", "123E+10"])
def test_numbers_that_a_spreadsheet_shortened_are_refused(written):
    content = f'course,section,id,name\nCS101,A,"{written}",Ann\n'.encode()

    assert refusals(content) == [
        (
            2,
            "id",
            f"“{written}” is what a spreadsheet program made of a long number. "
            "Format the column as text, enter the numbers again and save the file.",
        )
    ]


def test_no_break_space_within_an_id_is_refused():
    assert refusals("course,section,id,name\nCS101,A,12\u00a0345,Ann\n".encode()) == [
        (2, "id", "The text contains a no-break space. Replace it with an ordinary one, or remove it.")
    ]


def test_our_own_csv_files_are_read_back():
    values = ("=CS101", "-A", "@Fall", "+1001", "-07", "|Ada", "")
    content = csv_text(HEADER, [dict(zip(HEADER, values, strict=True))]).encode()

    assert b"'=CS101" in content
    assert read(content) == [values]


def test_text_that_is_not_utf_8_is_refused_with_the_line():
    content = "course,section,id,name\nCS101,A,1,Ann\nCS101,A,2,Zoë\n".encode("latin-1")

    assert refusals(content) == [
        (3, "", "The text is not UTF-8 (byte 50 of the file). Save it as “CSV UTF-8” and import that.")
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (random.Random(1).randbytes(20_000_000), 1),
        (b"x" * 20_000_000, 1),
        (b"a,b;" * 5_000_000, 1),
        (b"course,section,id,name\n" + b'"\n",' * 4_000_000, 2),
        (b"\n" * 20_000_000, 500_001),
    ],
    ids=["random", "one line", "one line of cells", "one record of quoted newlines", "empty lines"],
)
def test_20_mb_of_nonsense_is_one_problem(content, line):
    ((found_line, _column, _reason),) = refusals(content)

    assert found_line == line


def test_20_mb_of_bad_lines_stop_at_a_limit():
    found = refusals(b"course,section,id,name\n" + b",\n;\n" * 5_000_000)

    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1][2] == "More than 10000 problems. The rest of the file was not checked."


def test_file_above_50_mb_is_refused(tmp_path):
    path = tmp_path / "roster.csv"
    with path.open("wb") as file:
        file.truncate(50_000_001)

    assert open_refusals(path) == [("roster.csv", "The file is larger than 50 MB, the limit for a roster.")]


def open_refusals(source: Path | io.BytesIO) -> list[tuple[str, str]]:
    with pytest.raises(RosterRefused) as refused:
        open_roster(source, Problems())
    return [(problem.file, problem.reason) for problem in refused.value.problems]


OUTSIDE_FOLDER = "The zip has an entry outside its own folder. None of it was read."


@pytest.mark.parametrize(
    "name", ["../users.csv", "a/../../users.csv", "/users.csv", "..\\users.csv", "C:\\users.csv"]
)
def test_zip_entry_outside_its_folder_is_refused(name):
    assert open_refusals(zipped({name: "x", "classes.csv": "x", "enrollments.csv": "x"})) == [
        (f"roster.zip/{name}", OUTSIDE_FOLDER)
    ]


def test_zip_with_a_symbolic_link_is_refused():
    link = zipfile.ZipInfo("users.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16

    assert open_refusals(zipped({link: "/etc/passwd"})) == [
        ("roster.zip/users.csv", "The zip contains a symbolic link. None of it was read.")
    ]


def test_encrypted_zip_is_refused():
    file = zipped({"users.csv": "x"})
    content = bytearray(file.getvalue())
    content[content.index(b"PK\x01\x02") + 8] |= 1

    assert open_refusals(io.BytesIO(content)) == [
        ("roster/users.csv", "The zip is encrypted. Create it without a password.")
    ]


def test_zip_with_many_entries_is_refused():
    assert open_refusals(zipped({f"{n}.csv": "x" for n in range(51)})) == [
        ("roster.zip", "The zip has more than 50 entries, the limit for a roster.")
    ]


def test_zip_bomb_is_refused_by_its_declared_size():
    bomb = zipped({f"{n}.csv": bytes(41_000_000) for n in range(5)})

    assert open_refusals(bomb) == [("roster.zip", "Unpacked, the zip is larger than 200 MB.")]


def test_zip_bomb_is_refused_by_its_unpacked_size():
    assert open_refusals(zipped({"roster.csv": bytes(51_000_000)})) == [
        ("roster.csv", "Unpacked, the file is larger than 50 MB.")
    ]


def test_zip_with_a_false_declared_size_is_refused():
    content = bytearray(zipped({"roster.csv": bytes(51_000_000)}).getvalue())
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")

    assert open_refusals(io.BytesIO(content)) == [("roster.csv", "The zip is damaged here. Create it again.")]


def test_damaged_zip_is_refused():
    assert open_refusals(io.BytesIO(zipped({"users.csv": "x" * 1000}).getvalue()[:60])) == [
        ("roster", "The zip is damaged. Create it again.")
    ]


def test_excel_workbook_is_refused_with_advice():
    ((_file, reason),) = open_refusals(zipped({"[Content_Types].xml": "", "xl/workbook.xml": ""}))

    assert "CSV UTF-8" in reason


def test_folder_without_required_files_is_refused(tmp_path):
    folder = write_layout(tmp_path / "export", users="sourcedId\n", orgs="sourcedId\n")

    ((file, reason),) = open_refusals(folder)
    assert file == "export"
    assert reason.startswith("Missing: classes.csv, enrollments.csv.")


def test_missing_path_is_refused(tmp_path):
    assert open_refusals(tmp_path / "nothing.csv") == [
        (str(tmp_path / "nothing.csv"), "There is no such file or folder.")
    ]


def test_zip_made_on_a_mac_with_its_files_in_a_folder_is_opened():
    found = open_roster(
        zipped(
            {
                "export/Users.CSV": "u",
                "export/Classes.csv": "c",
                "export/enrollments.csv": "e",
                "export/demographics.csv": "secret",
                "__MACOSX/export/._users.csv": "x",
                "__MACOSX/export/users.csv": "x",
            }
        ),
        Problems(),
    )

    assert {name: file.content for name, file in found.files.items()} == {
        "users": b"u",
        "classes": b"c",
        "enrollments": b"e",
    }
