"""Reads a OneRoster 1.1 or School Data Sync (SDS v2, v2.1) export.

It has users, classes and enrollments, and perhaps courses and academicSessions. The end date of an enrolment is
exclusive, as OneRoster defines it (CSV tables of 1.1, CSV binding of 1.2), and so is that of an academic session: a term's
last day is the day before. Passwords are not read.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

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
    StudentEntry,
    TeachingEntry,
    TermEntry,
)
from attendance.rosters.files import RosterFile
from attendance.rosters.problems import Problems
from attendance.timetable.occurrences import YEARS

TEACHING_ROLES = frozenset(
    {"teacher", "professor", "faculty", "instructor", "lecturer", "adjunct", "substitute"}
)
# Assistants, if they have a teacher's account.
ASSISTING_ROLES = frozenset({"aide", "assistant", "teacherassistant"})
# OneRoster and SDS roles that an import ignores: not students, and not allowed to open sessions unless an admin
# adds them.
OTHER_ROLES = frozenset(
    {
        "administrator", "proctor", "parent", "guardian", "relative", "staff", "principal", "chair", "researcher", "affiliate", "occupationaltherapist", "physicaltherapist",
        "speechtherapist", "visiontherapist", "paraprofessional", "specialservices", "advisor", "nurse",
        "officestaff", "itadmin", "coach", "alumni", "other",
    }
)  # fmt: skip
_SOURCED_ID = 255
_DAY = datetime.timedelta(days=1)

# Columns of the standards that we don't need.
_UNREAD = (
    "sourcedId, dateLastModified, orgSourcedIds, orgSourcedId, schoolSourcedIds, schoolSourcedId, role, userIds, middleName, "
    "preferredFirstName, preferredMiddleName, preferredLastName, preferredGivenName, preferredFamilyName, pronouns, sms, "
    "phone, agentSourcedIds, grades, grade, password, userMasterIdentifier, primaryOrgSourcedId, resourceSourcedIds, "
    "activeDirectoryMatchId, classType, location, subject, subjects, subjectCodes, periods, resources, schoolYearSourcedId, "
    "schoolYear, primary, type, startDate, endDate, parentSourcedId, title, termSourcedIds, classCode"
)

_COLUMNS = {
    "users": Columns.named(
        required=(("sourcedId",), ("givenName", "familyName", "username")),
        identifying=("username", "email", "identifier", "enabledUser", "status"),
        unread=_UNREAD,
        sourcedId="", username="", givenName="", familyName="", email="", identifier="", enabledUser="", status="",
    ),
    "classes": Columns.named(
        required=(("sourcedId",), ("title",)),
        identifying=("courseSourcedId", "classCode", "sessionSourcedIds", "status"),
        unread=_UNREAD,
        sourcedId="", title="", courseSourcedId="", classCode="", sessionSourcedIds="termSourcedIds, termSourcedId",
        status="",
    ),
    "courses": Columns.named(
        required=(("sourcedId",),),
        identifying=("code", "status"),
        unread=_UNREAD,
        sourcedId="", title="", code="courseCode", status="",
    ),
    "enrollments": Columns.named(
        required=(("classSourcedId",), ("userSourcedId",), ("role",)),
        identifying=("beginDate", "endDate", "status"),
        unread=_UNREAD,
        classSourcedId="", userSourcedId="", role="", beginDate="", endDate="", status="",
    ),
    "academicSessions": Columns.named(
        required=(("sourcedId",), ("title",)),
        unread=_UNREAD,
        sourcedId="", title="", startDate="", endDate="", parentSourcedId="", status="",
    ),
}  # fmt: skip
# SDS and OneRoster leave the status empty in complete exports.
ACTIVE = frozenset({"", "active"})
DELETED = frozenset({"tobedeleted", "inactive"})


@dataclass(slots=True)
class _Rows:
    """The rows of one file by sourcedId, and the sourcedIds of rows marked as deleted."""

    has_file: bool
    by_id: dict[str, Row] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)


def read_oneroster(files: Mapping[str, RosterFile], problems: Problems) -> Roster:
    """Return the roster in the files. Bad lines and references to missing rows are added to the problems."""
    rows = {kind: _rows(kind, files, problems) for kind in _COLUMNS if kind != "enrollments"}
    roster = Roster()
    _add_sections(roster, rows, problems)
    _Enrolments(roster, rows, problems).read(files["enrollments"])
    return roster


def _rows(kind: str, files: Mapping[str, RosterFile], problems: Problems) -> _Rows:
    rows = _Rows(has_file=kind in files)
    if not rows.has_file:
        return rows
    for row in read_rows(files[kind], _COLUMNS[kind], problems):
        sourced_id = cells.identifier(row, "sourcedId", limit=_SOURCED_ID, problems=problems)
        if _deleted(row, problems):
            rows.deleted.add(sourced_id)
        elif sourced_id in rows.by_id:
            line = rows.by_id[sourced_id].location.line
            row.location.add_problem(
                problems, "sourcedId", f"The id {sourced_id} is also used in line {line}."
            )
        elif sourced_id:
            rows.by_id[sourced_id] = row
    return rows


def _deleted(row: Row, problems: Problems) -> bool:
    """Return whether the row holds no longer. An unknown status is a problem, because it may mean that."""
    status = row.cells.get("status", "").strip()
    if status.casefold() not in ACTIVE | DELETED:
        row.location.add_problem(
            problems, "status", f"“{status[:40]}” is not a known status: active, inactive or tobedeleted."
        )
    return status.casefold() not in ACTIVE


def _add_sections(roster: Roster, rows: Mapping[str, _Rows], problems: Problems) -> None:
    terms = _Terms(rows["academicSessions"], problems)
    for sourced_id, row in rows["classes"].by_id.items():
        if len(sourced_id) > max_length(Section, "external_id"):
            row.location.add_problem(
                problems, "sourcedId", f"The limit is {max_length(Section, 'external_id')} characters."
            )
            continue
        title = cells.label(row, "title", limit=max_length(Section, "name"), problems=problems)
        course = _course(sourced_id, row, rows["courses"], problems)
        term = terms.of(row)
        if course is None or not title:
            problems.rows_skipped = True
            continue
        roster.courses.setdefault(course.code, course)
        roster.sections[sourced_id,] = SectionEntry(course.code, title, term, sourced_id, row.location)
    _make_names_unique(roster, rows["classes"], problems)
    roster.notes.extend(terms.notes())


def _course(class_id: str, row: Row, courses: _Rows, problems: Problems) -> CourseEntry | None:
    limit = max_length(Course, "code")
    course_id = cells.identifier(row, "courseSourcedId", limit=_SOURCED_ID, problems=problems, required=False)
    course = courses.by_id.get(course_id)
    if course is not None:
        code = cells.identifier(course, "code", limit=limit, problems=problems, required=False) or course_id
        title = cells.label(
            course, "title", limit=max_length(Course, "title"), problems=problems, required=False
        )
        column, location = "code", course.location
    else:
        if course_id and courses.has_file and course_id not in courses.deleted:
            row.location.add_problem(
                problems, "courseSourcedId", f"There is no course {course_id} in courses.csv."
            )
            return None
        code = course_id or cells.identifier(row, "classCode", limit=limit, problems=problems, required=False)
        code = code or class_id
        title = cells.label(row, "title", limit=max_length(Course, "title"), problems=problems)
        column, location = "courseSourcedId", row.location
    if len(code) > limit:
        location.add_problem(problems, column, f"The text has {len(code)} characters; the limit is {limit}.")
        return None
    return CourseEntry(code, title, location)


class _Terms:
    """The terms of classes. Rows of academicSessions.csv that no class needs are not checked."""

    def __init__(self, sessions: _Rows, problems: Problems) -> None:
        self._sessions = sessions
        self._problems = problems
        self._terms: dict[str, TermEntry] = {}
        self._without_common_parent = 0
        self._of_deleted_sessions = 0
        self._in_circles: set[str] = set()

    def of(self, row: Row) -> TermEntry:
        """Return the term of a class. Of several, it is the one above all of them, such as the school year."""
        ids = [part.strip() for part in row.cells.get("sessionSourcedIds", "").split(",") if part.strip()]
        ids = [session_id for session_id in dict.fromkeys(ids) if self._exists(session_id, row)]
        if not ids:
            return TermEntry("")
        self._of_deleted_sessions += not self._sessions.deleted.isdisjoint(ids)
        above = [self._with_those_above(session_id) for session_id in ids]
        for session_id in above[0]:
            if all(session_id in others for others in above):
                return self._term(session_id, row)
        return self._joined([self._term(session_id, row) for session_id in ids], row)

    def notes(self) -> list[str]:
        notes = []
        if self._without_common_parent:
            notes.append(
                "classes.csv: classes of several terms that have no common parent: "
                f"{self._without_common_parent}. Their term is named after all of them, from the first day to the last."
            )
        if self._of_deleted_sessions:
            notes.append(
                "classes.csv: classes of sessions that are deleted or inactive in academicSessions.csv: "
                f"{self._of_deleted_sessions}. Such a term stays as it is; a new one is named by its id and has no days."
            )
        return notes

    def _exists(self, session_id: str, row: Row) -> bool:
        sessions = self._sessions
        if sessions.has_file and session_id not in sessions.by_id and session_id not in sessions.deleted:
            row.location.add_problem(
                self._problems,
                "sessionSourcedIds",
                f"There is no session {session_id} in academicSessions.csv.",
            )
            return False
        return True

    def _with_those_above(self, session_id: str) -> list[str]:
        """Return the session and those above it, the nearest first. One that is above itself is the highest."""
        found = [session_id]
        while session := self._sessions.by_id.get(found[-1]):
            parent = session.cells.get("parentSourcedId", "").strip()
            if parent == found[-1] or parent not in self._sessions.by_id:
                break
            if parent in found:
                self._refuse_circle(found[found.index(parent) :])
                break
            found.append(parent)
        return found

    def _refuse_circle(self, ids: list[str]) -> None:
        if self._in_circles.isdisjoint(ids):
            self._in_circles.update(ids)
            self._sessions.by_id[ids[-1]].location.add_problem(
                self._problems, "parentSourcedId", f"The parents form a circle: {', '.join([*ids, ids[0]])}."
            )

    def _term(self, session_id: str, of_class: Row) -> TermEntry:
        if session_id not in self._terms:
            limit = max_length(Term, "external_id")
            session = self._sessions.by_id.get(session_id)
            location = session.location if session else of_class.location
            if len(session_id) > limit:
                column = "sourcedId" if session else "sessionSourcedIds"
                location.add_problem(self._problems, column, f"The limit is {limit} characters.")
                return TermEntry("")
            name = session_id
            if session:
                limit = max_length(Term, "name")
                name = cells.label(session, "title", limit=limit, problems=self._problems)
            days = self._days(session) if session else (None, None)
            self._terms[session_id] = TermEntry(name, session_id, *days, location)
        return self._terms[session_id]

    def _days(self, session: Row) -> tuple[datetime.date | None, datetime.date | None]:
        """Return the first and the last day of a session."""
        first_day, end = (
            cells.date(session, column, problems=self._problems) for column in ("startDate", "endDate")
        )
        for column, day in (("startDate", first_day), ("endDate", end)):
            if day and day.year not in YEARS:
                session.location.add_problem(self._problems, column, "Check the year.")
                return None, None
        if not first_day or not end:
            return first_day, end and end - _DAY
        if end <= first_day:
            session.location.add_problem(
                self._problems,
                "endDate",
                "The session ends before it begins: endDate is the day after its last one.",
            )
            return None, None
        return first_day, end - _DAY

    def _joined(self, terms: list[TermEntry], row: Row) -> TermEntry:
        """Return a term from the first day of these to the last, named after all of them."""
        self._without_common_parent += 1
        name = ", ".join(term.name for term in terms)
        limit = max_length(Term, "name")
        if len(name) > limit:
            row.location.add_problem(
                self._problems,
                "sessionSourcedIds",
                f"Together the terms have {len(name)} characters; the limit is {limit}.",
            )
            return TermEntry("")
        first_days = [term.first_day for term in terms if term.first_day]
        last_days = [term.last_day for term in terms if term.last_day]
        # One that lacks a day may begin or end at any time.
        return TermEntry(
            name,
            first_day=min(first_days) if len(first_days) == len(terms) else None,
            last_day=max(last_days) if len(last_days) == len(terms) else None,
            location=row.location,
        )


def _make_names_unique(roster: Roster, classes: _Rows, problems: Problems) -> None:
    """Append the class code, or else the sourcedId, to classes with the same course, term and title."""
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
    for entry in roster.make_names_unique(codes):
        if len(entry.name) > max_length(Section, "name"):
            entry.location.add_problem(
                problems,
                "title",
                "Another class has the same title, and this title is too long to tell them apart.",
            )


class _Enrolments:
    """Reads enrollments.csv: students, teachers, and rows that are ignored with a note."""

    def __init__(self, roster: Roster, rows: Mapping[str, _Rows], problems: Problems) -> None:
        self._roster = roster
        self._users = rows["users"]
        self._classes = rows["classes"]
        self._problems = problems
        self._ignored: Counter[str] = Counter()
        self._student_ids: dict[str, str] = {}
        self._people: dict[str, PersonEntry] = {}
        self._seen: set[tuple[str, ...]] = set()

    def read(self, file: RosterFile) -> None:
        for row in read_rows(file, _COLUMNS["enrollments"], self._problems):
            self._add(row)
        notes = self._roster.notes
        notes.extend(
            f"{file.name}: {what}, ignored: {count}" for what, count in sorted(self._ignored.items())
        )
        without_enrolment = sum(user_id not in self._people for user_id in self._users.by_id)
        if without_enrolment:
            notes.append(f"users.csv: users without an enrolment, ignored: {without_enrolment}")

    def _add(self, row: Row) -> None:
        class_id, user_id = (
            cells.identifier(row, column, limit=_SOURCED_ID, problems=self._problems)
            for column in ("classSourcedId", "userSourcedId")
        )
        is_deleted = _deleted(row, self._problems)
        role = normalised(row.cells["role"])
        if is_deleted or class_id in self._classes.deleted or user_id in self._users.deleted:
            self._ignored["deleted or inactive"] += 1
            if is_deleted and role in TEACHING_ROLES | ASSISTING_ROLES:
                self._end_teaching(row, class_id, user_id, role)
            return
        if self._repeats(row, class_id, user_id, role):
            self._ignored["the same as another row"] += 1
            return
        references_exist = True
        if class_id and class_id not in self._classes.by_id:
            row.location.add_problem(
                self._problems, "classSourcedId", f"There is no class {class_id} in classes.csv."
            )
            references_exist = False
        if user_id and user_id not in self._users.by_id:
            row.location.add_problem(
                self._problems, "userSourcedId", f"There is no user {user_id} in users.csv."
            )
            references_exist = False
        if role in OTHER_ROLES:
            self._ignored[f"role {row.cells['role'].strip()}"] += 1
        elif role not in TEACHING_ROLES | ASSISTING_ROLES and role != "student":
            row.location.add_problem(
                self._problems,
                "role",
                f"“{row.cells['role'].strip()[:40]}” is not a known role, such as student or teacher.",
            )
        elif not references_exist or not class_id or not user_id or (class_id,) not in self._roster.sections:
            self._problems.rows_skipped = True
        elif role == "student":
            self._add_enrolment(row, class_id, user_id)
        elif role in ASSISTING_ROLES:
            self._add_assistant(row, class_id, user_id, role)
        else:
            self._add_teacher(row, class_id, user_id, role)

    def _repeats(self, row: Row, class_id: str, user_id: str, role: str) -> bool:
        """Return whether an earlier row says the same. Some exports have a row for each teacher of a class."""
        dates = (row.cells.get(column, "").strip() for column in ("beginDate", "endDate"))
        what = (class_id, user_id, role, *dates)
        if not class_id or not user_id or what not in self._seen:
            self._seen.add(what)
            return False
        return True

    def _add_teacher(self, row: Row, class_id: str, user_id: str, role: str) -> None:
        person = self._person(user_id)
        if not person.enabled:
            self._ignored["teacher whose account is not enabled"] += 1
            return
        if not person.username and not person.email:
            person.username = user_id[: max_length(User, "username")]
        self._roster.teachers[user_id] = person
        from_date, to_date = self._dates(row)
        entry = TeachingEntry((class_id,), user_id, role, from_date, to_date, has_dates=True)
        self._roster.teaching[entry] = None

    def _add_assistant(self, row: Row, class_id: str, user_id: str, role: str) -> None:
        if not self._can_be_found(user_id):
            self._ignored[f"role {row.cells['role'].strip()}"] += 1
            return
        self._roster.assistants[user_id] = self._person(user_id)
        from_date, to_date = self._dates(row)
        entry = TeachingEntry((class_id,), user_id, role, from_date, to_date, has_dates=True, assists=True)
        self._roster.teaching[entry] = None

    def _can_be_found(self, user_id: str) -> bool:
        """Whether the file says by what the user signs in. It need not for somebody who gets no account."""
        row = self._users.by_id[user_id]
        return any(row.cells.get(column, "").strip() for column in ("username", "email"))

    def _end_teaching(self, row: Row, class_id: str, user_id: str, role: str) -> None:
        if (class_id,) not in self._roster.sections or user_id not in self._users.by_id:
            return
        assists = role in ASSISTING_ROLES
        if assists and not self._can_be_found(user_id):
            return
        self._roster.former_teachers[user_id] = self._person(user_id)
        from_date, to_date = self._dates(row)
        entry = TeachingEntry(
            (class_id,), user_id, role, from_date, to_date, has_dates=True, not_assigned=True, assists=assists
        )
        self._roster.teaching[entry] = None

    def _dates(self, row: Row) -> tuple[datetime.date | None, datetime.date | None]:
        """Return the first day of the row, and the first day after it."""
        from_date = cells.date(row, "beginDate", problems=self._problems)
        to_date = cells.date(row, "endDate", problems=self._problems)
        if from_date and to_date and to_date < from_date:
            row.location.add_problem(self._problems, "endDate", "The row ends before it begins.")
            to_date = None
        return from_date, to_date

    def _add_enrolment(self, row: Row, class_id: str, user_id: str) -> None:
        from_date, to_date = self._dates(row)
        student_id = self._student(user_id)
        if not student_id:
            self._problems.rows_skipped = True
            return
        self._roster.enrolments.append(
            EnrolmentEntry(
                (class_id,),
                student_id,
                None,
                row.location,
                from_date,
                to_date,
                has_end_column=row.has("endDate"),
            )
        )

    def _student(self, user_id: str) -> str:
        """Return the user's student id, and add the student to the roster. Empty if the id is unusable."""
        if user_id in self._student_ids:
            return self._student_ids[user_id]
        row = self._users.by_id[user_id]
        limit = min(max_length(Student, "student_id"), max_length(Enrolment, "roll_number"))
        column = "identifier" if row.cells.get("identifier", "").strip() else "sourcedId"
        student_id = cells.identifier(row, column, limit=limit, problems=self._problems)
        known = self._roster.students.get(student_id)
        if known is not None:
            row.location.add_problem(
                self._problems,
                column,
                f"The user in line {known.person.location.line} also has the student id {student_id}.",
            )
            student_id = ""
        self._student_ids[user_id] = student_id
        if student_id:
            person = self._person(user_id)
            name = " ".join(part for part in (person.first_name, person.last_name) if part)
            if not name and not person.username:
                row.location.add_problem(self._problems, "givenName", "The student has no name.")
            self._roster.students[student_id] = StudentEntry(student_id, name or person.username, person)
        return student_id

    def _person(self, user_id: str) -> PersonEntry:
        if user_id not in self._people:
            row = self._users.by_id[user_id]
            first_name, last_name = (
                cells.label(
                    row, column, limit=max_length(User, field), problems=self._problems, required=False
                )
                for column, field in (("givenName", "first_name"), ("familyName", "last_name"))
            )
            username = cells.identifier(
                row,
                "username",
                limit=max_length(User, "username"),
                problems=self._problems,
                required=False,
            )
            email = cells.email(
                row,
                "email",
                limit=max_length(User, "email"),
                problems=self._problems,
                # Somebody has to be found by one of the two.
                needed=not username,
            )
            if not email and cells.is_email(username):
                # Many exports give the address only as the user name. Sign-in codes need an address.
                email = username
            self._people[user_id] = PersonEntry(
                username=username,
                email=email,
                first_name=first_name,
                last_name=last_name,
                location=row.location,
                enabled=row.cells.get("enabledUser", "").strip().lower() not in ("false", "0", "no"),
            )
        return self._people[user_id]
