"""Saves one student or user entered by hand. The account goes with the person, by the same rules as in an import."""

from __future__ import annotations

from django.db import transaction

from attendance.lib import advisory_locks
from attendance.lib.texts import max_length
from attendance.models import Student, User
from attendance.rosters.accounts import AccountsPlan, forget_addresses
from attendance.rosters.csv_rows import Location
from attendance.rosters.entries import PersonEntry, StudentEntry
from attendance.rosters.problems import Problems
from attendance.rosters.report import Report

_BY_HAND = Location("", 0, {})


@transaction.atomic
def check_student(*, student: Student) -> User | None:
    """Check what ``save_student`` would do, and write nothing.

    :returns: the account that the student would have
    :raises RosterRefused: if the student cannot have the account; each problem names its field as ``column``
    """
    planned = Student(pk=student.pk, user_id=student.user_id, **_texts(student))
    _plan(planned, Report())
    return planned.user


@transaction.atomic
def save_student(*, student: Student) -> list[str]:
    """Save a new or changed student. Without an account, one is found or created. It follows the name and address.

    :returns: what the person who saved it should know
    :raises RosterRefused: as ``check_student``
    """
    report = Report()
    accounts = _plan(student, report)
    accounts.save()
    student.save()
    return report.notes


@transaction.atomic
def save_user(*, user: User) -> None:
    """Save a new or changed user. After a change of address, only the new one signs in."""
    former = User.objects.filter(pk=user.pk).first()
    user.email = user.email.lower()
    if former is not None and former.email and former.email != user.email:
        forget_addresses({former.pk: former.email})
        if _is_named_by_email(former) and user.username == former.username and _is_free(user.email, user):
            user.username = user.email
    user.save()


def _plan(student: Student, report: Report) -> AccountsPlan:
    advisory_locks.hold_imports()
    former = Student.objects.filter(pk=student.pk).first()
    person = PersonEntry(
        username="", email=student.email, first_name=student.name, last_name="", location=_BY_HAND
    )
    problems = Problems()
    accounts = AccountsPlan(
        people=[person],
        student_ids=[student.student_id],
        students=[student],
        problems=problems,
        report=report,
    )
    had_account = former is not None and former.user_id is not None
    if student.user is None and not had_account:
        student.user = accounts.plan_student(StudentEntry(student.student_id, student.name, person))
    elif student.user is not None:
        keeps_account = former is not None and former.user_id == student.user_id
        former_email, former_name = (former.email, former.name) if former and keeps_account else ("", "")
        accounts.move_email(student, former=former_email, person=person)
        if student.name != former_name:
            accounts.update_name(student.user, former=former_name, person=person)
    problems.refuse_if_any()
    return accounts


def _texts(student: Student) -> dict[str, str]:
    return {"student_id": student.student_id, "name": student.name, "email": student.email}


def _is_named_by_email(user: User) -> bool:
    return user.username.lower() == user.email.lower()


def _is_free(username: str, user: User) -> bool:
    if not 0 < len(username) <= max_length(User, "username"):
        return False
    others = User.objects.exclude(pk=user.pk)
    return not others.filter(username__iexact=username).exists()
