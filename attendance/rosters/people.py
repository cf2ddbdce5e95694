"""Plans the students and teachers of a roster: who is new, who has changed, and who has which account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from django.db.models import CharField, F, Func, Value
from django.db.models.functions import Lower

from attendance.models import Student, User
from attendance.models.people import people_changed
from attendance.rosters.accounts import AccountsPlan, email_moves
from attendance.rosters.entries import PersonEntry, Roster, StudentEntry
from attendance.rosters.problems import Problems
from attendance.rosters.report import Action, Kind, Report, describe_changes

_BATCH = 1000


class PeoplePlan:
    """Plans all people of a roster.

    :param new_students: ids that are new although they resemble an existing student's
    """

    def __init__(self, *, problems: Problems, report: Report, new_students: Collection[str] = ()) -> None:
        self._problems = problems
        self._report = report
        self.teachers: dict[str, User] = {}
        self.students: dict[str, Student] = {}
        self._new: list[Student] = []
        self._changed: list[Student] = []
        self._confirmed = frozenset(new_students)
        self._by_digits: dict[str, list[Student]] = {}

    def plan(self, roster: Roster, enrolled: set[str]) -> None:
        """Plan students and teachers. Unknown students are created only if their student id is in ``enrolled``."""
        self.students = {
            student.student_id: student
            for student in Student.objects.filter(student_id__in=list(roster.students))
        }
        self._accounts = AccountsPlan(
            people=[
                *roster.teachers.values(),
                *roster.former_teachers.values(),
                *roster.assistants.values(),
                *(entry.person for entry in roster.students.values()),
            ],
            student_ids=roster.students,
            students=self.students.values(),
            problems=self._problems,
            report=self._report,
        )
        for key, person in roster.teachers.items():
            self._plan_teacher(key, person)
        for key, person in roster.former_teachers.items():
            if (user := self._accounts.find(person)) is not None:
                self.teachers.setdefault(key, user)
        self._find_assistants(roster)
        # Change all addresses first, so that an address given up by one student is free for another.
        self._accounts.change_emails(
            [
                (student.user, entry.person.email, entry.person)
                for entry in roster.students.values()
                if (student := self.students.get(entry.student_id)) is not None
                and student.user is not None
                and email_moves(student.user, former=student.email, to=entry.person.email)
            ]
        )
        new = [student_id for student_id in roster.students if student_id not in self.students]
        self._by_digits = _students_by_digits(new)
        for entry in roster.students.values():
            known = self.students.get(entry.student_id)
            if known is not None:
                self._plan_existing(known, entry)
            elif entry.student_id in enrolled:
                self._plan_new(entry)

    def save(self) -> None:
        self._accounts.save()
        Student.objects.bulk_create(self._new, batch_size=_BATCH)
        Student.objects.bulk_update(self._changed, ["name", "email", "user"], batch_size=_BATCH)
        if self._new or self._changed:
            people_changed.send(sender=Student)
        self._release_accounts()

    def _release_accounts(self) -> None:
        """Free the memory of the students' accounts. Enrolments don't need them."""
        del self._accounts
        user = Student._meta.get_field("user")
        for student in self.students.values():
            if user.is_cached(student):
                user.delete_cached_value(student)

    def _plan_teacher(self, key: str, person: PersonEntry) -> None:
        user, created, details = self._accounts.plan_teacher(person)
        if user is None:
            return
        self.teachers[key] = user
        action = Action.CREATED if created else Action.CHANGED if details else Action.UNCHANGED
        self._report.add(
            Kind.TEACHER, action, f"{user.display_name} ({user.email or user.username})", details
        )

    def _find_assistants(self, roster: Roster) -> None:
        ignored = 0
        for key, person in roster.assistants.items():
            user = self.teachers.get(key) or self._accounts.find(person)
            if user is not None and user.is_teacher and person.enabled:
                self.teachers[key] = user
            else:
                ignored += 1
        if ignored:
            self._report.notes.append(f"Assistants without a teacher's account, ignored: {ignored}")

    def _plan_new(self, entry: StudentEntry) -> None:
        self._refuse_lost_zeros(entry)
        student = Student(student_id=entry.student_id, name=entry.name, email=entry.person.email)
        student.user = self._accounts.plan_student(entry)
        self.students[entry.student_id] = student
        self._new.append(student)
        self._report.add(Kind.STUDENT, Action.CREATED, str(student))

    def _refuse_lost_zeros(self, entry: StudentEntry) -> None:
        """Add a problem if the student exists with the same name, and the ids differ only in leading zeros."""
        if entry.student_id in self._confirmed:
            return
        for known in self._by_digits.get(_without_zeros(entry.student_id), ()):
            if known.name.casefold() == entry.name.casefold():
                entry.person.location.add_problem(
                    self._problems,
                    "student_id",
                    f"{known} exists already. Spreadsheet programs drop leading zeros: write the id as {known.student_id}. "
                    f"If this is somebody else, confirm it (--new-student {entry.student_id}).",
                )

    def _plan_existing(self, student: Student, entry: StudentEntry) -> None:
        what = str(student)
        email = entry.person.email or student.email
        details = describe_changes(name=(student.name, entry.name), email=(student.email, email))
        if student.user is None:
            student.user = self._accounts.plan_student(entry)
            if student.user is not None:
                details = "; ".join(filter(None, (details, f"signs in as {student.user.username}")))
        elif student.name != entry.name:
            self._accounts.update_name(student.user, former=student.name, person=entry.person)
        student.name, student.email = entry.name, email
        if details:
            self._changed.append(student)
        self._report.add(Kind.STUDENT, Action.CHANGED if details else Action.UNCHANGED, what, details)


def use_known_ids(roster: Roster, problems: Problems) -> None:
    """Give students whom the roster knows only by their e-mail address the student id that they have here."""
    unknown = {
        entry.person.email.lower(): entry
        for entry in roster.students.values()
        if entry.person.email and entry.student_id.lower() == entry.person.email.lower()
    }
    for known in Student.objects.filter(student_id__in=[entry.student_id for entry in unknown.values()]):
        del unknown[known.student_id.lower()]
    if not unknown:
        return
    known_ids: dict[str, list[str]] = defaultdict(list)
    with_address = Student.objects.annotate(address=Lower("email")).filter(address__in=unknown).order_by("pk")
    for address, student_id in with_address.values_list("address", "student_id"):
        known_ids[address].append(student_id)
    new_ids: dict[str, str] = {}
    for address, ids in known_ids.items():
        entry = unknown[address]
        if len(ids) > 1:
            reason = (
                f"Several students have this address: {', '.join(ids)}. The file must say their student ids."
            )
            entry.person.location.add_problem(problems, "email", reason)
        elif ids[0] in roster.students:
            line = roster.students[ids[0]].person.location.line
            entry.person.location.add_problem(
                problems, "email", f"This is the student {ids[0]} of line {line}."
            )
        else:
            new_ids[entry.student_id] = ids[0]
            entry.student_id = ids[0]
    roster.students = {entry.student_id: entry for entry in roster.students.values()}
    roster.enrolments = [
        replace(one, student_id=new_ids[one.student_id]) if one.student_id in new_ids else one
        for one in roster.enrolments
    ]


def _without_zeros(student_id: str) -> str:
    return student_id.lstrip("0")


def _students_by_digits(new_ids: Iterable[str]) -> dict[str, list[Student]]:
    """Existing students whose id differs from a new one only in leading zeros, by the id without them."""
    bare = Func(F("student_id"), Value("0"), function="LTRIM", output_field=CharField())
    wanted = {_without_zeros(student_id) for student_id in new_ids} - {""}
    found: dict[str, list[Student]] = defaultdict(list)
    for student in Student.objects.annotate(bare=bare).filter(bare__in=wanted):
        found[_without_zeros(student.student_id)].append(student)
    return found
