"""Races: real threads, each with a connection of its own to PostgreSQL, that begin together."""

import copy
import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection, connections
from django.utils import timezone
from django_redis import get_redis_connection
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from attendance import stats
from attendance.models import AttendanceRecord, RosterEntry, Section, Student, User
from config.web import MARK, Web
from qrsessions import groups, lifecycle, tokens
from qrsessions.models import GroupSession, JoinPolicy, QRSession
from tests import factories
from tests.qrsessions.conftest import sets_of

Call = Callable[[], Any]

# A register: by section and student, whether joined, the status, and the method.
Register = dict[tuple[int, str], tuple[bool, str | None, str | None]]


def patient_caches() -> dict[str, Any]:
    """The CACHES setting for crowds on a small machine: a slow answer of Redis is not taken for none."""
    caches = copy.deepcopy(settings.CACHES)
    # In the address, by which django-redis tells one pool of connections from another.
    caches["live"]["LOCATION"] = [f"{settings.REDIS_URL}&socket_timeout=20&socket_connect_timeout=20"]
    caches["live"]["OPTIONS"]["CONNECTION_POOL_KWARGS"] |= {"max_connections": 100, "timeout": 20}
    return caches


@pytest.fixture(autouse=True)
def empty_redis(transactional_db, settings):
    settings.CACHES = patient_caches()
    get_redis_connection("live").flushdb()
    cache.clear()
    stats.breaker.succeeded()


