"""Reading: what a roster may come in, and what is refused before it is read."""

import io
import random
import stat
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.roster.files import RosterFile, open_roster
from attendance.roster.plain import read_plain
from attendance.roster.problems import MAX_PROBLEMS, Problems, RosterRefused
from tests.attendance.rosters import as_csv, write_layout, zipped

HEADER = ["course", "section", "term", "student_id", "roll_number", "name", "email"]


def read(content: bytes) -> list[tuple[str, ...]]:
    """What a plain CSV says, line by line."""
    found = Problems()
    roster = read_plain(RosterFile("roster.csv", content), found)
    found.refuse_if_any()
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
    return [(found.line, found.column, found.reason) for found in refused.value.problems]


ROW = ("CS101", "A", "Fall", "1001", "07", "Ada Lovelace", "ada@example.edu")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_whatever_program_wrote_it(separator, line_end, encoding):
    row = (*ROW[:5], "Zoë Šarūnas 李", ROW[6])
    content = as_csv([HEADER, row], separator=separator, line_end=line_end).decode().encode(encoding)

    assert read(content) == [row]


def test_excels_separator_line_is_obeyed_and_counted():
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
def test_columns_have_many_names_and_any_order(header):
    content = f"{header}\nAda Lovelace,ada@example.edu,07,1001,Fall,A,CS101\n".encode()

    assert read(content) == [ROW]


def test_first_and_last_name_serve_as_the_name():
    content = b"course,section,id,Last name,First name\nCS101,A,1,Lovelace,Ada\n"

    assert read(content) == [("CS101", "A", "", "1", "", "Ada Lovelace", "")]


def test_a_quoted_newline_is_a_space_in_a_name_and_lines_are_still_counted():
    content = b'course,section,student_id,name\r\nCS101,A,1,"Ada\r\nLovelace"\r\n\r\nCS101,A,,Bob\r\n'

    assert refusals(content) == [(5, "student_id", "The cell is empty.")]
    assert read(content.replace(b",,", b",2,"))[0][5] == "Ada Lovelace"


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read_again(data):
    names = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=30).filter(str.strip)
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


def test_names_are_composed_and_ids_kept_as_given():
    decomposed = "Zoe\u0308"
    content = f"course,section,id,roll no,name\nCS101,A, 007 ,07,{decomposed}\n".encode()

    assert read(content) == [("CS101", "A", "", "007", "07", "Zo\u00eb", "")]


def test_missing_columns_are_all_named():
    assert refusals(b"course,name\nCS101,Ann\n") == [
        (1, "section", "The column is missing. The header has “course”, “name”."),
        (1, "student_id", "The column is missing. The header has “course”, “name”."),
    ]


def test_two_columns_of_one_meaning_are_refused():
    assert refusals(b"course,class,section,id,name\n") == [
        (1, "section", "“class” and “section” both mean section: rename the one that does not.")
    ]


def test_every_bad_line_is_told():
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
        (2, "email", "“ann at home” is not an e-mail address."),
        (3, "course", "The cell is empty."),
        (4, "name", "The text has control characters in it."),
        (5, "name", "The text has 301 characters; 300 are the most."),
        (6, "teacher", "“Dr. Who” is neither an e-mail address nor a user name. Separate several by “;”."),
        (
            7,
            "",
            "The line has 7 cells, the header 6: is a separator inside a text, which then needs quotation marks?",
        ),
        (
            8,
            "",
            "A quotation mark is in the wrong place, or is never closed. Inside a quoted text it is written twice.",
        ),
        (9, "name", "The student 1 is called “Ann” in line 2."),
    ]


def test_text_that_is_not_utf_8_is_refused_with_its_line():
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
def test_20_mb_of_nonsense_are_one_clear_problem(content, line):
    (found,) = refusals(content)

    assert found[0] == line


def test_20_mb_of_bad_lines_stop_at_a_limit():
    found = refusals(b"course,section,id,name\n" + b",\n;\n" * 5_000_000)

    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1][2] == "More than 10000 problems: the rest was not looked at."


