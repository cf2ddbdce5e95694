"""The people and sections of the benchmark: halls of students with sign-ins, and groups of sections."""

import datetime
import importlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core import signing
from django.db import transaction

from attendance.models import Course, Enrolment, Section, Student, User
from bench.client.requests import Person
from bench.site.installation import Installation
from bench.site.past_records import add_records_up_to
from bench.site.sizes import Size
from qrsessions.codes import devices


@dataclass(frozen=True)
class Hall:
    """One section with its students, in the order of their roll numbers."""

    section: int
    students: Sequence[Person]


@dataclass(frozen=True)
class School:
    """All people and sections.

    :param mark_halls: sections whose students mark, join and poll
    :param waiting: the section whose students wait for attendance to start
    :param page: the section shown on a teacher's page; its students send nothing
    :param groups: the sections of each group, by the size of the group
    """

    teacher: Person
    mark_halls: list[Hall]
    waiting: Hall
    page: int
    groups: dict[int, list[int]]


def build(installation: Installation, size: Size) -> School:
    """Create the demo institution and assign its students to halls."""
    sections, in_groups = sum(size.groups), sum(size.groups) * size.per_section
    in_halls = size.halls * size.hall
    rows = installation.seed(sections=sections, students=in_groups + in_halls + size.waiting)
    tokens = {row["username"]: row["token"] for row in rows}
    users = {user.username: user for user in User.objects.filter(username__in=tokens)}
    students = list(Student.objects.filter(user__isnull=False).select_related("user").order_by("pk"))
    with transaction.atomic():
        # Enrolled only in their hall, so that a waiting phone sees one session.
        apart = students[: in_halls + size.waiting]
        Enrolment.objects.filter(student__in=apart).delete()
        in_hall = [apart[start : start + size.hall] for start in range(0, in_halls, size.hall)]
        teacher = users["teacher"]
        halls = [_hall(f"Hall {number}", some, teacher) for number, some in enumerate(in_hall, 1)]
        waiting = _hall("Waiting", apart[in_halls:], teacher)
        page = _hall("Page", students[len(apart) : len(apart) + size.hall], teacher)
        people = {
            user.pk: signed_in(user, tokens[user.username])
            for user in [teacher, *(student.user for student in apart if student.user)]
        }
    add_records_up_to(size.past_records)
    own = list(
        Section.objects.filter(course__code="CS101", external_id__startswith="demo-")
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    groups = {}
    for number in size.groups:
        groups[number], own = own[:number], own[number:]

    def with_people(section: Section, some: list[Student]) -> Hall:
        return Hall(section.pk, [people[student.user_id or 0] for student in some])

    return School(
        teacher=people[teacher.pk],
        mark_halls=[with_people(hall, some) for hall, some in zip(halls, in_hall, strict=True)],
        waiting=with_people(waiting, apart[in_halls:]),
        page=page.pk,
        groups=groups,
    )


def _hall(name: str, students: Sequence[Student], teacher: User) -> Section:
    course, _ = Course.objects.get_or_create(code="BENCH", defaults={"title": "Benchmarks"})
    section = Section.objects.create(course=course, name=name)
    section.teachers.add(teacher)
    Enrolment.objects.bulk_create(
        Enrolment(
            section=section, student=student, roll_number=str(number), from_date=datetime.date(2020, 1, 1)
        )
        for number, student in enumerate(students, 1)
    )
    return section


def signed_in(user: User, token: str) -> Person:
    """A person with a browser session, a device cookie and a CSRF token."""
    store = importlib.import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    csrf = secrets.token_hex(16)
    cookies = {
        settings.SESSION_COOKIE_NAME: store.session_key,
        settings.CSRF_COOKIE_NAME: csrf,
        devices.COOKIE: signing.Signer(salt=devices.SALT).sign(secrets.token_hex(devices.ID_BYTES)),
    }
    return Person(token, user.pk, "; ".join(f"{name}={value}" for name, value in cookies.items()), csrf)