def at_once(*calls: Call, spread_seconds: float = 0.0) -> list[Any]:
    """What the calls answered, each made in a thread of its own; the first exception of one is raised.

    :param spread_seconds: each begins at a random moment of this span, so that every order comes to pass
    """
    begin = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)
    errors: list[Exception] = []

    def run(place: int, call: Call, delay: float) -> None:
        with _own_connection():
            begin.wait()
            time.sleep(delay)
            try:
                answers[place] = call()
            except Exception as error:  # noqa: BLE001 - raised again below, in the test's own thread
                errors.append(error)

    threads = [
        threading.Thread(target=run, args=(place, call, random.uniform(0, spread_seconds)))
        for place, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return answers


@contextmanager
def _own_connection() -> Iterator[None]:
    """A connection beside the pool, which is smaller than our crowds, opened before the race begins."""
    settings_dict = copy.deepcopy(connection.settings_dict)
    del settings_dict["OPTIONS"]["pool"]
    own = type(connections["default"])(settings_dict)
    connections["default"] = own
    own.ensure_connection()
    try:
        yield
    finally:
        own.close()


def phone_of(user: User) -> APIClient:
    """A client that is signed in without a query for each request."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get_or_create(user=user)[0].key}")
    return client


@dataclass(frozen=True)
class Reply:
    """What a server of another process answered."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> tuple[int, str | None]:
        return self.status, self.body.get("code")


@dataclass
class Hall:
    """A class that runs: one session, or several as a group. Students are named by their places."""

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
        """As they are in the database now."""
        found = QRSession.objects.filter(meeting__section__in=self.sections).with_names()
        if isinstance(self.source, QRSession):
            return list(found.filter(pk=self.source.pk))
        return list(found.filter(created_at__gte=self.source.created_at).order_by("meeting__section_id"))

    def step(self, step: str) -> Any:
        return phone_of(self.teacher).post(f"{self.address}{step}/")

    def join(self, place: int, section: Section | None = None) -> Any:
        body = {"section": section.pk} if section else {}
        return self._phone(place).post(f"{self.address}join/", body, format="json")

    def mark(self, place: int) -> Any:
        return self._phone(place).post("/api/v1/mark/", {"token": self.token()}, format="json")

    def correct(self, place: int, status: str | None, session: QRSession) -> Any:
        address = f"/api/v1/sessions/{session.public_id}/records/{self.students[place].student_id}/"
        return phone_of(self.teacher).put(address, {"status": status}, format="json")

    def admit(self, session: QRSession | None = None) -> Any:
        address = f"/api/v1/sessions/{session.public_id}/" if session else self.address
        return phone_of(self.teacher).post(f"{address}waiting/", {}, format="json")

    def stats(self) -> dict[str, Any]:
        return dict(phone_of(self.teacher).get(f"{self.address}stats/").json())

    def token(self) -> str:
        step = tokens.step_at(timezone.now())
        return tokens.make(public_id=self.source.public_id, secret=self.source.secret, step=step)

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

    def names(self, places: Sequence[int]) -> set[str]:
        return {self.students[place].student_id for place in places}

    def end_if_open(self) -> None:
        if self.sessions[0].status != "ended":
            assert self.step("end").status_code == 200

    def _phone(self, place: int) -> APIClient:
        return phone_of(factories.user_of(self.students[place]))


@dataclass
class School:
    """Sections with their students and one teacher of all of them, in which one class after the other is held."""

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


def make_school(*, sections: int, students: int, in_all: int = 0) -> School:
    """So many students, spread over the sections; the first ``in_all`` of them are in every section."""
    teacher = factories.make_teacher()
    people = [factories.make_student() for _ in range(students)]
    taught = []
    for number in range(sections):
        own = [
            student for place, student in enumerate(people) if place < in_all or place % sections == number
        ]
        taught.append(factories.make_section(students=own, teachers=[teacher]))
    return School(teacher, taught, people)


def assert_sound(hall: Hall) -> None:
    """What holds of a class whatever was done to it, and in whatever order."""
    sessions = hall.sessions
    (status,) = {session.status for session in sessions}
    register = hall.register()
    if status == "ended":
        assert set(register) == hall.enrolled()
        assert all(mark for _, mark, _m in register.values())
    else:
        assert "end" not in {method for *_, method in register.values()}
    joined = [student for (_, student), (joined, *_rest) in register.items() if joined]
    assert len(joined) == len(set(joined)), "somebody joined in two sections"
    compare_sets(sessions)
    counted = RosterEntry.objects.filter(meeting__session__in=sessions).counted()
    shown = hall.stats()
    assert (shown["status"], shown["total_students"], shown["total_joined"], shown["total_present"]) == (
        status,
        len(hall.students),
        counted.joined().count(),
        counted.attended().count(),
    )


def compare_sets(sessions: Sequence[QRSession]) -> None:
    """The sets are those of the database, after one comparison at most."""
    meetings = [session.meeting for session in sessions]
    stats.forget_verified(meetings)
    stats.live_counts(meetings, at=timezone.now())
    for session in sessions:
        counted = session.meeting.roster.counted()
        assert sets_of(session) == (
            set(counted.joined().values_list("student__student_id", flat=True)),
            set(counted.attended().values_list("roll_number", flat=True)),
        )


class Server:
    """A web server of its own process on a port of its own, for the tests' database; it can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start()

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.web = Web(data_dir=self.folder, host="127.0.0.1", port=self.port, workers=1)
        self.web.start()
        assert self.web.await_answer(seconds=30)

    def kill(self) -> None:
        """As `kill -9` of all that belongs to it."""
        processes = [one for one in psutil.Process().children(recursive=True) if self._is_ours(one)]
        assert processes
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=5)
        self.web.stop()

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return bool(process.environ().get(MARK) == str(self.folder))
        except psutil.Error:
            return False

    def call(self, user: User, method: str, path: str, body: dict[str, Any] | None = None) -> Reply:
        """A request of somebody who is signed in by a token."""
        key = Token.objects.get_or_create(user=user)[0].key
        headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, f"/api/v1/{path}", json.dumps(body or {}), headers)
            answer = connection.getresponse()
            return Reply(answer.status, json.loads(answer.read()))
        finally:
            connection.close()


@pytest.fixture(scope="module")
def own_servers(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[list[Server]]:
    """Two of them, as two machines behind one balancer."""
    with django_db_blocker.unblock():
        database = connection.settings_dict
    host = database["OPTIONS"]["host"]
    environment = {
        "DATABASE_URL": f"postgresql://{database['USER']}@/{database['NAME']}?host={quote(host)}",
        "REDIS_URL": settings.REDIS_URL,
        "CACHE_URL": settings.CACHE_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "PUBLIC_URL": "http://127.0.0.1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        servers = [Server(tmp_path_factory.mktemp("web")) for _ in range(2)]
        yield servers
        for server in servers:
            server.web.stop()
