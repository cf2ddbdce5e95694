"""A demo institution: one course in several sections, with its teachers, students, sign-ins and API tokens.

Everything is found again by its name, so that a second run adds only what is missing. A user, student or
section of a real institution that has such a name already is never taken over: then nothing is made.
"""

import dataclasses
import datetime
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable

from django.contrib.auth.hashers import check_password, make_password
from django.db import IntegrityError, transaction
from rest_framework.authtoken.models import Token

from attendance.demo_names import demo_name
from attendance.models import Course, Enrolment, Role, Section, Student, User
from attendance.roster_changes import count_rows_anew

MAIL_DOMAIN = "example.edu"
STAFF = {
    "admin": (Role.ADMIN, "Robin Okafor"),
    "teacher": (Role.TEACHER, "Asha Rao"),
    "teacher2": (Role.TEACHER, "Daniel Weber"),
}
SECTIONS_OF_SECOND_TEACHER = 2
AUTUMN_STARTS_IN_MONTH = 8


class NameTaken(Exception):
    """Something of a real institution has a name that the demo needs."""


@dataclasses.dataclass(frozen=True)
class SignIn:
    """How one user signs in to one section; ``section`` is its id, None for the admin."""

    role: str
    username: str
    password: str
    token: str
    section: int | None
    roll_number: str


@transaction.atomic
def seed(*, sections: int, students: int, password: str, today: datetime.date) -> list[SignIn]:
    """Make the demo institution, or what is missing of it, with at least these numbers.

    Afterwards all its users sign in with this password. Answers the sign-ins of the staff for all sections of the
    term, and of as many students as were asked for.

    :raises NameTaken: if a name is another's; then nothing is made
    """
    try:
        users = _users(students=students, password=password)
        all_sections = _sections(count=sections, today=today, users=users)
        taught = _students(count=students, users=users)
        _enrol(taught, sections=all_sections, today=today)
    except IntegrityError as error:
        raise NameTaken(f"A name that the demo needs is taken: {error}") from error
    count_rows_anew()
    return _sign_ins(users=users, sections=all_sections, students=taught, password=password, today=today)


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
    found = {
        user.username: user for user in User.objects.filter(username__in=[user.username for user in wanted])
    }
    for user in wanted:
        if user.username in found and found[user.username].email != user.email:
            raise NameTaken(f"There is a user “{user.username}” who is not of the demo.")
    # Hashed once: 600 times takes minutes. The one they share is kept if it fits; a new one signs everybody out.
    shared = [hashed for hashed, _ in Counter(user.password for user in found.values()).most_common(1)]
    hashed = next((hashed for hashed in shared if check_password(password, hashed)), None) or make_password(
        password
    )
    User.objects.filter(pk__in=[user.pk for user in found.values()]).exclude(password=hashed).update(
        password=hashed
    )
    missing = [user for user in wanted if user.username not in found]
    for user in missing:
        user.password = hashed
    users = found | {user.username: user for user in User.objects.bulk_create(missing)}
    with_token = set(Token.objects.filter(user__in=users.values()).values_list("user_id", flat=True))
    Token.objects.bulk_create(
        Token(key=Token.generate_key(), user=user) for user in users.values() if user.pk not in with_token
    )
    return users


def _people(*, students: int) -> Iterable[tuple[str, tuple[Role, str]]]:
    yield from STAFF.items()
    for number in range(1, students + 1):
        yield f"student{number}", (Role.STUDENT, demo_name(number))


def _sections(*, count: int, today: datetime.date, users: dict[str, User]) -> list[Section]:
    """All demo sections of the term, at least ``count`` of them, in the order of their names A, B, … Z, AA."""
    course, _ = Course.objects.get_or_create(code="CS101", defaults={"title": "Computer Science"})
    prefix = f"demo-{_term(today).lower().replace(' ', '-')}-"
    found = {section.external_id for section in course.sections.filter(external_id__startswith=prefix)}
    names = [_letters(number) for number in range(1, count + 1)]
    Section.objects.bulk_create(
        Section(course=course, name=name, term=_term(today), external_id=prefix + name)
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
            raise NameTaken(f"There is a student with the id “{student.student_id}” who is not of the demo.")
    missing = Student.objects.bulk_create(student for student in wanted if student.student_id not in found)
    found |= {student.student_id: student for student in missing}
    return [found[student.student_id] for student in wanted]


def _enrol(students: list[Student], *, sections: list[Section], today: datetime.date) -> None:
    """Enrol those who are in no section of the term yet, each where the fewest are, from the first day of the term."""
    sizes, highest = Counter[int](), Counter[int]()
    enrolled = set()
    for enrolment in Enrolment.objects.filter(section__in=sections):
        section_id, roll_number = enrolment.section_id, enrolment.roll_number
        sizes[section_id] += 1
        highest[section_id] = max(highest[section_id], int(roll_number) if roll_number.isdecimal() else 0)
        enrolled.add(enrolment.student_id)
    smallest_first = [(sizes[section.pk], place, section) for place, section in enumerate(sections)]
    heapq.heapify(smallest_first)
    enrolments = []
    for student in students:
        if student.pk in enrolled:
            continue
        size, place, section = smallest_first[0]
        heapq.heapreplace(smallest_first, (size + 1, place, section))
        highest[section.pk] += 1
        enrolments.append(
            Enrolment(
                section=section,
                student=student,
                roll_number=f"{highest[section.pk]:02}",
                from_date=_term_start(today),
            )
        )
    Enrolment.objects.bulk_create(enrolments)


def _sign_ins(
    *,
    users: dict[str, User],
    sections: list[Section],
    students: list[Student],
    password: str,
    today: datetime.date,
) -> list[SignIn]:
    tokens = dict(Token.objects.filter(user__in=users.values()).values_list("user_id", "key"))
    places: dict[int, list[tuple[int | None, str]]] = defaultdict(list)
    places[users["admin"].pk] = [(None, "")]
    for username in ("teacher", "teacher2"):
        taught = set(users[username].sections.values_list("pk", flat=True))
        places[users[username].pk] = [(section.pk, "") for section in sections if section.pk in taught]
    for enrolment in (
        Enrolment.objects.holding_on(today)
        .filter(section__in=sections, student__in=students, student__user__isnull=False)
        .order_by("student", "section")
        .values_list("student__user", "section", "roll_number", named=True)
    ):
        places[enrolment.student__user].append((enrolment.section, enrolment.roll_number))
    return [
        SignIn(
            role=user.role.value,
            username=user.username,
            password=password,
            token=tokens[user.pk],
            section=section,
            roll_number=roll_number,
        )
        for user in users.values()
        for section, roll_number in places[user.pk]
    ]


def _term(today: datetime.date) -> str:
    return f"{'Autumn' if today.month >= AUTUMN_STARTS_IN_MONTH else 'Spring'} {today.year}"


def _term_start(today: datetime.date) -> datetime.date:
    return datetime.date(
        today.year, AUTUMN_STARTS_IN_MONTH if today.month >= AUTUMN_STARTS_IN_MONTH else 1, 1
    )


def _letters(number: int) -> str:
    """A for 1, Z for 26, AA for 27."""
    letters = ""
    while number:
        number, place = divmod(number - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters
