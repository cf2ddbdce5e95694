"""Plans the accounts of teachers and students: found by e-mail or user name, created where there are none.

It never sets a password, and never changes the name or the existing address of a superuser or staff member. An address
signs in to one account. A student whose address belongs to another student, as in a family, gets an account without one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db.models import F, Q, Value
from django.db.models.fields import CharField
from django.db.models.functions import Cast, Concat, Lower
from django.utils.translation import gettext as _

from attendance.lib.parts import in_parts
from attendance.lib.texts import max_length
from attendance.models import Student, User
from attendance.models.people import people_changed
from attendance.rosters.entries import PersonEntry, StudentEntry
from attendance.rosters.problems import Problems
from attendance.rosters.report import Report, describe_changes

_BATCH = 1000
# A query with the names of a whole school takes tens of megabytes here and in PostgreSQL.
_NAMES_IN_A_QUERY = 1000


class AccountsPlan:
    """The accounts that the people may have or get, as they will be afterwards. ``save`` writes the differences.

    :param students: whose accounts may change
    """

    def __init__(
        self,
        *,
        people: Iterable[PersonEntry],
        student_ids: Iterable[str],
        students: Collection[Student],
        problems: Problems,
        report: Report,
    ) -> None:
        self._problems = problems
        self._report = report
        names = {name.lower() for person in people for name in _names_of(person)}
        names |= {_as_username(student_id).lower() for student_id in student_ids}
        # An empty address is nobody's.
        names.discard("")
        users = _users(names, [student.user_id for student in students if student.user_id])
        self._by_pk = {user.pk: user for user in users}
        self._by_username = {user.username.lower(): user for user in users}
        self._by_email = {user.email.lower(): user for user in users if user.email}
        self._student_ids: dict[int, str] = dict(
            Student.objects.filter(user__in=self._by_pk).values_list("user_id", "student_id")
        )
        # Student ids given by this import, by id() of the user: a new user has no primary key yet.
        self._new_student_ids: dict[int, str] = {}
        self._new: list[User] = []
        self._changed: dict[int, User] = {}
        self._former_emails: dict[int, str] = {}
        for student in students:
            # Somebody may teach and study: the same object, so that no change of one overwrites the other's.
            if student.user_id:
                student.user = self._by_pk[student.user_id]

    def plan_teacher(self, person: PersonEntry) -> tuple[User | None, bool, str]:
        """Return the teacher's account, whether it is new, and what changes. The account is None after a problem."""
        user = self.find(person)
        if user is None:
            if self._ambiguous(person):
                return None, False, ""
            return self._create(person, is_teacher=True, fallback="", email=person.email.lower()), True, ""
        was_teacher, former_name = user.is_teacher, user.get_full_name()
        user.is_teacher = True
        if not _privileged(user) and _full_name(person) not in ("", former_name):
            user.first_name, user.last_name = _names(person)
        details = describe_changes(teacher=(was_teacher, True), name=(former_name, user.get_full_name()))
        former_email = user.email
        if person.email and person.email.lower() != former_email.lower() and not _privileged(user):
            self.change_emails([(user, person.email, person)])
            details = "; ".join(filter(None, (details, describe_changes(email=(former_email, user.email)))))
        if details:
            self._mark_changed(user)
        return user, False, details

    def change_emails(self, changes: Iterable[tuple[User, str, PersonEntry]]) -> None:
        """Give each user a new address, all at once because two users may swap theirs."""
        changes = list(changes)
        # Where the user name is the address, both change.
        named_by_email = {
            id(user) for user, _, _ in changes if user.email and user.username.lower() == user.email.lower()
        }
        for user, _email, _person in changes:
            self._by_email.pop(user.email.lower(), None)
            if id(user) in named_by_email:
                del self._by_username[user.username.lower()]
        for user, email, person in changes:
            holder = self._by_email.get(email.lower())
            if holder is not None:
                if user.email:
                    self._by_email.setdefault(user.email.lower(), user)
                self._by_username.setdefault(user.username.lower(), user)
                self._refuse_address(person, holder, of=user)
                continue
            if user.pk is not None:
                self._former_emails[user.pk] = user.email.lower()
            if id(user) in named_by_email:
                if email.lower() not in self._by_username and len(email) <= max_length(User, "username"):
                    user.username = email
                self._by_username[user.username.lower()] = user
            user.email = email.lower()
            self._by_email[user.email] = user
            self._mark_changed(user)

    def update_name(self, user: User, *, former: str, person: PersonEntry) -> None:
        """Give the account the student's new name, if it had the former name or none."""
        if user.get_full_name() in ("", former) and not _privileged(user):
            first_name, last_name = _names(person)
            if (first_name, last_name) != (user.first_name, user.last_name):
                user.first_name, user.last_name = first_name, last_name
                self._mark_changed(user)

    def move_email(self, student: Student, *, former: str, person: PersonEntry) -> None:
        """Give the account the student's new address, unless its owner had chosen another one."""
        if student.user is not None and email_moves(student.user, former=former, to=person.email):
            self.change_emails([(student.user, person.email, person)])

    def plan_student(self, entry: StudentEntry) -> User | None:
        """Find or create the account of a student without one. None after a problem, or if the account is disabled."""
        person = entry.person
        shared_with = self._student_with_the_address(person, entry.student_id)
        # Found by the user name alone, if the address is another student's.
        user = self.find(person) if shared_with is None else self._by_username.get(person.username.lower())
        if user is None and shared_with is None and self._ambiguous(person):
            return None
        fallback = _as_username(entry.student_id)
        if user is None and not person.username and (not person.email or shared_with is not None):
            user = self._by_username.get(fallback.lower())
        if user is None:
            if not person.enabled:
                return None
            user = self._create(
                person,
                is_teacher=False,
                fallback=fallback,
                email="" if shared_with is not None else person.email.lower(),
            )
        refusal = self._student_refusal(user, entry.student_id)
        if refusal:
            person.location.add_problem(self._problems, "email" if person.email else "student_id", refusal)
            return None
        self._new_student_ids[id(user)] = entry.student_id
        self.update_name(user, former="", person=person)
        if shared_with is not None:
            self._note_shared_address(person, shared_with, username=user.username)
        elif person.email and not user.email:
            self.change_emails([(user, person.email, person)])
        return user

    def save(self) -> None:
        """Write the accounts. Call it inside a transaction, and nothing after it."""
        # They are large, and nobody asks any more.
        for lookup in (
            self._by_pk,
            self._by_username,
            self._by_email,
            self._student_ids,
            self._new_student_ids,
        ):
            lookup.clear()
        user_ids = list(self._former_emails)
        # Clear the old values first: two users may swap addresses, and PostgreSQL checks uniqueness row by row.
        User.objects.filter(pk__in=user_ids).update(
            email="", username=Concat(Value("~import "), Cast(F("pk"), CharField()))
        )
        User.objects.bulk_update(
            self._changed.values(),
            ["username", "email", "first_name", "last_name", "is_teacher"],
            batch_size=_BATCH,
        )
        User.objects.bulk_create(self._new, batch_size=_BATCH)
        forget_addresses(self._former_emails)
        without_email = sum(not user.email for user in self._new)
        if without_email:
            self._report.notes.append(
                _(
                    "New accounts without an e-mail address: %(number)d. "
                    "They can sign in only after an administrator has set a password."
                )
                % {"number": without_email}
            )
        if self._changed or self._new:
            people_changed.send(sender=User)

    def find(self, person: PersonEntry) -> User | None:
        """Return the user with this address or user name, or None if they belong to two users.

        Without a user name in the roster, the address may also be somebody's user name.
        """
        found = self._by_email.get(person.email.lower()) if person.email else None
        named = self._by_username.get((person.username or person.email).lower())
        if found is None or named is None:
            return found or named
        return found if found is named or not person.username else None

    def _ambiguous(self, person: PersonEntry) -> bool:
        """Return True, and add a problem, if the address and the user name belong to two users."""
        found = self._by_email.get(person.email.lower()) if person.email else None
        named = self._by_username.get(person.username.lower()) if person.username else None
        if found is None or named is None or found is named:
            return False
        person.location.add_problem(
            self._problems,
            "username",
            f"{person.email} is the address of the account “{found.username}”, not of “{named.username}”.",
        )
        return True

    def _student_of(self, user: User) -> str | None:
        """The id of the student who has this account, or gets it."""
        return self._new_student_ids.get(id(user), self._student_ids.get(user.pk))

    def _student_with_the_address(self, person: PersonEntry, student_id: str) -> str | None:
        """The id of another student who signs in with this address."""
        holder = None
        if person.email:
            address = person.email.lower()
            holder = self._by_email.get(address) or self._by_username.get(address)
        if holder is None or holder.username.lower() == person.username.lower():
            return None
        other = self._student_of(holder)
        return None if other == student_id else other

    def _refuse_address(self, person: PersonEntry, holder: User, *, of: User) -> None:
        other, own = self._student_of(holder), self._student_of(of)
        if other is not None and own is not None:
            self._note_shared_address(person, other, username=of.username)
            return
        person.location.add_problem(
            self._problems,
            "email",
            _("%(email)s is already the address of the account “%(username)s”.")
            % {"email": person.email, "username": holder.username},
        )

    def _note_shared_address(self, person: PersonEntry, other: str, *, username: str) -> None:
        where = f"{person.location}: " if person.location.file else ""
        reason = _(
            "%(email)s already signs in the student %(student)s, so it does not sign in to the account “%(username)s”."
        ) % {"email": person.email, "student": other, "username": username}
        self._report.notes.append(f"{where}{reason}")

    def _student_refusal(self, user: User, student_id: str) -> str:
        """Return why the account cannot belong to this student, or an empty string."""
        if user.is_superuser:
            return _(
                "The account “%(username)s” belongs to an administrator and cannot become a student's account."
            ) % {"username": user.username}
        other = self._student_of(user)
        if other is not None and other != student_id:
            return _("The account “%(username)s” already belongs to the student %(student)s.") % {
                "username": user.username,
                "student": other,
            }
        return ""

    def _create(self, person: PersonEntry, *, is_teacher: bool, fallback: str, email: str) -> User:
        limit = max_length(User, "username")
        username = person.username or (person.email if email and len(email) <= limit else "") or fallback
        username = username or _as_username(person.email)[:limit]
        first_name, last_name = _names(person)
        user = User(
            username=username,
            email=email,
            first_name=first_name,
            last_name=last_name,
            is_teacher=is_teacher,
            password=make_password(None),
        )
        self._new.append(user)
        self._by_username[username.lower()] = user
        if user.email:
            self._by_email[user.email] = user
        return user

    def _mark_changed(self, user: User) -> None:
        if user.pk is not None:
            self._changed[user.pk] = user


