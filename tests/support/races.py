"""Races: a class whose teacher and students act at the same moment, each in a thread with its own connection."""

import copy
import functools
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, connections, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from attendance.models import AttendanceRecord, RosterEntry, Section, Student, User
from qrsessions.models import GroupSession, JoinPolicy, QRSession
from qrsessions.services import groups, lifecycle
from tests.support import factories
from tests.support.classes import token_of
from tests.support.live_sets import assert_sets_match_database
from tests.support.registers.seals import assert_sealed

Call = Callable[[], Any]

# More than any race has.
MOST_CALLS = 64

# A register: by section and student, whether joined, the status, and the method.
Register = dict[tuple[int, str], tuple[bool, str | None, str | None]]


def patient_caches() -> dict[str, Any]:
    """The CACHES setting with long time-outs: on a busy machine a slow Redis must not count as away."""
    caches = copy.deepcopy(settings.CACHES)
    # In the address, because django-redis keeps one connection pool per address.
    caches["live"]["LOCATION"] = [f"{settings.REDIS_URL}&socket_timeout=20&socket_connect_timeout=20"]
    caches["live"]["OPTIONS"]["CONNECTION_POOL_KWARGS"] |= {"max_connections": 100, "timeout": 20}
    return caches


def run_concurrently(*calls: Call, spread_seconds: float = 0.0) -> list[Any]:
    """Make each call in its own thread and return the answers in order; the first exception is raised.

    :param spread_seconds: each call starts at a random moment within this time, so that every order occurs
    """
    assert len(calls) <= MOST_CALLS
    start = threading.Barrier(len(calls))

    def run(call: Call, delay: float) -> Any:
        try:
            _ensure_own_connection()
        except BaseException:
            start.abort()
            raise
        start.wait()
        time.sleep(delay)
        return call()

    made = [_threads.submit(run, call, random.uniform(0, spread_seconds)) for call in calls]
    wait(made)
    # If the connection of one fails, the others report only that they were not started.
    errors = [error for one in made if (error := one.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error
    return [one.result() for one in made]


# They stay for the next race: a new connection costs more than most requests.
_threads = ThreadPoolExecutor(MOST_CALLS)


def _ensure_own_connection() -> None:
    """Have this thread use a connection outside the pool, which has fewer than we have threads."""
    own = connections["default"]
    if "pool" in own.settings_dict["OPTIONS"]:
        settings_dict = copy.deepcopy(own.settings_dict)
        del settings_dict["OPTIONS"]["pool"]
        own = connections["default"] = type(own)(settings_dict)
    # A test may have ended the connections of the race before it.
    if own.connection is not None and not own.is_usable():
        own.close()
    own.ensure_connection()


def block_writes() -> None:
    """Block writes to all registers briefly, so that requests that already read the state write after it changed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE attendance_attendancerecord IN SHARE MODE")
        time.sleep(0.1)


def token_client(user: User) -> APIClient:
    """An API client that signs in by token, which costs no session."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {factories.key_of(user)}")
    return client


@dataclass
class Hall:
    """A class in progress: one session, or several as a group. Students are named by their number in the list."""

    source: QRSession | GroupSession
    teacher: User
    sections: list[Section]
    students: list[Student]

    @property
    def address(self) -> str:
        kind = "sessions" if isinstance(self.source, QRSession) else "group-sessions"
        return f"/api/v1/{kind}/{self.source.public_id}/"

    @property
    def sessions(self) -> list[QRSession]:
        """The sessions as the database has them now."""
        found = QRSession.objects.filter(meeting__section__in=self.sections).with_names()
        if isinstance(self.source, QRSession):
            return list(found.filter(pk=self.source.pk))
        return list(found.filter(created_at__gte=self.source.created_at).order_by("meeting__section_id"))

    def step(self, step: str) -> Any:
        return token_client(self.teacher).post(f"{self.address}{step}/")

    def join(self, number: int, section: Section | None = None) -> Any:
        body = {"section": section.pk} if section else {}
        return self._client(number).post(f"{self.address}join/", body, format="json")

    def mark(self, number: int) -> Any:
        return self._client(number).post("/api/v1/mark/", {"token": self.token()}, format="json")

    def correct(self, number: int, status: str | None, session: QRSession) -> Any:
        address = f"/api/v1/sessions/{session.public_id}/records/{self.students[number].student_id}/"
        return token_client(self.teacher).put(address, {"status": status}, format="json")

    def admit(self, session: QRSession | None = None) -> Any:
        address = f"/api/v1/sessions/{session.public_id}/" if session else self.address
        return token_client(self.teacher).post(f"{address}waiting/", {}, format="json")

    def stats(self) -> dict[str, Any]:
        return dict(token_client(self.teacher).get(f"{self.address}stats/").json())

    def token(self) -> str:
        return token_of(self.source)

    def enrolled(self) -> set[tuple[int, str]]:
        return {
            (section.pk, student.student_id)
            for section in self.sections
            for student in factories.students_of(section)
        }

    def register(self) -> Register:
        records = AttendanceRecord.objects.filter(meeting__session__in=self.sessions)
        return {
            (section, student): (joined_at is not None, status, method)
            for section, student, joined_at, status, method in records.values_list(
                "meeting__section", "student__student_id", "joined_at", "status", "method"
            )
        }

    def joined(self) -> set[str]:
        return {student for (_, student), (joined, *_rest) in self.register().items() if joined}

    def present(self) -> set[str]:
        return {student for (_, student), (_, status, _m) in self.register().items() if status == "present"}

    def names(self, numbers: Sequence[int]) -> set[str]:
        return {self.students[number].student_id for number in numbers}

    def end_if_open(self) -> None:
        if self.sessions[0].status != "ended":
            assert self.step("end").status_code == 200

    def _client(self, number: int) -> APIClient:
        return token_client(factories.user_of(self.students[number]))


@dataclass
class School:
    """Sections with their students and one teacher, who holds one class after another."""

    teacher: User
    sections: list[Section]
    students: list[Student]

    def open(self, *, join_policy: str = "strict", sections: Sequence[Section] | None = None) -> Hall:
        policy, at = JoinPolicy(join_policy), timezone.now()
        chosen = list(sections or self.sections)
        source: QRSession | GroupSession
        if len(chosen) == 1:
            source = lifecycle.open_session(section=chosen[0], by=self.teacher, at=at, join_policy=policy)
        else:
            source = groups.open_group(sections=chosen, by=self.teacher, at=at, join_policy=policy)
        return Hall(source, self.teacher, chosen, self.students)


def make_school(*, sections: int, students: int, in_every_section: int = 0) -> School:
    """Spread the students over the sections; the first ``in_every_section`` of them are in every one."""
    teacher = factories.make_teacher()
    people = factories.make_students(students)
    taught = []
    for index in range(sections):
        own = [
            student
            for number, student in enumerate(people)
            if number < in_every_section or number % sections == index
        ]
        taught.append(factories.make_section(students=own, teachers=[teacher]))
    return School(teacher, taught, people)


def assert_consistent(hall: Hall) -> None:
    """Check what must hold for a class after any actions in any order.

    When it ended, every enrolled student has exactly one record, unless it ended by itself and nobody was marked. Nobody
    joined in two sections. The sets and the stats match the register. Whatever had ended is as its seals say.
    """
    sessions = hall.sessions
    (status,) = {session.status for session in sessions}
    register = hall.register()
    if status == "ended" and any(mark for _, mark, _m in register.values()):
        assert set(register) == hall.enrolled()
        assert all(mark for _, mark, _m in register.values())
    else:
        assert "end" not in {method for *_, method in register.values()}
    joined = [student for (_, student), (joined, *_rest) in register.items() if joined]
    assert len(joined) == len(set(joined)), "somebody joined in two sections"
    assert_sets_match_database(sessions)
    for section in hall.sections:
        assert_sealed(section)
    counted = RosterEntry.objects.filter(meeting__session__in=sessions).counted()
    shown = hall.stats()
    assert (shown["status"], shown["total_students"], shown["total_joined"], shown["total_present"]) == (
        status,
        len(hall.students),
        counted.joined().count(),
        counted.attended().count(),
    )


def marks(hall: Hall) -> list[Call]:
    """One mark by each student."""
    return [functools.partial(hall.mark, number) for number in range(len(hall.students))]


def succeeded(hall: Hall, answers: Sequence[Any]) -> set[str]:
    """The students whose answer was a success."""
    return hall.names([number for number, answer in enumerate(answers) if answer.status_code in (200, 201)])


def refusal_codes(answers: Sequence[Any]) -> set[str]:
    return {answer.json()["code"] for answer in answers if answer.status_code not in (200, 201)}
