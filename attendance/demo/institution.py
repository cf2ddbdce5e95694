"""A demo institution: one course in several sections, with teachers, students, passwords and API tokens.

Existing demo rows are recognised by name, so a second run adds only what is missing. If a real user, student or
section already has one of these names, nothing is created.
"""

import dataclasses
import datetime
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable

from django.contrib.auth.hashers import check_password, make_password
from django.db import IntegrityError, transaction

from attendance.demo.names import demo_name
from attendance.models import ApiToken, Course, Enrolment, Role, Section, Student, Term, User
from attendance.models.people import people_changed
from attendance.rosters.changes import analyze_rosters

MAIL_DOMAIN = "example.edu"
STAFF = {
    "admin": (Role.ADMIN, "Robin Okafor"),
    "teacher": (Role.TEACHER, "Asha Rao"),
    "teacher2": (Role.TEACHER, "Daniel Weber"),
}
SECTIONS_OF_SECOND_TEACHER = 2
AUTUMN_STARTS_IN_MONTH = 8


class NameTaken(Exception):
    """A user, student or section that is not part of the demo already has a name that the demo needs."""


@dataclasses.dataclass(frozen=True)
class SignIn:
    """How one user signs in, with one of their sections.

    ``section`` is the section's id, or None for the admin. ``token`` is empty unless tokens were asked for.
    """

    role: str
    username: str
    password: str
    token: str
    section: int | None
    roll_number: str


@transaction.atomic
def seed(
    *,
    sections: int,
    students: int,
    password: str,
    today: datetime.date,
    tokens_at: datetime.datetime | None = None,
) -> list[SignIn]:
    """Create the demo institution, or add what is missing, with at least this many sections and students.

    Afterwards every demo user has this password, and with ``tokens_at`` a new API token made at that moment. Returns the sign-ins of the staff for all demo sections of the
    term, and of the first ``students`` students.

    :raises NameTaken: if a real user, student or section has a name that the demo needs; nothing is created
    """
    try:
        users = _users(students=students, password=password)
        all_sections = _sections(count=sections, today=today, users=users)
        all_students = _students(count=students, users=users)
        _enrol(all_students, sections=all_sections, today=today)
    except IntegrityError as error:
        raise NameTaken(f"A name that the demo needs is already taken: {error}") from error
    analyze_rosters()
    tokens = _new_tokens(users, at=tokens_at) if tokens_at else {}
    return _sign_ins(
        users=users,
        tokens=tokens,
        sections=all_sections,
        students=all_students,
        password=password,
        today=today,
    )


def _new_tokens(users: dict[str, User], *, at: datetime.datetime) -> dict[str, str]:
    keys = ApiToken.objects.make_each(users=list(users.values()), at=at)
    return dict(zip(users, keys, strict=True))


def _users(*, students: int, password: str) -> dict[str, User]:
    wanted = [
        User(
            username=username,
            email=f"{username}@{MAIL_DOMAIN}",
            first_name=name,
            is_teacher=role is Role.TEACHER,
            is_superuser=role is Role.ADMIN,
            is_staff=role is Role.ADMIN,
        )
        for username, (role, name) in _people(students=students)
    ]
    known = User.objects.filter(username__in=[user.username for user in wanted]).order_by("pk")
    found = {user.username: user for user in known}
    for user in wanted:
        if user.username in found and found[user.username].email != user.email:
            raise NameTaken(f"There is already a user “{user.username}” who is not part of the demo.")
    hashed = _shared_hash(password, found.values())
    User.objects.filter(pk__in=[user.pk for user in found.values()]).exclude(password=hashed).update(
        password=hashed
    )
    missing = [user for user in wanted if user.username not in found]
    for user in (*found.values(), *missing):
        user.password = hashed
    users = found | {user.username: user for user in User.objects.bulk_create(missing)}
    people_changed.send(sender=User)
    return users


def _shared_hash(password: str, users: Iterable[User]) -> str:
    """Return one hash for all demo users, because hashing 600 times takes minutes.

    The hash that most users have is kept if the password matches it: a new hash would sign everybody out.
    """
    for hashed, _count in Counter(user.password for user in users).most_common(1):
        if check_password(password, hashed):
            return hashed
    return make_password(password)


def _people(*, students: int) -> Iterable[tuple[str, tuple[Role, str]]]:
    yield from STAFF.items()
    for number in range(1, students + 1):
        yield f"student{number}", (Role.STUDENT, demo_name(number))


