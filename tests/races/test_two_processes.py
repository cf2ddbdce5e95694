"""Two web servers: what is done through one holds at once in the other, because nothing of it is kept in a process."""

import pytest

from tests import factories
from tests.races.conftest import Hall, Reply, Server, make_school


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

    def join(self, place: int) -> Reply:
        return self.other.call(self._student(place), "POST", f"{self.path}join/")

    def mark(self, place: int, token: str) -> Reply:
        return self.other.call(self._student(place), "POST", "mark/", {"token": token})

    def _student(self, place: int):
        return factories.user_of(self.hall.students[place])


@pytest.fixture(params=[1, 3], ids=["single", "group"])
def running(request, own_servers, transactional_db) -> Class:
    return Class(own_servers, sections=request.param)


def test_each_step_through_one_server_holds_at_once_in_the_other(running):
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


def test_a_session_opened_through_one_server_is_open_at_once_in_the_other(own_servers, transactional_db):
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
