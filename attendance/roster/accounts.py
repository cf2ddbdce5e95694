"""The accounts of teachers and students: found by e-mail or user name, made where there are none.

No import gives a password, and none changes the account of a superuser or of staff.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db.models import F, Value
from django.db.models.fields import CharField
from django.db.models.functions import Cast, Concat

from attendance.models import Student, User
from attendance.roster.cells import length
from attendance.roster.entries import PersonEntry, StudentEntry
from attendance.roster.problems import Problems
from attendance.roster.report import changes

_BATCH = 1000


class Accounts:
    """All users, as they will be after the import. ``save`` writes what is different."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        users = list(User.objects.all())
        self._by_username = {user.username.lower(): user for user in users}
        self._by_email = {user.email.lower(): user for user in users if user.email}
        self._student_ids: dict[int, str] = dict(
            Student.objects.filter(user__isnull=False).values_list("user_id", "student_id")
        )
        self._students: dict[int, str] = {}  # by id() of the user: a new one has no key yet
        self._new: list[User] = []
        self._changed: dict[int, User] = {}
        self._former_emails: dict[int, str] = {}

    def teacher(self, person: PersonEntry) -> tuple[User | None, bool, str]:
        """The teacher's account, whether it is new, and what changes about it. None where there is a problem."""
        user = self._find(person)
        if user is None:
            if self._ambiguous(person):
                return None, False, ""
            return self._create(person, is_teacher=True, fallback=""), True, ""
        before = (user.is_teacher, user.get_full_name())
        user.is_teacher = True
        if not _privileged(user):
            user.first_name = person.first_name or user.first_name
            user.last_name = person.last_name or user.last_name
        told = changes(teacher=(before[0], True), name=(before[1], user.get_full_name()))
        former = user.email
        if person.email and person.email.lower() != former.lower() and not _privileged(user):
            self.move_emails([(user, person.email, person)])
            told = "; ".join(part for part in (told, changes(email=(former, user.email))) if part)
        if told:
            self._keep(user)
        return user, False, told

    def move_emails(self, moves: Iterable[tuple[User, str, PersonEntry]]) -> None:
        """Gives each user the new address, all at once: two may swap theirs."""
        moves = list(moves)
        # Where the address is the user name too, both move.
        named_by_it = {
            id(user) for user, _, _ in moves if user.email and user.username.lower() == user.email.lower()
        }
        for user, _email, _person in moves:
            self._by_email.pop(user.email.lower(), None)
            if id(user) in named_by_it:
                del self._by_username[user.username.lower()]
        for user, email, person in moves:
            holder = self._by_email.get(email.lower())
            if holder is not None:
                person.place.problem(
                    self._problems, "email", f"{email} is the address of the account “{holder.username}”."
                )
                continue
            if user.pk is not None:
                self._former_emails[user.pk] = user.email.lower()
            if id(user) in named_by_it:
                if email.lower() not in self._by_username and len(email) <= length(User, "username"):
                    user.username = email
                self._by_username[user.username.lower()] = user
            user.email = email
            self._by_email[email.lower()] = user
            self._keep(user)

    def follow_name(self, user: User, *, former: str, person: PersonEntry) -> None:
        """The account's name follows the student's where it was the same or is empty."""
        if user.get_full_name() in ("", former) and not _privileged(user):
            first_name, last_name = _names(person)
            if (first_name, last_name) != (user.first_name, user.last_name):
                user.first_name, user.last_name = first_name, last_name
                self._keep(user)

    def student(self, entry: StudentEntry) -> User | None:
        """The account for a student who has none yet; None where there is a problem, or where none is to be opened."""
        person = entry.person
        user = self._find(person)
        if user is None and self._ambiguous(person):
            return None
        fallback = _as_username(entry.student_id)
        if user is None and not person.username and not person.email:
            user = self._by_username.get(fallback.lower())
        if user is None:
            if not person.enabled:
                return None
            user = self._create(person, is_teacher=False, fallback=fallback)
        refusal = self._may_not_be(user, entry.student_id)
        if refusal:
            person.place.problem(self._problems, "email" if person.email else "student_id", refusal)
            return None
        self._students[id(user)] = entry.student_id
        if person.email and not user.email:
            self.move_emails([(user, person.email, person)])
        return user

    def save(self) -> None:
        """Writes the accounts; to be called in the transaction of the import."""
        logins = list(self._former_emails)
        # Out of the way first: two may swap their addresses, and every row is checked by itself.
        User.objects.filter(pk__in=logins).update(
            email="", username=Concat(Value("~import "), Cast(F("pk"), CharField()))
        )
        User.objects.bulk_update(
            self._changed.values(),
            ["username", "email", "first_name", "last_name", "is_teacher"],
            batch_size=_BATCH,
        )
        User.objects.bulk_create(self._new, batch_size=_BATCH)
        # A former address would still sign in.
        former = [
            address.pk
            for address in EmailAddress.objects.filter(user__in=logins)
            if address.email.lower() == self._former_emails[address.user_id]
        ]
        EmailAddress.objects.filter(pk__in=former).delete()

    def _find(self, person: PersonEntry) -> User | None:
        """The user with the address or the name, if it is only one. An address may have become a user name."""
        found = self._by_email.get(person.email.lower()) if person.email else None
        named = self._by_username.get((person.username or person.email).lower())
        if found is None or named is None:
            return found or named
        return found if found is named or not person.username else None

    def _ambiguous(self, person: PersonEntry) -> bool:
        found = self._by_email.get(person.email.lower()) if person.email else None
        named = self._by_username.get(person.username.lower()) if person.username else None
        if found is None or named is None or found is named:
            return False
        person.place.problem(
            self._problems,
            "username",
            f"{person.email} is the address of the account “{found.username}”, not of “{named.username}”.",
        )
        return True

    def _may_not_be(self, user: User, student_id: str) -> str:
        if user.is_superuser:
            return f"The account “{user.username}” is an administrator's: an import does not make it a student's."
        other = self._student_ids.get(user.pk)
        other = self._students.get(id(user), other)
        if other is not None and other != student_id:
            return f"The account “{user.username}” is that of the student {other}."
        return ""

    def _create(self, person: PersonEntry, *, is_teacher: bool, fallback: str) -> User:
        limit = length(User, "username")
        username = person.username or (person.email if len(person.email) <= limit else "") or fallback
        username = username or _as_username(person.email)[:limit]
        first_name, last_name = _names(person)
        user = User(
            username=username,
            email=person.email,
            first_name=first_name,
            last_name=last_name,
            is_teacher=is_teacher,
            password=make_password(None),
        )
        self._new.append(user)
        self._by_username[username.lower()] = user
        if user.email:
            self._by_email[user.email.lower()] = user
        return user

    def _keep(self, user: User) -> None:
        if user.pk is not None:
            self._changed[user.pk] = user


def _privileged(user: User) -> bool:
    return user.is_superuser or user.is_staff


def _names(person: PersonEntry) -> tuple[str, str]:
    return person.first_name[: length(User, "first_name")], person.last_name[: length(User, "last_name")]


def _as_username(student_id: str) -> str:
    """A student id may hold signs that a user name may not: 2021/CS/07 signs in as 2021-CS-07."""
    return re.sub(r"[^\w.@+-]", "-", student_id)
