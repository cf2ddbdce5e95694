"""A class as the API sees it: a teacher, a section of three, and clients signed in as each of them."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from django_redis import get_redis_connection
from rest_framework.test import APIClient

from attendance import stats
from attendance.models import AttendanceRecord, RecordChange, Section, Student, User
from qrsessions import tokens
from qrsessions.models import QRSession, RefusedScan
from tests import factories


@pytest.fixture(autouse=True)
def empty_redis():
    """Each test begins with an empty Redis that answers."""
    get_redis_connection("live").flushdb()
    cache.clear()
    stats.breaker.succeeded()


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


@dataclass
class Class:
    """One section with its teacher and students; ``open`` makes a session through the API."""

    section: Section
    teacher: User
    students: list[Student]

    def __post_init__(self):
        self.as_teacher = client_of(self.teacher)
        self.as_student = [client_of(student.user) for student in self.students]

    def open(self, **fields) -> QRSession:
        answer = self.as_teacher.post(
            "/api/v1/sessions/", {"section": self.section.pk, **fields}, format="json"
        )
        assert answer.status_code == 201, answer.json()
        return QRSession.objects.with_names().get(meeting__public_id=answer.json()["id"])

    def step(self, session: QRSession, step: str):
        return self.as_teacher.post(f"/api/v1/sessions/{session.public_id}/{step}/")

    def join(self, session: QRSession, number: int = 0):
        return self.as_student[number].post(f"/api/v1/sessions/{session.public_id}/join/")

    def mark(self, session: QRSession, number: int = 0, token: str | None = None):
        body = {"token": token or token_of(session)}
        return self.as_student[number].post("/api/v1/mark/", body, format="json")

    def type_code(self, session: QRSession, code: str, number: int = 0):
        body = {"session": session.public_id, "code": code}
        return self.as_student[number].post("/api/v1/mark/", body, format="json")

    def stats(self, session: QRSession) -> dict[str, Any]:
        return self.as_teacher.get(f"/api/v1/sessions/{session.public_id}/stats/").json()


def token_of(session: QRSession, *, steps_ago: int = 0) -> str:
    step = tokens.step_at(timezone.now()) - steps_ago
    return tokens.make(public_id=session.public_id, secret=session.secret, step=step)


def sets_of(session: QRSession) -> tuple[set[str], set[str]]:
    """What Redis itself holds: who joined (student ids) and who is present (roll numbers)."""
    return live_set(session, "joined"), live_set(session, "attended")


def live_set(session: QRSession, name: str) -> set[str]:
    members = get_redis_connection("live").smembers(f"session:{session.public_id}:{name}")
    return {member.decode() for member in members}


def everything_written() -> list[Any]:
    """All that joins and marks can write, to be compared before and after a refusal."""
    return [
        sorted(model.objects.values_list(), key=str)
        for model in (AttendanceRecord, RecordChange, RefusedScan, QRSession)
    ]


@pytest.fixture
def klass(transactional_db) -> Class:
    teacher = factories.make_teacher()
    section = factories.make_section(students=3, teachers=[teacher])
    return Class(section, teacher, factories.students_of(section))
