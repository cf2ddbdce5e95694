"""Plans the students and teachers of a roster: who is new, who has changed, and which account is whose."""

from __future__ import annotations

from attendance.models import Student, User
from attendance.roster.accounts import Accounts
from attendance.roster.entries import PersonEntry, Roster, StudentEntry
from attendance.roster.problems import Problems
from attendance.roster.report import Action, Kind, Report, changes

_BATCH = 1000


class People:
    def __init__(self, *, problems: Problems, report: Report) -> None:
        self._accounts = Accounts(problems)
        self._report = report
        self.teachers: dict[str, User] = {}
        self.students: dict[str, Student] = {}
        self._new: list[Student] = []
        self._changed: list[Student] = []

    def plan(self, roster: Roster, wanted: set[str]) -> None:
        """``wanted`` are the student ids of those who are enrolled now; of others only those known already are taken up."""
        for key, person in roster.teachers.items():
            self._plan_teacher(key, person)
        self.students = {
            student.student_id: student
            for student in Student.objects.filter(student_id__in=list(roster.students)).select_related("user")
        }
        # First all addresses that move, so that one that was given up is free for somebody else.
        self._accounts.move_emails(
            [
                (student.user, entry.person.email, entry.person)
                for entry in roster.students.values()
                if (student := self.students.get(entry.student_id)) is not None
                and student.user is not None
                and _email_moves(student, entry.person)
            ]
        )
        for entry in roster.students.values():
            known = self.students.get(entry.student_id)
            if known is not None:
                self._plan_known(known, entry)
            elif entry.student_id in wanted:
                self._plan_new(entry)

    def save(self) -> None:
        self._accounts.save()
        Student.objects.bulk_create(self._new, batch_size=_BATCH)
        Student.objects.bulk_update(self._changed, ["name", "email", "user"], batch_size=_BATCH)

    def _plan_teacher(self, key: str, person: PersonEntry) -> None:
        user, created, told = self._accounts.teacher(person)
        if user is None:
            return
        self.teachers[key] = user
        action = Action.CREATED if created else Action.CHANGED if told else Action.UNCHANGED
        self._report.add(Kind.TEACHER, action, f"{user.display_name} ({user.email or user.username})", told)

    def _plan_new(self, entry: StudentEntry) -> None:
        student = Student(student_id=entry.student_id, name=entry.name, email=entry.person.email)
        student.user = self._accounts.student(entry)
        self.students[entry.student_id] = student
        self._new.append(student)
        self._report.add(Kind.STUDENT, Action.CREATED, str(student))

    def _plan_known(self, student: Student, entry: StudentEntry) -> None:
        what = str(student)
        email = entry.person.email or student.email
        told = changes(name=(student.name, entry.name), email=(student.email, email))
        if student.user is None:
            student.user = self._accounts.student(entry)
            if student.user is not None:
                told = "; ".join(part for part in (told, f"signs in as {student.user.username}") if part)
        elif student.name != entry.name:
            self._accounts.follow_name(student.user, former=student.name, person=entry.person)
        student.name, student.email = entry.name, email
        if told:
            self._changed.append(student)
        self._report.add(Kind.STUDENT, Action.CHANGED if told else Action.UNCHANGED, what, told)


def _email_moves(student: Student, person: PersonEntry) -> bool:
    """Whether the account's address follows the student's: it does unless it is another one, chosen by the user."""
    user = student.user
    if user is None or not person.email or person.email.lower() == user.email.lower():
        return False
    return not user.is_superuser and not user.is_staff and user.email.lower() in ("", student.email.lower())
