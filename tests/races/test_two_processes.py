"""Two web servers: a change through one applies immediately in the other, because processes keep no state."""

import pytest

from tests.support import factories
from tests.support.races import Hall, make_school
from tests.support.web_server import Reply, Server


class Class:
    """A class whose teacher reaches the first server and whose students reach the second."""

    def __init__(self, servers: list[Server], *, sections: int) -> None:
        self.one, self.other = servers
        self.hall: Hall = make_school(sections=sections, students=3).open()
        self.path = self.hall.address.removeprefix("/api/v1/")

    def step(self, step: str) -> Reply:
        return self.one.call(self.hall.teacher, "POST", f"{self.path}{step}/")

    def token(self) -> str:
        reply = self.one.call(self.hall.teacher, "GET", f"{self.path}token/")
        assert reply.status == 200
        return str(reply.body["token"])

    def join(self, number: int) -> Reply:
        return self.other.call(self._student(number), "POST", f"{self.path}join/")

    def mark(self, number: int, token: str) -> Reply:
        return self.other.call(self._student(number), "POST", "mark/", {"token": token})

    def _student(self, number: int):
        return factories.user_of(self.hall.students[number])


@pytest.fixture(params=[1, 3], ids=["single", "group"])
def running(request, own_servers, transactional_db) -> Class:
    return Class(own_servers, sections=request.param)


def test_step_through_one_server_applies_immediately_in_the_other(running):
    assert running.join(0).status == 201
    running.step("lock")
    assert running.join(1).code == (409, "locked")
    running.step("unlock")
    assert running.join(1).status == 201

    started = running.step("start")

    assert started.body["stats"]["total_joined"] == 2
    assert running.join(2).code == (409, "locked")
    token = running.token()
    assert running.mark(0, token).code == (201, "marked")

    ended = running.step("end")

    assert ended.body["stats"]["total_present"] == 1
    assert running.mark(1, token).code == (409, "not_active")
    assert running.mark(0, token).code == (200, "already_marked")
    assert running.hall.present() == running.hall.names([0])
    running.step("reopen")
    assert running.mark(1, running.token()).code == (201, "marked")


def test_session_opened_through_one_server_is_open_immediately_in_the_other(own_servers, transactional_db):
    school = make_school(sections=1, students=1)
    (section,) = school.sections
    one, other = own_servers
    student = factories.user_of(school.students[0])
    assert other.call(student, "GET", "me/session/").body["sessions"] == []

    opened = one.call(school.teacher, "POST", "sessions/", {"section": section.pk})

    assert opened.status == 201
    refused = other.call(school.teacher, "POST", "sessions/", {"section": section.pk})
    assert (refused.code, refused.body["session"]) == ((409, "session_open"), opened.body["id"])
    (own,) = other.call(student, "GET", "me/session/").body["sessions"]
    assert own["id"] == opened.body["id"]
    one.call(school.teacher, "POST", f"sessions/{opened.body['id']}/end/")
    assert other.call(student, "GET", "me/session/").body["sessions"] == []


@pytest.mark.parametrize("sections", [1, 3])
def test_numbers_in_the_other_server_are_those_after_the_change(own_servers, transactional_db, sections):
    """Whatever one process has answered or kept before, a change through the other shows in its next answer."""
    one, other = own_servers
    hall = make_school(sections=sections, students=3).open(join_policy="open")
    path = hall.address.removeprefix("/api/v1/")
    student, teacher = factories.user_of(hall.students[0]), hall.teacher
    session = hall.sessions[0]
    (student_id,) = [s.student_id for s in factories.students_of(session.meeting.section)][:1]

    def seen_by_other() -> tuple[str, int, int]:
        stats = other.call(teacher, "GET", f"{path}stats/").body
        return stats["status"], stats["total_joined"], stats["total_present"]

    def correct(status: str | None) -> Reply:
        record = f"sessions/{session.public_id}/records/{student_id}/"
        return one.call(teacher, "PUT", record, {"status": status, "note": ""})

    seen = [seen_by_other()]
    for change in (
        lambda: one.call(teacher, "POST", f"{path}start/"),
        lambda: one.call(student, "POST", "mark/", {"token": hall.token()}),
        lambda: correct("absent"),
        lambda: correct("late"),
        lambda: one.call(teacher, "POST", f"{path}end/"),
    ):
        assert change().status in (200, 201)
        seen.append(seen_by_other())

    assert seen == [
        ("created", 0, 0),
        ("active", 0, 0),
        ("active", 1, 1),
        ("active", 1, 0),
        ("active", 1, 1),
        ("ended", 1, 1),
    ]
