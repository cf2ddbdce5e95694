"""PostgreSQL hangs while a hall marks: it accepts connections and answers nothing."""

import asyncio
import sys
import time

import pytest

from attendance.models import AttendanceRecord, Status
from qrsessions.models import JoinPolicy, SessionStatus
from tests.chaos.http import Client, NoAnswer
from tests.support import factories
from tests.support.postgres.database import database_hanging

# Far longer than it takes, because this machine may be busy.
LIMIT_SECONDS = 90


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("students", "hangs_seconds"),
    [(100, 10), pytest.param(600, 15, marks=pytest.mark.slow)],
)
def test_hanging_database_delays_marks_and_loses_none(students, hangs_seconds, empty_redis, start_server):
    # The phones send the code that they scanned before, for as long as this lasts.
    server = start_server(QR_STEP_SECONDS="300")
    session = factories.make_session(
        section=factories.make_section(students=students, teachers=[factories.make_teacher()]),
        status=SessionStatus.ACTIVE,
        join_policy=JoinPolicy.OPEN,
    )
    token = server.call(session.opened_by, "GET", f"sessions/{session.public_id}/token/").body["token"]
    keys = [factories.key_of(student.user) for student in factories.students_of(session.meeting.section)]

    answers, health, last_answer = asyncio.run(
        _class_during_the_hang(server.port, keys, token, hangs_seconds)
    )

    sys.stdout.write(
        f"\n{students} phones, PostgreSQL stopped for {hangs_seconds} s: slowest /healthz {max(health):.2f} s, "
        f"last phone answered {last_answer:.1f} s after it went on\n"
    )
    assert answers == {"marked": students}
    assert AttendanceRecord.objects.filter(meeting=session.meeting, status=Status.PRESENT).count() == students
    # It is answered while PostgreSQL hangs, not after.
    assert max(health) < hangs_seconds / 2


async def _class_during_the_hang(
    port: int, keys: list[str], token: str, hangs_seconds: float
) -> tuple[dict[str, int], list[float], float]:
    with database_hanging():
        is_over = asyncio.Event()
        health = asyncio.create_task(_ask_health(port, is_over))
        phones = [asyncio.create_task(_mark(port, key, token)) for key in keys]
        await asyncio.sleep(hangs_seconds)
    went_on_at = time.monotonic()
    async with asyncio.timeout(LIMIT_SECONDS):
        answers = await asyncio.gather(*phones)
    last_answer = time.monotonic() - went_on_at
    is_over.set()
    counts = {code: answers.count(code) for code in answers}
    # A phone whose answer was lost hears that it is marked already.
    counts = {"marked": counts.pop("marked", 0) + counts.pop("already_marked", 0), **counts}
    slowest = await health
    # The loop closes the connections of the phones.
    await asyncio.sleep(0.5)
    return counts, slowest, last_answer


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
