"""A class taught through the API: a section, its teacher and its students, each with a client."""

from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from attendance.models import Section, Status, Student, User
from qrsessions.codes import tokens
from qrsessions.models import GroupSession, QRSession, SessionStatus
from qrsessions.services import corrections
from tests.support import factories
from tests.support.factories import user_of
from tests.support.pages import browser_of


def client_of(user: User) -> APIClient:
    """An API client in which the user is signed in."""
    client = APIClient()
    client.force_login(user)
    return client


def token_of(session: QRSession | GroupSession, *, steps_ago: int = 0) -> str:
    """The token that the QR code of the session shows."""
    step = tokens.step_at(timezone.now()) - steps_ago
    return tokens.make(public_id=session.public_id, secret=session.secret, step=step)


def code_of(session: QRSession | GroupSession) -> str:
    """The 8 digits beside the QR code of the session."""
    return tokens.make_code(public_id=session.public_id, secret=session.secret, at=timezone.now())


@dataclass
class Class:
    """One section with its teacher and students; ``open`` opens a session through the API."""

    section: Section
    teacher: User
    students: list[Student]
    # The session that a test has opened.
    session: QRSession = field(init=False)

    def __post_init__(self) -> None:
        self.as_teacher = client_of(self.teacher)
        self.as_student = [client_of(user_of(student)) for student in self.students]

    def open(self, **fields: Any) -> QRSession:
        answer = self.as_teacher.post(
            "/api/v1/sessions/", {"section": self.section.pk, **fields}, format="json"
        )
        assert answer.status_code == 201, answer.json()
        return QRSession.objects.with_names().get(meeting__public_id=answer.json()["id"])

    def step(self, session: QRSession, step: str) -> Any:
        return self.as_teacher.post(f"/api/v1/sessions/{session.public_id}/{step}/")

    def join(self, session: QRSession, number: int = 0) -> Any:
        return self.as_student[number].post(f"/api/v1/sessions/{session.public_id}/join/")

    def mark(self, session: QRSession, number: int = 0, token: str | None = None) -> Any:
        body = {"token": token or token_of(session)}
        return self.as_student[number].post("/api/v1/mark/", body, format="json")

    def type_code(self, session: QRSession, code: str, number: int = 0) -> Any:
        body = {"session": session.public_id, "code": code}
        return self.as_student[number].post("/api/v1/mark/", body, format="json")

    def stats(self, session: QRSession) -> dict[str, Any]:
        stats: dict[str, Any] = self.as_teacher.get(f"/api/v1/sessions/{session.public_id}/stats/").json()
        return stats


def open_page(taught_class: Class, number: int = 0) -> str:
    """The page of one of the students."""
    response = browser_of(taught_class.students[number]).get(reverse("qrsessions:student"))
    assert response.status_code == 200
    return response.content.decode()


def correct(taught_class: Class, session: QRSession, status: str, number: int = 0) -> None:
    """Have the teacher change a student's mark."""
    corrections.correct(
        session=session,
        student=taught_class.students[number],
        status=Status(status),
        note="",
        by=taught_class.teacher,
        at=timezone.now(),
    )


def active_session(section: Section, student: Student) -> QRSession:
    """A session taking attendance that the student has joined."""
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    factories.make_record(meeting=session.meeting, student=student, roll_number="01")
    return session
