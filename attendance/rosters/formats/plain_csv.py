"""Reads a plain CSV roster, which has one line for each student in each section."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from sys import intern

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError

from attendance.lib.texts import max_length, normalised
from attendance.models import Course, Enrolment, Section, Student, Term, User
from attendance.rosters import cells
from attendance.rosters.csv_rows import Columns, Row, read_rows
from attendance.rosters.entries import (
    CourseEntry,
    EnrolmentEntry,
    PersonEntry,
    Roster,
    SectionEntry,
    SectionKey,
    StudentEntry,
    TeachingEntry,
    TermEntry,
)
from attendance.rosters.files import RosterFile
from attendance.rosters.formats.given import Given
from attendance.rosters.problems import PROBLEM_COLUMN, Problems

COLUMNS = Columns.named(
    # A last name alone names nobody.
    required=(("course",), ("section",), ("student_id",), ("name", "first_name", "preferred_name")),
    identifying=("course", "section", "term", "student_id", "roll_number", "email"),
    unlike="role, address, home address, serial no, serial number, username, middle name, lecture, student level, student type",
    unread=PROBLEM_COLUMN,
    doubtful={
        "roll_number": "no, nr, number, rn, seat, seat no, index no, index number, क्रमांक",
        "term": "session",
    },
    course="course code, course id, course no, course number, subject, subject code, module, module code",
    course_title="course name, subject title, subject name, module title, module name",
    section="section name, class, class name, group, group name",
    term="semester, academic term, academic session, trimester, quarter, academic year",
    student_id="id, student no, student number, student, sid, registration no, registration number, reg no, "
    "enrollment no, enrollment number, enrolment no, enrolment number, admission no, admission number, "
    "matriculation no, matriculation number, matric no, usn",
    roll_number="roll no, roll, roll num, roll #, class roll, class roll no, roll call no, r no, rno, अनुक्रमांक, रोल नंबर",
    name="full name, student name, name (last first), last first, last name first name, name (first last), first last, "
    "first name last name",
    first_name="given name, forename",
    preferred_name="preferred first name, preferred/first name, known as",
    last_name="family name, surname",
    email="email address, mail, student email, student email address",
    teacher="teachers, teacher email, instructor, instructors, instructor email, lecturer, lecturers, lecturer email, "
    "professor, professor email, prof email",
    teacher_name="teacher names, instructor name, instructor names, lecturer name, lecturer names, professor name",
    status="enrollment status, enrolment status, registration status, student status",
    dropped_on="drop date, date dropped, dropped, withdrawn on, withdrawal date, date withdrawn",
)
ENROLLED = frozenset({"", "enrolled", "enroled", "active", "registered", "current", "yes"})
NOT_ENROLLED = frozenset(
    {
        "dropped",
        "drop",
        "withdrawn",
        "withdrew",
        "waiting",
        "waitlisted",
        "waitlist",
        "onwaitlist",
        "inactive",
        "suspended",
        "notcurrent",
        "no",
    }
)
# "Martin King, Jr." is in the order first name, last name.
NAME_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md"})

# A comma separates teachers, too, unless it is in a name: “Fein, Kim <kim@example.edu>”.
_TEACHER_SEPARATOR = re.compile(r";|(?<=>)\s*,|,(?![^<>]*<)")
_NAME_AND_ADDRESS = re.compile(r"([^<>]*)<([^<>]+)>")


def read_plain(file: RosterFile, problems: Problems, given: Given | None = None) -> Roster:
    """Return the roster in the file. Bad lines are added to the problems."""
    given = given or Given()
    return roster_of(file, _rows(file, given, problems), problems)


def roster_of(file: RosterFile, rows: Iterable[Row], problems: Problems) -> Roster:
    """Return the roster in rows with the columns of a plain CSV. Bad ones are added to the problems."""
    roster = Roster()
    not_enrolled: Counter[str] = Counter()
    for row in rows:
        _add(row, roster, not_enrolled, problems)
    roster.notes.extend(
        f"{file.name}: students not enrolled because of “{why}”: {number}"
        for why, number in sorted(not_enrolled.items())
    )
    return roster


def _rows(file: RosterFile, given: Given, problems: Problems) -> Iterator[Row]:
    for row in read_rows(file, COLUMNS.without(*given.cells), problems):
        twice = [column for column in given.cells if row.has(column)]
        for column in twice:
            problems.add(
                f"The file has this column itself. Import it without --{column}.",
                file=file.name,
                column=row.location.headers[column],
            )
        if twice:
            return
        yield Row(row.location, {**row.cells, **given.cells}) if given.cells else row


def _add(row: Row, roster: Roster, not_enrolled: Counter[str], problems: Problems) -> None:
    section = _section(row, roster, problems)
    student_id = cells.identifier(
        row, "student_id", limit=max_length(Student, "student_id"), problems=problems
    )
    name = _name(row, problems)
    email = cells.email(row, "email", limit=max_length(Student, "email"), problems=problems)
    roll_number = None
    if row.has("roll_number"):
        roll_number = cells.identifier(
            row,
            "roll_number",
            limit=max_length(Enrolment, "roll_number"),
            problems=problems,
            required=False,
        )
    if not section or not student_id:
        problems.rows_skipped = True
        return
    _add_student(row, roster, student_id=student_id, name=name, email=email, problems=problems)
    why_not = _why_not_enrolled(row, problems)
    not_enrolled.update([why_not] if why_not else [])
    roster.enrolments.append(
        EnrolmentEntry(
            section,
            student_id,
            None if roll_number is None else roll_number or student_id,
            row.location,
            not_enrolled=bool(why_not),
        )
    )


def _why_not_enrolled(row: Row, problems: Problems) -> str:
    """Return the status, or the column of the date, by which the student is not enrolled. Else an empty string."""
    status = row.cells.get("status", "").strip()
    word = normalised(status)
    if word in NOT_ENROLLED:
        return status
    if word not in ENROLLED:
        row.location.add_problem(
            problems,
            "status",
            f"“{status[:40]}” is not a known status, such as Enrolled, Dropped or Waiting.",
        )
    if not word and row.cells.get("dropped_on", "").strip():
        return row.location.headers["dropped_on"]
    return ""


def _section(row: Row, roster: Roster, problems: Problems) -> SectionKey | None:
    code = cells.identifier(row, "course", limit=max_length(Course, "code"), problems=problems)
    title = cells.label(
        row, "course_title", limit=max_length(Course, "title"), problems=problems, required=False
    )
    name = cells.label(row, "section", limit=max_length(Section, "name"), problems=problems)
    term = cells.label(row, "term", limit=max_length(Term, "name"), problems=problems, required=False)
    teachers = _teachers(row, problems)
    if code:
        known = roster.courses.get(code)
        if known is None or not known.title:
            roster.courses[code] = CourseEntry(code, title, row.location)
        elif title and title != known.title:
            row.location.add_problem(
                problems,
                "course_title",
                f"The course {code} is called “{known.title}” in line {known.location.line}.",
            )
    if not code or not name:
        return None
    # Thousands of rows share these texts.
    key = (intern(code), intern(name), intern(term))
    roster.sections.setdefault(key, SectionEntry(code, name, TermEntry(term), "", row.location))
    for teacher in teachers:
        teacher_key = (teacher.email or teacher.username).lower()
        known_teacher = roster.teachers.setdefault(teacher_key, teacher)
        known_teacher.first_name = known_teacher.first_name or teacher.first_name
        roster.teaching[TeachingEntry(key, teacher_key)] = None
    return key


def _name(row: Row, problems: Problems) -> str:
    limit = max_length(Student, "name")
    if row.has("name"):
        return _in_usual_order(cells.label(row, "name", limit=limit, problems=problems))
    first, preferred, last = (
        cells.label(row, column, limit=limit // 2 - 1, problems=problems, required=False)
        for column in ("first_name", "preferred_name", "last_name")
    )
    first = preferred or first
    if not first and not last:
        column = "first_name" if row.has("first_name") else "preferred_name"
        row.location.add_problem(problems, column, "The student has no name.")
    return " ".join(part for part in (first, last) if part)


def _in_usual_order(name: str) -> str:
    """Return “Lovelace, Ada” as “Ada Lovelace”."""
    last, comma, first = (part.strip() for part in name.partition(","))
    is_suffix = first.casefold().replace(".", "") in NAME_SUFFIXES
    if not comma or not last or not first or "," in first or is_suffix:
        return name
    return f"{first} {last}"


def _teachers(row: Row, problems: Problems) -> list[PersonEntry]:
    """The teachers of the row: “prof@example.edu; Kim Fein <kim@example.edu>; tutor”."""
    teachers = []
    for part in _TEACHER_SEPARATOR.split(row.cells.get("teacher", "")):
        with_name = _NAME_AND_ADDRESS.fullmatch(part.strip())
        full_name, name = with_name.groups() if with_name else ("", part)
        name = cells.clean_id(name)
        if not name:
            continue
        is_address = "@" in name and cells.is_email(name)
        limit = max_length(User, "email" if is_address else "username")
        if len(name) > limit or "@" in full_name or not (is_address or _is_username(name)):
            row.location.add_problem(
                problems,
                "teacher",
                f"“{part.strip()[:80]}” is neither an e-mail address nor a user name. Separate several teachers with “;”.",
            )
            continue
        teachers.append(
            PersonEntry(
                username="" if is_address else name,
                email=name if is_address else "",
                first_name=_in_usual_order(" ".join(full_name.strip('" ').split())),
                last_name="",
                location=row.location,
            )
        )
    _add_teacher_names(row, teachers, problems)
    return teachers


def _add_teacher_names(row: Row, teachers: list[PersonEntry], problems: Problems) -> None:
    limit = max_length(User, "first_name") * 10
    names = cells.label(row, "teacher_name", limit=limit, problems=problems, required=False)
    found = [_in_usual_order(name.strip()) for name in names.split(";") if name.strip()]
    if found and len(found) != len(teachers):
        row.location.add_problem(
            problems,
            "teacher_name",
            f"The row has {len(found)} names for {len(teachers)} teachers. Separate several with “;”.",
        )
        return
    for teacher, name in zip(teachers, found, strict=False):
        teacher.first_name = name


def _is_username(text: str) -> bool:
    try:
        UnicodeUsernameValidator()(text)
    except ValidationError:
        return False
    return True


def _add_student(
    row: Row, roster: Roster, *, student_id: str, name: str, email: str, problems: Problems
) -> None:
    known = roster.students.get(student_id)
    if known is None:
        person = PersonEntry(username="", email=email, first_name=name, last_name="", location=row.location)
        roster.students[student_id] = StudentEntry(student_id, name, person)
        return
    line = known.person.location.line
    if name and known.name and name != known.name:
        column = "name" if row.has("name") else "first_name"
        row.location.add_problem(
            problems, column, f"The student {student_id} is called “{known.name}” in line {line}."
        )
    if email and known.person.email and email.lower() != known.person.email.lower():
        row.location.add_problem(
            problems, "email", f"The student {student_id} has the e-mail {known.person.email} in line {line}."
        )
    known.person.email = known.person.email or email
