"""A plain CSV: one line for each student in each section."""

from __future__ import annotations

import re

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError

from attendance.models import Course, Enrolment, Section, Student, User
from attendance.roster import cells
from attendance.roster.entries import (
    CourseEntry,
    EnrolmentEntry,
    PersonEntry,
    Roster,
    SectionEntry,
    SectionKey,
    StudentEntry,
)
from attendance.roster.files import RosterFile
from attendance.roster.problems import Problems
from attendance.roster.tables import Columns, Row, read_rows

COLUMNS = Columns.named(
    required=(("course",), ("section",), ("student_id",), ("name", "first_name", "last_name")),
    course="course code, course id, course no, course number, subject, subject code, module, module code",
    course_title="course name, subject title, subject name, module title, module name",
    section="section name, class, class name, group, group name",
    term="semester, academic term, academic session, trimester, quarter, academic year",
    student_id="id, student no, student number, student, sid, registration no, registration number, reg no, "
    "matriculation no, matriculation number, matric no, usn",
    roll_number="roll no, roll, roll num, roll #",
    name="full name, student name",
    first_name="given name, forename",
    last_name="family name, surname",
    email="email address, mail, student email, student email address",
    teacher="teachers, teacher email, instructor, instructors, instructor email, lecturer, lecturers, professor",
)


def read_plain(file: RosterFile, problems: Problems) -> Roster:
    """What the file says; every bad line is added to the problems."""
    roster = Roster()
    for row in read_rows(file, COLUMNS, problems):
        _add(row, roster, problems)
    return roster


def _add(row: Row, roster: Roster, problems: Problems) -> None:
    section = _section(row, roster, problems)
    student_id = cells.identifier(
        row, "student_id", limit=cells.length(Student, "student_id"), problems=problems
    )
    name = _name(row, problems)
    email = cells.email(row, "email", limit=cells.length(Student, "email"), problems=problems)
    roll_number = None
    if row.has("roll_number"):
        roll_number = cells.identifier(
            row,
            "roll_number",
            limit=cells.length(Enrolment, "roll_number"),
            problems=problems,
            required=False,
        )
    if not section or not student_id:
        problems.left_out = True
        return
    _add_student(row, roster, student_id=student_id, name=name, email=email, problems=problems)
    roster.enrolments.append(
        EnrolmentEntry(
            section, student_id, None if roll_number is None else roll_number or student_id, row.place
        )
    )


def _section(row: Row, roster: Roster, problems: Problems) -> SectionKey | None:
    code = cells.identifier(row, "course", limit=cells.length(Course, "code"), problems=problems)
    title = cells.label(
        row, "course_title", limit=cells.length(Course, "title"), problems=problems, required=False
    )
    name = cells.label(row, "section", limit=cells.length(Section, "name"), problems=problems)
    term = cells.label(row, "term", limit=cells.length(Section, "term"), problems=problems, required=False)
    teachers = _teachers(row, problems)
    if code:
        known = roster.courses.get(code)
        if known is None or not known.title:
            roster.courses[code] = CourseEntry(code, title, row.place)
        elif title and title != known.title:
            row.place.problem(
                problems,
                "course_title",
                f"The course {code} is called “{known.title}” in line {known.place.line}.",
            )
    if not code or not name:
        return None
    key = (code, name, term)
    roster.sections.setdefault(key, SectionEntry(code, name, term, "", row.place))
    for teacher in teachers:
        login = (teacher.email or teacher.username).lower()
        roster.teachers.setdefault(login, teacher)
        roster.teaching[key, login] = None
    return key


def _name(row: Row, problems: Problems) -> str:
    limit = cells.length(Student, "name")
    if row.has("name"):
        return cells.label(row, "name", limit=limit, problems=problems)
    parts = [
        cells.label(row, column, limit=limit // 2 - 1, problems=problems, required=False)
        for column in ("first_name", "last_name")
    ]
    if not any(parts):
        row.place.problem(problems, "first_name", "The student has no name.")
    return " ".join(part for part in parts if part)


def _teachers(row: Row, problems: Problems) -> list[PersonEntry]:
    teachers = []
    for login in re.split(r"[;,]", row.cells.get("teacher", "")):
        name = login.strip()
        if not name:
            continue
        as_email = "@" in name and cells.is_email(name)
        limit = cells.length(User, "email" if as_email else "username")
        if len(name) > limit or not (as_email or _is_username(name)):
            row.place.problem(
                problems,
                "teacher",
                f"“{name[:80]}” is neither an e-mail address nor a user name. Separate several by “;”.",
            )
            continue
        teachers.append(
            PersonEntry(
                username="" if as_email else name,
                email=name if as_email else "",
                first_name="",
                last_name="",
                place=row.place,
            )
        )
    return teachers


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
        person = PersonEntry(username="", email=email, first_name=name, last_name="", place=row.place)
        roster.students[student_id] = StudentEntry(student_id, name, person)
        return
    line = known.person.place.line
    if name and known.name and name != known.name:
        column = "name" if row.has("name") else "first_name"
        row.place.problem(
            problems, column, f"The student {student_id} is called “{known.name}” in line {line}."
        )
    if email and known.person.email and email.lower() != known.person.email.lower():
        row.place.problem(
            problems, "email", f"The student {student_id} has the e-mail {known.person.email} in line {line}."
        )
    known.person.email = known.person.email or email
