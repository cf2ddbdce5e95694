"""Reads the export of a whole school for School Data Sync v1 or Clever. They differ only in names.

Dates of terms and passwords are not read. An enrolment begins with the import.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from attendance.lib.texts import max_length
from attendance.models import Course, Enrolment, Section, Student, Term, User
from attendance.rosters import cells
from attendance.rosters.csv_rows import Columns, Row, read_rows
from attendance.rosters.entries import (
    CourseEntry,
    EnrolmentEntry,
    PersonEntry,
    Roster,
    SectionEntry,
    StudentEntry,
    TeachingEntry,
    TermEntry,
)
from attendance.rosters.files import CLEVER, SDS_V1, Layout, RosterFile
from attendance.rosters.problems import Problems

_ID = 255
_INACTIVE = frozenset({"inactive", "deleted", "tobedeleted", "withdrawn", "transferred", "graduated"})
_TEACHERS = ("teacher", *(f"teacher_{number}" for number in range(2, 11)))
_UNREAD_OF_PEOPLE = (
    "school sis id, school_id, middle name, middle_name, state id, state_id, state_teacher_id, grade, graduation year, "
    "graduation_year, birthdate, dob, gender, race, federal race, hispanic_latino, ell status, ell_status, frl_status, "
    "iep_status, home_language, mailing address, mailing city, mailing state, mailing zip, mailing latitude, "
    "mailing longitude, mailing country, student_street, student_city, student_state, student_zip, password, title, "
    "qualification, secondary email, unweighted_gpa, weighted_gpa, contact_name, contact_type, contact_relationship, "
    "contact_phone, contact_phone_type, contact_email, contact_sis_id, teacher number, teacher_number, teacher_phone"
)
_UNREAD_OF_SECTIONS = (
    "school sis id, school_id, term sis id, term startdate, term enddate, term_start, term_end, course description, "
    "course_description, course subject, subject, period, periods, grade"
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """The columns of each file. ``teaching`` is the file that says who teaches, ``""`` if the sections do."""

    sections: tuple[str, Columns]
    students: tuple[str, Columns]
    teachers: tuple[str, Columns]
    enrolments: tuple[str, Columns]
    teaching: tuple[str, Columns] | None


def _people(**names: Any) -> Columns:
    return Columns.named(
        required=(("id",),),
        identifying=("student_id", "username", "email", "status"),
        unread=_UNREAD_OF_PEOPLE,
        **names,
    )


def _sections(**names: Any) -> Columns:
    return Columns.named(
        required=(("id",),), identifying=("course_number", "course_id", "term", "status"), unread=_UNREAD_OF_SECTIONS,
        **names,
    )  # fmt: skip


def _pairs(**names: Any) -> Columns:
    return Columns.named(
        required=(("section",), ("person",)), unread="school sis id, school_id, start_date, end_date", **names
    )


_KINDS = {
    SDS_V1.name: _Kind(
        sections=(
            "Section",
            _sections(
                id="sis id", name="section name", number="section number", course_id="course sis id",
                course_number="course number", course_title="course name", term="term name", status="",
            ),
        ),
        students=(
            "Student",
            _people(
                id="sis id", student_id="student number", username="", first_name="first name", last_name="last name",
                status="",
            ),
        ),
        teachers=(
            "Teacher",
            _people(
                id="sis id", username="", first_name="first name", last_name="last name",
                status="",
            ),
        ),
        enrolments=("StudentEnrollment", _pairs(section="section sis id", person="sis id")),
        teaching=("TeacherRoster", _pairs(section="section sis id", person="sis id")),
    ),
    CLEVER.name: _Kind(
        sections=(
            "sections",
            _sections(
                id="section_id", name="", number="section_number", course_number="course_number",
                course_title="course_name", term="term_name",
                **{one: f"{one}_id" for one in _TEACHERS},
            ),
        ),
        students=(
            "students",
            _people(
                student_id="student_number", id="student_id",  # the later one takes the header “Student_id”
                username="", email="student_email",
                first_name="first_name", last_name="last_name",
            ),
        ),
        teachers=(
            "teachers",
            _people(
                id="teacher_id", username="", email="teacher_email",
                first_name="first_name", last_name="last_name",
            ),
        ),
        enrolments=("enrollments", _pairs(section="section_id", person="student_id")),
        teaching=None,
    ),
}  # fmt: skip


def read_school(layout: Layout, files: Mapping[str, RosterFile], problems: Problems) -> Roster:
    """Return the roster in the files. Bad lines and references to missing rows are added to the problems."""
    return _School(_KINDS[layout.name], files, problems).read()


class _School:
    def __init__(self, kind: _Kind, files: Mapping[str, RosterFile], problems: Problems) -> None:
        self._kind = kind
        self._files = files
        self._problems = problems
        self._roster = Roster()
        self._ignored: Counter[str] = Counter()
        # Ids of rows that hold no longer, by file.
        self._inactive: set[tuple[str, str]] = set()
        self._student_ids: dict[str, str] = {}

    def read(self) -> Roster:
        sections = self._by_id(*self._kind.sections)
        students = self._by_id(*self._kind.students)
        teachers = self._by_id(*self._kind.teachers)
        for section_id, row in sections.items():
            self._add_section(section_id, row)
        self._make_names_unique(sections)
        self._add_enrolments(sections, students)
        for section_id, teacher_id, row, column in self._teaching(sections):
            if self._exists(row, column, teacher_id, self._kind.teachers[0], teachers):
                self._add_teacher(section_id, teacher_id, teachers[teacher_id])
        unused = sum(student_id not in self._student_ids for student_id in students)
        if unused:
            self._roster.notes.append(
                f"{self._file(self._kind.students[0])}: students without an enrolment, ignored: {unused}"
            )
        self._roster.notes.extend(
            f"{what}, ignored: {number}" for what, number in sorted(self._ignored.items())
        )
        return self._roster

    def _file(self, name: str) -> str:
        return self._files[name].name if name in self._files else f"{name}.csv"

    def _rows(self, name: str, columns: Columns) -> Iterator[Row]:
        if name in self._files:
            yield from read_rows(self._files[name], columns, self._problems)

    def _by_id(self, name: str, columns: Columns) -> dict[str, Row]:
        rows: dict[str, Row] = {}
        for row in self._rows(name, columns):
            own_id = self._id(row, "id")
            if self._is_inactive(row):
                self._inactive.add((name, own_id))
                self._ignored[f"{row.location.file}: inactive"] += 1
            elif own_id in rows:
                line = rows[own_id].location.line
                row.location.add_problem(
                    self._problems, "id", f"The id {own_id} is also used in line {line}."
                )
            elif own_id:
                rows[own_id] = row
        return rows

    def _is_inactive(self, row: Row) -> bool:
        status = row.cells.get("status", "").strip()
        word = status.casefold().replace(" ", "")
        if word not in ("", "active", *_INACTIVE):
            row.location.add_problem(
                self._problems, "status", f"“{status[:40]}” is not a known status: active or inactive."
            )
        return word in _INACTIVE

    def _id(self, row: Row, column: str, *, required: bool = True) -> str:
        return cells.identifier(row, column, limit=_ID, problems=self._problems, required=required)

    def _label(self, row: Row, column: str, limit: int) -> str:
        return cells.label(row, column, limit=limit, problems=self._problems, required=False)

    def _exists(self, row: Row, column: str, own_id: str, name: str, rows: Mapping[str, Row]) -> bool:
        """Return whether the file has a row with this id. If it does not and should, add a problem."""
        if own_id and own_id not in rows and (name, own_id) not in self._inactive:
            row.location.add_problem(self._problems, column, f"There is no {own_id} in {self._file(name)}.")
        return own_id in rows

    def _add_section(self, section_id: str, row: Row) -> None:
        limit = max_length(Section, "external_id")
        if len(section_id) > limit:
            row.location.add_problem(self._problems, "id", f"The limit is {limit} characters.")
            return
        limit = max_length(Course, "code")
        codes = (
            cells.identifier(row, column, limit=limit, problems=self._problems, required=False)
            for column in ("course_number", "course_id")
        )
        code = next(filter(None, codes), section_id)
        if len(code) > limit:
            row.location.add_problem(self._problems, "id", f"As a course, it may have {limit} characters.")
            return
        name_limit = max_length(Section, "name")
        number = self._label(row, "number", name_limit)
        name = self._label(row, "name", name_limit) or number or section_id
        term = TermEntry(self._label(row, "term", max_length(Term, "name")))
        title = self._label(row, "course_title", max_length(Course, "title"))
        self._roster.courses.setdefault(code, CourseEntry(code, title, row.location))
        self._roster.sections[section_id,] = SectionEntry(code, name, term, section_id, row.location)

    def _make_names_unique(self, sections: Mapping[str, Row]) -> None:
        """Append the section's number, or else its id, to sections with the same course, term and name."""
        numbers = {
            entry.external_id: self._label(sections[entry.external_id], "number", _ID)
            for entry in self._roster.sections.values()
        }
        for entry in self._roster.make_names_unique(numbers):
            if len(entry.name) > max_length(Section, "name"):
                entry.location.add_problem(
                    self._problems,
                    "name",
                    "Another section has this name, and it is too long to tell them apart.",
                )

    def _add_enrolments(self, sections: Mapping[str, Row], students: Mapping[str, Row]) -> None:
        seen: set[tuple[str, str]] = set()
        name, columns = self._kind.enrolments
        for row in self._rows(name, columns):
            section_id, person_id = self._id(row, "section"), self._id(row, "person")
            has_section = self._exists(row, "section", section_id, self._kind.sections[0], sections)
            has_student = self._exists(row, "person", person_id, self._kind.students[0], students)
            if (section_id, person_id) in seen:
                self._ignored[f"{row.location.file}: rows given twice"] += 1
            elif has_section and has_student and (section_id,) in self._roster.sections:
                seen.add((section_id, person_id))
                student_id = self._student(person_id, students[person_id])
                if student_id:
                    self._roster.enrolments.append(
                        EnrolmentEntry((section_id,), student_id, None, row.location)
                    )
                else:
                    self._problems.rows_skipped = True
            else:
                self._problems.rows_skipped = True

    def _student(self, person_id: str, row: Row) -> str:
        """Return the student id, and add the student to the roster. Empty if the id is unusable."""
        if person_id in self._student_ids:
            return self._student_ids[person_id]
        limit = min(max_length(Student, "student_id"), max_length(Enrolment, "roll_number"))
        column = "student_id" if row.cells.get("student_id", "").strip() else "id"
        student_id = cells.identifier(row, column, limit=limit, problems=self._problems)
        known = self._roster.students.get(student_id)
        if known is not None:
            line = known.person.location.line
            row.location.add_problem(
                self._problems, column, f"The student in line {line} also has the student id {student_id}."
            )
            student_id = ""
        self._student_ids[person_id] = student_id
        if student_id:
            person = self._person(row)
            name = " ".join(part for part in (person.first_name, person.last_name) if part) or person.username
            if not name:
                row.location.add_problem(self._problems, "first_name", "The student has no name.")
            self._roster.students[student_id] = StudentEntry(student_id, name, person)
        return student_id

    def _person(self, row: Row) -> PersonEntry:
        username = cells.identifier(
            row, "username", limit=max_length(User, "username"), problems=self._problems, required=False
        )
        email = cells.email(row, "email", limit=max_length(User, "email"), problems=self._problems)
        return PersonEntry(
            username=username,
            # In School Data Sync v1 the user name is the address.
            email=email or (username if cells.is_email(username) else ""),
            first_name=self._label(row, "first_name", max_length(User, "first_name")),
            last_name=self._label(row, "last_name", max_length(User, "last_name")),
            location=row.location,
        )

    def _teaching(self, sections: Mapping[str, Row]) -> Iterator[tuple[str, str, Row, str]]:
        """Yield section, teacher, row and column for each teacher of each section."""
        if self._kind.teaching is None:
            for section_id, row in sections.items():
                for column in _TEACHERS:
                    if teacher_id := self._id(row, column, required=False):
                        yield section_id, teacher_id, row, column
            return
        for row in self._rows(*self._kind.teaching):
            section_id, teacher_id = self._id(row, "section"), self._id(row, "person")
            if self._exists(row, "section", section_id, self._kind.sections[0], sections):
                yield section_id, teacher_id, row, "person"

    def _add_teacher(self, section_id: str, teacher_id: str, row: Row) -> None:
        if (section_id,) not in self._roster.sections:
            return
        if teacher_id not in self._roster.teachers:
            person = self._person(row)
            if not person.username and not person.email:
                person.username = teacher_id[: max_length(User, "username")]
            self._roster.teachers[teacher_id] = person
        self._roster.teaching[TeachingEntry((section_id,), teacher_id)] = None