def _users(names: Iterable[str], keys: Iterable[int]) -> list[User]:
    """Users with one of these names or addresses, in lower case, or one of these primary keys."""
    fields = ("username", "email", "first_name", "last_name", "is_teacher", "is_staff", "is_superuser")
    users = User.objects.only(*fields).alias(name=Lower("username"), address=Lower("email"))
    found: dict[int, User] = {}
    for some in in_parts(names, _NAMES_IN_A_QUERY):
        found |= {user.pk: user for user in users.filter(Q(name__in=some) | Q(address__in=some))}
    for others in in_parts((key for key in keys if key not in found), _NAMES_IN_A_QUERY):
        found |= {user.pk: user for user in users.filter(pk__in=others)}
    return list(found.values())


def email_moves(user: User, *, former: str, to: str) -> bool:
    """Return whether the account takes the student's new address: it had the student's former one, or none."""
    if not to or to.lower() == user.email.lower() or _privileged(user):
        return False
    return user.email.lower() in ("", former.lower())


def forget_addresses(former: dict[int, str]) -> None:
    """Delete what allauth keeps of these former addresses, by the user's primary key. They could still sign in."""
    addresses = EmailAddress.objects.filter(user__in=former)
    old = [one.pk for one in addresses if one.email.lower() == former[one.user_id].lower()]
    EmailAddress.objects.filter(pk__in=old).delete()


def _privileged(user: User) -> bool:
    return user.is_superuser or user.is_staff


def _names_of(person: PersonEntry) -> tuple[str, ...]:
    """The user names and addresses by which the person's account may be found."""
    return person.username, person.email, _as_username(person.email)[: max_length(User, "username")]


def _full_name(person: PersonEntry) -> str:
    return " ".join(filter(None, _names(person)))


def _names(person: PersonEntry) -> tuple[str, str]:
    return person.first_name[: max_length(User, "first_name")], person.last_name[
        : max_length(User, "last_name")
    ]


def _as_username(student_id: str) -> str:
    """Replace characters that a user name may not have: 2021/CS/07 becomes 2021-CS-07."""
    return re.sub(r"[^\w.@+-]", "-", student_id)