def test_a_file_of_more_than_50_mb_is_refused(tmp_path):
    path = tmp_path / "roster.csv"
    with path.open("wb") as file:
        file.truncate(50_000_001)

    assert opened(path) == [("roster.csv", "The file is larger than 50 MB; a roster is not.")]


def opened(source: Path | io.BytesIO) -> list[tuple[str, str]]:
    with pytest.raises(RosterRefused) as refused:
        open_roster(source, Problems())
    return [(found.file, found.reason) for found in refused.value.problems]


LEADS_OUT = "The zip has an entry that leads out of its folder: nothing of it was read."


@pytest.mark.parametrize(
    "name", ["../users.csv", "a/../../users.csv", "/users.csv", "..\\users.csv", "C:\\users.csv"]
)
def test_a_zip_that_leads_out_of_its_folder_is_refused(name):
    assert opened(zipped({name: "x", "classes.csv": "x", "enrollments.csv": "x"})) == [
        (f"roster.zip/{name}", LEADS_OUT)
    ]


def test_a_zip_with_a_symbolic_link_is_refused():
    link = zipfile.ZipInfo("users.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16

    assert opened(zipped({link: "/etc/passwd"})) == [
        ("roster.zip/users.csv", "The zip has a symbolic link: nothing of it was read.")
    ]


def test_an_encrypted_zip_is_refused():
    file = zipped({"users.csv": "x"})
    content = bytearray(file.getvalue())
    content[content.index(b"PK\x01\x02") + 8] |= 1

    assert opened(io.BytesIO(content)) == [
        ("roster/users.csv", "The zip is encrypted: make it without a password.")
    ]


def test_a_zip_of_many_entries_is_refused():
    assert opened(zipped({f"{n}.csv": "x" for n in range(51)})) == [
        ("roster.zip", "The zip has more than 50 entries; a roster has not.")
    ]


def test_a_zip_bomb_is_refused_by_what_it_declares():
    bomb = zipped({f"{n}.csv": bytes(41_000_000) for n in range(5)})

    assert opened(bomb) == [("roster.zip", "Unpacked, the zip is larger than 200 MB.")]


def test_a_zip_bomb_is_refused_by_what_it_holds():
    assert opened(zipped({"roster.csv": bytes(51_000_000)})) == [
        ("roster.csv", "Unpacked, the file is larger than 50 MB.")
    ]


def test_a_zip_that_lies_about_its_size_is_refused():
    content = bytearray(zipped({"roster.csv": bytes(51_000_000)}).getvalue())
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")

    assert opened(io.BytesIO(content)) == [("roster.csv", "The zip is damaged here: make it again.")]


def test_a_damaged_zip_is_refused():
    assert opened(io.BytesIO(zipped({"users.csv": "x" * 1000}).getvalue()[:60])) == [
        ("roster", "The zip is damaged: make it again.")
    ]


def test_an_excel_workbook_is_refused_with_what_to_do():
    ((_file, reason),) = opened(zipped({"[Content_Types].xml": "", "xl/workbook.xml": ""}))

    assert "CSV UTF-8" in reason


def test_a_folder_without_the_needed_files_is_refused(tmp_path):
    folder = write_layout(tmp_path / "export", users="sourcedId\n", orgs="sourcedId\n")

    ((file, reason),) = opened(folder)
    assert file == "export"
    assert reason.startswith("Missing: classes.csv, enrollments.csv.")


def test_a_path_that_leads_nowhere_is_refused(tmp_path):
    assert opened(tmp_path / "nothing.csv") == [
        (str(tmp_path / "nothing.csv"), "There is no such file or folder.")
    ]


def test_a_zip_may_hold_its_files_in_a_folder_and_a_mac_may_have_made_it():
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

    assert {holds: file.content for holds, file in found.layout.items()} == {
        "users": b"u",
        "classes": b"c",
        "enrollments": b"e",
    }