def _sections(*, count: int, today: datetime.date, users: dict[str, User]) -> list[Section]:
    """Create missing sections and return all demo sections of the term, ordered A, B, … Z, AA."""
    course, _ = Course.objects.get_or_create(
        code="CS101", defaults={"title": "Computer Science", "department": "Computer Science"}
    )
    term = _term(today)
    prefix = f"demo-{term.name.lower().replace(' ', '-')}-"
    found = {section.external_id for section in course.sections.filter(external_id__startswith=prefix)}
    names = [_letters(number) for number in range(1, count + 1)]
    Section.objects.bulk_create(
        Section(course=course, name=name, term=term, external_id=prefix + name)
        for name in names
        if prefix + name not in found
    )
    sections = sorted(
        course.sections.filter(external_id__startswith=prefix),
        key=lambda section: (len(section.name), section.name),
    )
    users["teacher"].sections.add(*sections)
    users["teacher2"].sections.add(*sections[:SECTIONS_OF_SECOND_TEACHER])
    return sections


def _students(*, count: int, users: dict[str, User]) -> list[Student]:
    wanted = [
        Student(
            student_id=f"S{number:04}",
            name=demo_name(number),
            email=f"student{number}@{MAIL_DOMAIN}",
            user=users[f"student{number}"],
        )
        for number in range(1, count + 1)
    ]
    found = {
        student.student_id: student
        for student in Student.objects.filter(student_id__in=[student.student_id for student in wanted])
    }
    for student in wanted:
        if student.student_id in found and found[student.student_id].user_id != student.user_id:
            raise NameTaken(
                f"There is already a student with the id “{student.student_id}” who is not part of the demo."
            )
    missing = Student.objects.bulk_create(student for student in wanted if student.student_id not in found)
    found |= {student.student_id: student for student in missing}
    return [found[student.student_id] for student in wanted]


def _enrol(students: list[Student], *, sections: list[Section], today: datetime.date) -> None:
    """Enrol each student who has no section this term in the smallest section, from the first day of the term."""
    sizes, highest_roll_numbers = Counter[int](), Counter[int]()
    enrolled = set()
    for enrolment in Enrolment.objects.filter(section__in=sections):
        section_id, roll_number = enrolment.section_id, enrolment.roll_number
        sizes[section_id] += 1
        if roll_number.isdecimal():
            highest_roll_numbers[section_id] = max(highest_roll_numbers[section_id], int(roll_number))
        enrolled.add(enrolment.student_id)
    smallest_first = [(sizes[section.pk], index, section) for index, section in enumerate(sections)]
    heapq.heapify(smallest_first)
    enrolments = []
    for student in students:
        if student.pk in enrolled:
            continue
        size, index, section = smallest_first[0]
        heapq.heapreplace(smallest_first, (size + 1, index, section))
        highest_roll_numbers[section.pk] += 1
        enrolments.append(
            Enrolment(
                section=section,
                student=student,
                roll_number=f"{highest_roll_numbers[section.pk]:02}",
                from_date=_term_start(today),
            )
        )
    Enrolment.objects.bulk_create(enrolments)


def _sign_ins(
    *,
    users: dict[str, User],
    tokens: dict[str, str],
    sections: list[Section],
    students: list[Student],
    password: str,
    today: datetime.date,
) -> list[SignIn]:
    # The section id and roll number of each of a user's sections.
    user_sections: dict[int, list[tuple[int | None, str]]] = defaultdict(list)
    user_sections[users["admin"].pk] = [(None, "")]
    for username in ("teacher", "teacher2"):
        taught = set(users[username].sections.values_list("pk", flat=True))
        user_sections[users[username].pk] = [(section.pk, "") for section in sections if section.pk in taught]
    for enrolment in (
        Enrolment.objects.holding_on(today)
        .filter(section__in=sections, student__in=students, student__user__isnull=False)
        .order_by("student", "section")
        .values_list("student__user", "section", "roll_number", named=True)
    ):
        user_sections[enrolment.student__user].append((enrolment.section, enrolment.roll_number))
    return [
        SignIn(
            role=user.role.value,
            username=user.username,
            password=password,
            token=tokens.get(user.username, ""),
            section=section,
            roll_number=roll_number,
        )
        for user in users.values()
        for section, roll_number in user_sections[user.pk]
    ]


def _term(today: datetime.date) -> Term:
    """The half of the year."""
    is_autumn = today.month >= AUTUMN_STARTS_IN_MONTH
    last_day = datetime.date(today.year, 12, 31) if is_autumn else datetime.date(today.year, 7, 31)
    term, _ = Term.objects.get_or_create(
        name=f"{'Autumn' if is_autumn else 'Spring'} {today.year}",
        first_day=_term_start(today),
        last_day=last_day,
    )
    return term


def _term_start(today: datetime.date) -> datetime.date:
    return datetime.date(
        today.year, AUTUMN_STARTS_IN_MONTH if today.month >= AUTUMN_STARTS_IN_MONTH else 1, 1
    )


def _letters(number: int) -> str:
    """Return A for 1, Z for 26, AA for 27."""
    letters = ""
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters
