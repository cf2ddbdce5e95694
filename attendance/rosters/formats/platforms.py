"""Reads what learning platforms export of one class: gradebooks and lists of participants.

They lack the course, and mostly the section: both are given beside the file. Each platform has a name for the student's id.
Where there is none, the student is known by the e-mail address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from attendance.lib.texts import normalised
from attendance.rosters import cells
from attendance.rosters.csv_rows import Columns, Location, Row, Signature, read_rows
from attendance.rosters.entries import Roster
from attendance.rosters.files import RosterFile
from attendance.rosters.formats.given import Given
from attendance.rosters.formats.plain_csv import roster_of
from attendance.rosters.problems import PROBLEM_COLUMN, Problems

# Of Moodle. A role that is neither these nor a student's is a problem.
MOODLE_STUDENTS = frozenset({"student", "learner", "participant"})
MOODLE_OTHERS = frozenset(
    {"teacher", "noneditingteacher", "manager", "coursecreator", "guest", "noroles", "teachingassistant"}
)
POINTS = "rows of points"
TEST_STUDENTS = "test students"


@dataclass(frozen=True, slots=True)
class Platform:
    """A file of a platform. ``ids`` are the columns of the student id, the best first.

    ``why_left_out`` says why a row is no student of the class. An empty string means that it is one.
    """

    name: str
    signature: Signature
    columns: Columns
    ids: tuple[str, ...]
    why_left_out: Callable[[Row, Problems], str]


def _left_out_of_canvas(row: Row, problems: Problems) -> str:
    name = row.cells.get("name", "").strip()
    if name == "Points Possible" or not any(
        row.cells.get(column, "").strip() for column in ("name", *CANVAS.ids)
    ):
        return POINTS
    is_test = name in ("Student, Test", "Test Student") and not row.cells.get("sis_id", "").strip()
    return TEST_STUDENTS if is_test else ""


def _left_out_of_moodle(row: Row, problems: Problems) -> str:
    if not row.has("roles"):
        return ""
    roles = {normalised(role) for role in row.cells["roles"].split(",")}
    if roles & MOODLE_STUDENTS:
        return ""
    if unknown := roles - MOODLE_OTHERS - {""}:
        row.location.add_problem(
            problems,
            "roles",
            f"“{', '.join(sorted(unknown))[:40]}” is not a known role, such as Student or Teacher.",
        )
    return "people with a role other than student"


def _left_out_of_blackboard(row: Row, problems: Problems) -> str:
    is_test = any(
        "previewuser" in row.cells.get(column, "").casefold() for column in ("last_name", "username")
    )
    return TEST_STUDENTS if is_test else ""


def _left_out_of_classroom(row: Row, problems: Problems) -> str:
    names = {row.cells.get(column, "").strip().casefold() for column in ("first_name", "last_name")} - {""}
    is_total = names <= {"date", "points", "points possible", "class average", "average"}
    return POINTS if is_total and not row.cells.get("email", "").strip() else ""


CANVAS = Platform(
    "a gradebook from Canvas",
    Signature.of("student, id, section", one_of="sis login id, sis user id"),
    Columns.named(
        required=(("name",), ("canvas_id",)),
        unread=f"{PROBLEM_COLUMN}, integration id, root account",
        has_grades=True,
        name="student", canvas_id="id", sis_id="sis user id", login="sis login id", section="",
    ),
    ids=("sis_id", "canvas_id"),
    why_left_out=_left_out_of_canvas,
)  # fmt: skip
MOODLE = Platform(
    "a list of participants or a gradebook from Moodle",
    Signature.of(
        "first name, email address",
        one_of="id number, roles, groups, last access to course, last downloaded from this course",
    ),
    Columns.named(
        required=(("first_name",), ("email",)),
        unread=f"{PROBLEM_COLUMN}, groups, institution, department, last access to course, last downloaded from this course",
        has_grades=True,
        first_name="first name", last_name="last name, surname", email="email address", id_number="id number",
        login="username", roles="role", status="",
    ),
    ids=("id_number", "login"),
    why_left_out=_left_out_of_moodle,
)  # fmt: skip
BLACKBOARD = Platform(
    "a gradebook from Blackboard",
    Signature.of("last name, first name, username", one_of="last access, availability, child course id"),
    Columns.named(
        required=(("last_name",), ("first_name",), ("login",)),
        unread=f"{PROBLEM_COLUMN}, last access, child course id",
        has_grades=True,
        last_name="last name", first_name="first name", login="username", number="student id", email="",
        status="availability",
    ),
    ids=("number", "login"),
    why_left_out=_left_out_of_blackboard,
)  # fmt: skip
CLASSROOM = Platform(
    "a gradebook from Google Classroom",
    Signature.of("last name, first name, email address"),
    Columns.named(
        required=(("last_name",), ("first_name",), ("email",)),
        unread=PROBLEM_COLUMN,
        has_grades=True,
        last_name="last name", first_name="first name", email="email address",
    ),
    ids=(),
    why_left_out=_left_out_of_classroom,
)  # fmt: skip


def read_platform(platform: Platform, file: RosterFile, given: Given, problems: Problems) -> Roster:
    """Return the roster in the file. Bad lines are added to the problems."""
    has_sections = "section" in platform.columns.names
    missing = [
        option
        for column, option in (("course", "--course CODE"), ("section", "--section NAME"))
        if column not in given.cells and not (column == "section" and has_sections)
    ]
    if missing:
        problems.add(
            f"This is {platform.name}. It does not say which class it is for. Add {' and '.join(missing)}.",
            file=file.name,
        )
        return Roster()
    left_out: Counter[str] = Counter()
    roster = roster_of(file, _rows(platform, file, given, left_out, problems), problems)
    if has_sections and given.section:
        roster.notes.append(f"{file.name}: the column “Section” was not read, because a section was given")
    roster.notes.extend(f"{file.name}: {why}, left out: {number}" for why, number in sorted(left_out.items()))
    return roster


def _rows(
    platform: Platform, file: RosterFile, given: Given, left_out: Counter[str], problems: Problems
) -> Iterator[Row]:
    for row in read_rows(file, platform.columns, problems):
        why = platform.why_left_out(row, problems)
        if why:
            left_out[why] += 1
            continue
        section = row.cells.get("section", "")
        if not given.section and (" and " in section or "," in section):
            row.location.add_problem(
                problems,
                "section",
                f"“{section[:80]}” names several sections. Say which is meant: --section NAME.",
            )
        yield _as_plain(row, platform.ids, given)


def _as_plain(row: Row, ids: tuple[str, ...], given: Given) -> Row:
    """Return the row with the columns of a plain CSV."""
    login = cells.clean_id(row.cells.get("login", ""))
    email_column = "login" if not row.cells.get("email", "").strip() and cells.is_email(login) else "email"
    with_id = (column for column in (*ids, email_column) if cells.clean_id(row.cells.get(column, "")))
    id_column = next(with_id, (*ids, email_column)[0])
    found = {"student_id": id_column, "email": email_column}
    headers = dict(row.location.headers)
    headers |= {column: headers[source] for column, source in found.items() if source in headers}
    texts = {column: row.cells.get(source, "") for column, source in found.items()}
    if id_column == email_column:
        texts["student_id"] = texts["email"].lower()
    location = Location(row.location.file, row.location.line, headers)
    return Row(location, {**row.cells, **texts, **given.cells})
