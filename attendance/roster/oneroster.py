"""A OneRoster 1.1 or School Data Sync (SDS v2, v2.1) export: users, classes, enrollments; courses, academicSessions.

The end date of an enrolment is exclusive, as OneRoster 1.1 defines it. Passwords are not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from attendance.models import Course, Enrolment, Section, Student, User
from attendance.roster import cells
from attendance.roster.entries import (
    CourseEntry,
    EnrolmentEntry,
    PersonEntry,
    Roster,
    SectionEntry,
    StudentEntry,
)
from attendance.roster.files import RosterFile
from attendance.roster.problems import Problems
from attendance.roster.tables import Columns, Row, read_rows

TEACHING_ROLES = frozenset(
    {"teacher", "professor", "faculty", "instructor", "lecturer", "adjunct", "substitute"}
)
# Known to OneRoster or SDS, and neither taught nor allowed to open sessions by an import: an admin may add them.
OTHER_ROLES = frozenset(
    {
        "administrator", "proctor", "aide", "parent", "guardian", "relative", "teacherassistant", "assistant", "staff",
        "principal", "chair", "researcher", "affiliate", "occupationaltherapist", "physicaltherapist",
        "speechtherapist", "visiontherapist", "paraprofessional", "specialservices", "advisor", "nurse",
        "officestaff", "itadmin", "coach", "alumni", "other",
    }
)  # fmt: skip
_SOURCED_ID = 255

_COLUMNS = {
    "users": Columns.named(
        required=(("sourcedId",), ("givenName", "familyName", "username")),
        sourcedId="", username="", givenName="", familyName="", email="", identifier="", enabledUser="", status="",
    ),
    "classes": Columns.named(
        required=(("sourcedId",), ("title",)),
        sourcedId="", title="", courseSourcedId="", classCode="", sessionSourcedIds="termSourcedIds, termSourcedId",
        status="",
    ),
    "courses": Columns.named(
        required=(("sourcedId",),), sourcedId="", title="", code="courseCode", status=""
    ),
    "enrollments": Columns.named(
        required=(("classSourcedId",), ("userSourcedId",), ("role",)),
        classSourcedId="", userSourcedId="", role="", beginDate="", endDate="", status="",
    ),
    "academicSessions": Columns.named(required=(("sourcedId",), ("title",)), sourcedId="", title="", status=""),
}  # fmt: skip


@dataclass(slots=True)
class _Rows:
    """The rows of one file by their id, and the ids of those that the other system has deleted."""

    given: bool
    by_id: dict[str, Row] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)


def read_oneroster(files: Mapping[str, RosterFile], problems: Problems) -> Roster:
    """What the files say together; every bad line, and every reference to nothing, is added to the problems."""
    rows = {holds: _rows(holds, files, problems) for holds in _COLUMNS if holds != "enrollments"}
    roster = Roster()
    _add_sections(roster, rows, problems)
    _Enrolments(roster, rows, problems).read(files["enrollments"])
    return roster


def _rows(holds: str, files: Mapping[str, RosterFile], problems: Problems) -> _Rows:
    rows = _Rows(given=holds in files)
    if not rows.given:
        return rows
    for row in read_rows(files[holds], _COLUMNS[holds], problems):
        sourced_id = cells.identifier(row, "sourcedId", limit=_SOURCED_ID, problems=problems)
        if _deleted(row):
            rows.deleted.add(sourced_id)
        elif sourced_id in rows.by_id:
            line = rows.by_id[sourced_id].place.line
            row.place.problem(problems, "sourcedId", f"The id {sourced_id} is given in line {line} too.")
        elif sourced_id:
            rows.by_id[sourced_id] = row
    return rows


def _deleted(row: Row) -> bool:
    return row.cells.get("status", "").strip().lower() == "tobedeleted"


def _add_sections(roster: Roster, rows: Mapping[str, _Rows], problems: Problems) -> None:
    for sourced_id, row in rows["classes"].by_id.items():
        if len(sourced_id) > cells.length(Section, "external_id"):
            row.place.problem(
                problems, "sourcedId", f"{cells.length(Section, 'external_id')} characters are the most."
            )
            continue
        title = cells.label(row, "title", limit=cells.length(Section, "name"), problems=problems)
        course = _course(sourced_id, row, rows["courses"], problems)
        term = _term(row, rows["academicSessions"], problems)
        if course is None or not title:
            problems.left_out = True
            continue
        roster.courses.setdefault(course.code, course)
        roster.sections[sourced_id,] = SectionEntry(course.code, title, term, sourced_id, row.place)
    _tell_apart(roster, rows["classes"], problems)


def _course(class_id: str, row: Row, courses: _Rows, problems: Problems) -> CourseEntry | None:
    limit = cells.length(Course, "code")
    course_id = cells.identifier(row, "courseSourcedId", limit=_SOURCED_ID, problems=problems, required=False)
    course = courses.by_id.get(course_id)
    if course is not None:
        code = cells.identifier(course, "code", limit=limit, problems=problems, required=False) or course_id
        title = cells.label(
            course, "title", limit=cells.length(Course, "title"), problems=problems, required=False
        )
        column, place = "code", course.place
    else:
        if course_id and courses.given and course_id not in courses.deleted:
            row.place.problem(problems, "courseSourcedId", f"There is no course {course_id} in courses.csv.")
            return None
        code = course_id or cells.identifier(row, "classCode", limit=limit, problems=problems, required=False)
        code = code or class_id
        title = cells.label(row, "title", limit=cells.length(Course, "title"), problems=problems)
        column, place = "courseSourcedId", row.place
    if len(code) > limit:
        place.problem(problems, column, f"The text has {len(code)} characters; {limit} are the most.")
        return None
    return CourseEntry(code, title, place)


def _term(row: Row, sessions: _Rows, problems: Problems) -> str:
    titles = []
    limit = cells.length(Section, "term")
    for session_id in (part.strip() for part in row.cells.get("sessionSourcedIds", "").split(",")):
        session = sessions.by_id.get(session_id)
        if session is not None:
            titles.append(cells.label(session, "title", limit=limit, problems=problems))
        elif session_id and sessions.given and session_id not in sessions.deleted:
            row.place.problem(
                problems, "sessionSourcedIds", f"There is no session {session_id} in academicSessions.csv."
            )
        elif session_id:
            titles.append(session_id)
    term = ", ".join(titles)
    if len(term) > limit:
        row.place.problem(
            problems,
            "sessionSourcedIds",
            f"The terms together have {len(term)} characters; {limit} are the most.",
        )
        return ""
    return term


def _tell_apart(roster: Roster, classes: _Rows, problems: Problems) -> None:
    """Classes of one course and term that share a title get their code, or else their id, behind it."""
    shared = Counter((entry.course, entry.name, entry.term) for entry in roster.sections.values())
    codes = {
        entry.external_id: cells.label(
            classes.by_id[entry.external_id],
            "classCode",
            limit=_SOURCED_ID,
            problems=problems,
            required=False,
        )
        for entry in roster.sections.values()
    }
    by_code = Counter(
        (entry.course, entry.name, entry.term, codes[entry.external_id]) for entry in roster.sections.values()
    )
    for entry in roster.sections.values():
        name = (entry.course, entry.name, entry.term)
        if shared[name] == 1:
            continue
        code = codes[entry.external_id]
        unique = code if code and by_code[(*name, code)] == 1 else entry.external_id
        entry.name = f"{entry.name} ({unique})"
        if len(entry.name) > cells.length(Section, "name"):
            entry.place.problem(
                problems, "title", "The title is too long to tell it from another class of this title."
            )


class _Enrolments:
    """Reads enrollments.csv: who is taught, who teaches, and who is ignored with a note."""

    def __init__(self, roster: Roster, rows: Mapping[str, _Rows], problems: Problems) -> None:
        self._roster = roster
        self._users = rows["users"]
        self._classes = rows["classes"]
        self._problems = problems
        self._ignored: Counter[str] = Counter()
        self._student_ids: dict[str, str] = {}
        self._people: dict[str, PersonEntry] = {}

    def read(self, file: RosterFile) -> None:
        for row in read_rows(file, _COLUMNS["enrollments"], self._problems):
            self._add(row)
        notes = self._roster.notes
        notes.extend(
            f"{file.name}: {what}, ignored: {count}" for what, count in sorted(self._ignored.items())
        )
        idle = sum(user_id not in self._people for user_id in self._users.by_id)
        if idle:
            notes.append(f"users.csv: without an enrolment, ignored: {idle}")

    def _add(self, row: Row) -> None:
        class_id, user_id = (
            cells.identifier(row, column, limit=_SOURCED_ID, problems=self._problems)
            for column in ("classSourcedId", "userSourcedId")
        )
        if _deleted(row) or class_id in self._classes.deleted or user_id in self._users.deleted:
            self._ignored["deleted (tobedeleted)"] += 1
            return
        known = True
        if class_id and class_id not in self._classes.by_id:
            row.place.problem(
                self._problems, "classSourcedId", f"There is no class {class_id} in classes.csv."
            )
            known = False
        if user_id and user_id not in self._users.by_id:
            row.place.problem(self._problems, "userSourcedId", f"There is no user {user_id} in users.csv.")
            known = False
        role = "".join(character for character in row.cells["role"].lower() if character.isalnum())
        if role in OTHER_ROLES:
            self._ignored[f"role {row.cells['role'].strip()}"] += 1
        elif role not in TEACHING_ROLES and role != "student":
            row.place.problem(
                self._problems,
                "role",
                f"“{row.cells['role'].strip()[:40]}” is no role that is known: student, teacher, …",
            )
        elif not known or not class_id or not user_id or (class_id,) not in self._roster.sections:
            self._problems.left_out = True
        elif role == "student":
            self._add_student(row, class_id, user_id)
        else:
            self._add_teacher(class_id, user_id)

    def _add_teacher(self, class_id: str, user_id: str) -> None:
        person = self._person(user_id)
        if not person.enabled:
            self._ignored["teacher whose account is not enabled"] += 1
            return
        if not person.username and not person.email:
            person.username = user_id[: cells.length(User, "username")]
        self._roster.teachers[user_id] = person
        self._roster.teaching[(class_id,), user_id] = None

    def _add_student(self, row: Row, class_id: str, user_id: str) -> None:
        from_date = cells.date(row, "beginDate", problems=self._problems)
        to_date = cells.date(row, "endDate", problems=self._problems)
        if from_date and to_date and to_date < from_date:
            row.place.problem(self._problems, "endDate", "The enrolment ends before it begins.")
            to_date = None
        student_id = self._student(user_id)
        if not student_id:
            self._problems.left_out = True
            return
        self._roster.enrolments.append(
            EnrolmentEntry(
                (class_id,), student_id, None, row.place, from_date, to_date, says_end=row.has("endDate")
            )
        )

    def _student(self, user_id: str) -> str:
        """The student id of the user, who becomes a student if they are not yet; empty where there is none."""
        if user_id in self._student_ids:
            return self._student_ids[user_id]
        row = self._users.by_id[user_id]
        limit = min(cells.length(Student, "student_id"), cells.length(Enrolment, "roll_number"))
        column = "identifier" if row.cells.get("identifier", "").strip() else "sourcedId"
        student_id = cells.identifier(row, column, limit=limit, problems=self._problems)
        known = self._roster.students.get(student_id)
        if known is not None:
            row.place.problem(
                self._problems,
                column,
                f"The user in line {known.person.place.line} has the student id {student_id} too.",
            )
            student_id = ""
        self._student_ids[user_id] = student_id
        if student_id:
            person = self._person(user_id)
            name = " ".join(part for part in (person.first_name, person.last_name) if part)
            if not name and not person.username:
                row.place.problem(self._problems, "givenName", "The student has no name.")
            self._roster.students[student_id] = StudentEntry(student_id, name or person.username, person)
        return student_id

    def _person(self, user_id: str) -> PersonEntry:
        if user_id not in self._people:
            row = self._users.by_id[user_id]
            first_name, last_name = (
                cells.label(
                    row, column, limit=cells.length(User, field), problems=self._problems, required=False
                )
                for column, field in (("givenName", "first_name"), ("familyName", "last_name"))
            )
            username = cells.identifier(
                row, "username", limit=cells.length(User, "username"), problems=self._problems, required=False
            )
            email = cells.email(row, "email", limit=cells.length(User, "email"), problems=self._problems)
            if not email and cells.is_email(username):
                # Many exports give the address as the user name alone; codes for sign-in need one.
                email = username
            self._people[user_id] = PersonEntry(
                username=username,
                email=email,
                first_name=first_name,
                last_name=last_name,
                place=row.place,
                enabled=row.cells.get("enabledUser", "").strip().lower() not in ("false", "0", "no"),
            )
        return self._people[user_id]
