"""A web server that is killed and started again carries on in every state: all that it knew is in the database."""

import datetime
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests import factories
from tests.races.conftest import Hall, Reply, Server, make_school

STEPS = {"created": [], "locked": ["lock"], "active": ["start"], "ended": ["start", "end"]}
NEXT = {"created": "lock", "locked": "start", "active": "end", "ended": "reopen"}
AFTER = {"created": "locked", "locked": "active", "active": "ended", "ended": "active"}


@pytest.fixture
def server(own_servers, transactional_db, monkeypatch) -> Iterator[Server]:
    """One whose code stays longer than a restart takes."""
    server = own_servers[0]
    monkeypatch.setenv("QR_STEP_SECONDS", "600")
    restart(server)
    yield server
    monkeypatch.undo()


def restart(server: Server) -> None:
    server.kill()
    server.start()


def path(hall: Hall) -> str:
    return hall.address.removeprefix("/api/v1/")


def shown(server: Server, hall: Hall) -> dict[str, Any]:
    reply = server.call(hall.teacher, "GET", f"{path(hall)}token/")
    assert reply.status == 200
    return reply.body


def mark(server: Server, hall: Hall, place: int, token: str) -> Reply:
    return server.call(factories.user_of(hall.students[place]), "POST", "mark/", {"token": token})


def hall_that_is(status: str, *, sections: int = 1) -> Hall:
    hall = make_school(sections=sections, students=3).open()
    hall.join(0)
    hall.join(1)
    for step in STEPS[status]:
        assert hall.step(step).status_code == 200
    return hall


def test_a_killed_server_carries_on_in_every_state_with_the_same_token(server, monkeypatch):
    halls = {status: hall_that_is(status) for status in NEXT}
    group = hall_that_is("active", sections=2)
    before = {hall.address: shown(server, hall) for hall in (halls["active"], group)}

    restart(server)

    for hall in (halls["active"], group):
        now, then = shown(server, hall), before[hall.address]
        assert now["token"] == then["token"] or now["next_at"] != then["next_at"]
        assert mark(server, hall, 0, then["token"]).code == (201, "marked")

    # And the code goes on changing.
    monkeypatch.setenv("QR_STEP_SECONDS", "2")
    restart(server)
    for hall in (halls["active"], group):
        now = shown(server, hall)
        moments = [datetime.datetime.fromisoformat(now[name]) for name in ("server_time", "next_at")]
        time.sleep((moments[1] - moments[0]).total_seconds() + 0.05)
        later = shown(server, hall)
        assert later["token"] != now["token"]
        assert mark(server, hall, 1, later["token"]).code == (201, "marked")

    for status, hall in halls.items():
        kept = server.call(hall.teacher, "GET", path(hall)).body
        present = 2 if status == "active" else 0
        counts = (kept["stats"]["total_joined"], kept["stats"]["total_present"])
        assert (kept["status"], *counts) == (status, 2, present)
        taken = server.call(hall.teacher, "POST", f"{path(hall)}{NEXT[status]}/")
        assert (taken.status, taken.body["status"]) == (200, AFTER[status])
