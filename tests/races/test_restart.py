"""A web server that is killed and restarted continues in every state, because all state is in the database."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import factories
from tests.support.races import Hall, make_school
from tests.support.waiting import wait_until
from tests.support.web_server import Reply, Server

STEPS = {"created": [], "locked": ["lock"], "active": ["start"], "ended": ["start", "end"]}
NEXT = {"created": "lock", "locked": "start", "active": "end", "ended": "reopen"}
AFTER = {"created": "locked", "locked": "active", "active": "ended", "ended": "active"}


@pytest.fixture
def server(web_environment, transactional_db, tmp_path) -> Iterator[Server]:
    """A server whose code stays valid longer than a restart takes."""
    server = Server(tmp_path, {**web_environment, "QR_STEP_SECONDS": "600"})
    yield server
    server.web.stop()


def path(hall: Hall) -> str:
    return hall.address.removeprefix("/api/v1/")


def shown(server: Server, hall: Hall) -> dict[str, Any]:
    reply = server.call(hall.teacher, "GET", f"{path(hall)}token/")
    assert reply.status == 200
    return reply.body


def mark(server: Server, hall: Hall, number: int, token: str) -> Reply:
    return server.call(factories.user_of(hall.students[number]), "POST", "mark/", {"token": token})


def hall_that_is(status: str, *, sections: int = 1) -> Hall:
    hall = make_school(sections=sections, students=3).open()
    hall.join(0)
    hall.join(1)
    for step in STEPS[status]:
        assert hall.step(step).status_code == 200
    return hall


def test_restarted_server_continues_in_every_state_with_the_same_token(server):
    halls = {status: hall_that_is(status) for status in NEXT}
    group = hall_that_is("active", sections=2)
    before = {hall.address: shown(server, hall) for hall in (halls["active"], group)}

    server.restart()

    for hall in (halls["active"], group):
        now, then = shown(server, hall), before[hall.address]
        assert now["token"] == then["token"] or now["next_at"] != then["next_at"]
        assert mark(server, hall, 0, then["token"]).code == (201, "marked")

    # The code keeps changing.
    server.restart(QR_STEP_SECONDS="2")
    for hall in (halls["active"], group):
        first = shown(server, hall)["token"]
        wait_until(lambda: shown(server, hall)["token"] != first)  # noqa: B023 - called within the loop
        assert mark(server, hall, 1, shown(server, hall)["token"]).code == (201, "marked")

    for status, hall in halls.items():
        kept = server.call(hall.teacher, "GET", path(hall)).body
        present = 2 if status == "active" else 0
        counts = (kept["stats"]["total_joined"], kept["stats"]["total_present"])
        assert (kept["status"], *counts) == (status, 2, present)
        taken = server.call(hall.teacher, "POST", f"{path(hall)}{NEXT[status]}/")
        assert (taken.status, taken.body["status"]) == (200, AFTER[status])
