"""PostgreSQL hangs under a hall that marks: it was stopped, neither refuses connections nor answers."""

import asyncio
import sys
import time
from typing import Any

import pytest

from tests.chaos.http import Client, NoAnswer
from tests.chaos.installation import Installation

# Far longer than it takes, because this machine may be busy.
LIMIT_SECONDS = 90


@pytest.mark.parametrize(
    ("students", "hangs_seconds"),
    [(100, 10), pytest.param(600, 15, marks=pytest.mark.slow)],
)
def test_hanging_database_delays_marks_and_loses_none(students, hangs_seconds, monkeypatch):
    # The phones send the code that they scanned before, for as long as this lasts.
    monkeypatch.setenv("QR_STEP_SECONDS", "300")
    with Installation(students=students, sections=1) as installation:
        installation.prepare()
        installation.serve()
        installation.await_web()
        phones, health, last_answer = asyncio.run(_class_during_the_hang(installation, hangs_seconds))
        register = installation.register([phones["session"]])

    sys.stdout.write(
        f"\n{students} phones, PostgreSQL stopped for {hangs_seconds} s: slowest /healthz {max(health):.2f} s, "
        f"last phone answered {last_answer:.1f} s after it went on\n"
    )
    assert phones["answers"] == {"marked": students}
    assert len(register) == students
    # It is answered while PostgreSQL hangs, not after.
    assert max(health) < hangs_seconds / 2


async def _class_during_the_hang(
    installation: Installation, hangs_seconds: float
) -> tuple[dict[str, Any], list[float], float]:
    teacher = next(person for person in installation.people if person.role == "teacher")
    students = [person for person in installation.people if person.role == "student"]
    desk = Client(installation.port, teacher.token)
    opened = (
        await desk.ask("POST", "/api/v1/sessions/", {"section": students[0].section, "join_policy": "open"})
    )[1]
    session = opened["id"]
    assert (await desk.ask("POST", f"/api/v1/sessions/{session}/start/"))[0] == 200
    token = (await desk.ask("GET", f"/api/v1/sessions/{session}/token/"))[1]["token"]

    installation.pause_postgres()
    stopped_at = time.monotonic()
    is_over = asyncio.Event()
    health = asyncio.create_task(_ask_health(installation.port, is_over))
    phones = [asyncio.create_task(_mark(installation.port, one.token, token)) for one in students]
    await asyncio.sleep(hangs_seconds)
    installation.resume()
    went_on_at = time.monotonic()
    async with asyncio.timeout(LIMIT_SECONDS):
        answers = await asyncio.gather(*phones)
    last_answer = time.monotonic() - went_on_at
    is_over.set()
    assert went_on_at - stopped_at >= hangs_seconds
    counts = {code: answers.count(code) for code in answers}
    # A phone whose answer was lost hears that it is marked already.
    counts = {"marked": counts.pop("marked", 0) + counts.pop("already_marked", 0), **counts}
    slowest = await health
    desk.close()
    # The loop closes the connections of the phones.
    await asyncio.sleep(0.5)
    return {"session": session, "answers": counts}, slowest, last_answer


async def _mark(port: int, sign_in: str, token: str) -> str:
    """Send the scan until it is decided, as the page does: with the claim, once the server has given one."""
    phone, body = Client(port, sign_in), {"token": token}
    while True:
        try:
            status, answer = await phone.ask("POST", "/api/v1/mark/", body)
        except NoAnswer:
            continue
        if status not in (429, 503):
            phone.close()
            return str(answer["code"])
        if "claim" in answer:
            body = {"claim": answer["claim"]}
        await asyncio.sleep(2)


async def _ask_health(port: int, is_over: asyncio.Event) -> list[float]:
    """How long each answer of /healthz took."""
    monitor, seconds = Client(port, ""), []
    while not is_over.is_set():
        began = time.monotonic()
        status, _answer = await monitor.ask("GET", "/healthz")
        assert status == 200
        seconds.append(time.monotonic() - began)
        await asyncio.sleep(0.2)
    monitor.close()
    return seconds
