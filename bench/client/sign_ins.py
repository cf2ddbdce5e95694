"""Phones that sign in with the right password, and clients that guess passwords."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlencode

from bench.client.load import (
    Answer,
    Connection,
    ConnectionBroken,
    Load,
    UnexpectedAnswer,
    connect,
    retry_after,
)
from bench.client.mixed_load import BUSY
from bench.client.requests import HOST, JSON, Request

SIGN_IN_PAGE, TOKEN = "/accounts/login/", "/api/v1/auth/token/"
WRONG_PASSWORD = 401
# A guessing client does not wait as long as Retry-After asks.
GUESS_PAUSE_SECONDS = 0.5
# The same as in static/js/pages/sign_in.js.
JITTER = 0.5


async def sign_in_spread(
    port: int, usernames: Sequence[str], *, password: str, spread_seconds: float, seconds: float
) -> Load:
    """Let each phone open the sign-in page at a random time within ``spread_seconds`` and sign in, waiting its turn.

    The latency of a sign-in includes its waits. It ends after ``seconds``, however many are still waiting.
    """
    load = Load()
    connections = await connect(port, len(usernames))
    began = time.perf_counter()

    async def sign_in(username: str, connection: Connection) -> None:
        await asyncio.sleep(random.random() * spread_seconds)  # noqa: S311 - jitter
        page = await _until_free(connection, Request("GET", SIGN_IN_PAGE), load)
        cookies = _cookies_of(page)
        sent_at = time.perf_counter()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": cookies["csrftoken"],
            "Origin": f"http://{HOST}",
            "X-Requested-With": "XMLHttpRequest",
        }
        form = urlencode({"login": username, "password": password}).encode()
        answer = await _until_free(connection, Request("POST", SIGN_IN_PAGE, headers, form), load)
        if "location" not in json.loads(answer.body):
            raise UnexpectedAnswer(f"{username} was not signed in: {answer.body[-1000:]!r}")
        load.note(answer.status, time.perf_counter() - sent_at)

    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for username, connection in zip(usernames, connections, strict=True):
                group.create_task(sign_in(username, connection))
    except TimeoutError:
        load.statuses[0] = len(usernames) - len(load.latencies)
    finally:
        for connection in connections:
            connection.close()
    load.seconds = time.perf_counter() - began
    return load


@asynccontextmanager
async def guessing(port: int, usernames: Sequence[str], *, clients: int) -> AsyncIterator[Load]:
    """Let so many clients guess passwords of these users during the block, each as fast as it is answered."""
    load = Load()
    connections = await connect(port, clients)

    async def guess(connection: Connection) -> None:
        while True:
            credentials = {"username": random.choice(usernames), "password": str(random.random())}  # noqa: S311
            body = json.dumps(credentials).encode()
            sent_at = time.perf_counter()
            try:
                answer = await connection.ask(Request("POST", TOKEN, {"Content-Type": JSON}, body).raw())
            except ConnectionBroken:
                [connection] = await connect(port, 1)
                connections.append(connection)
                continue
            load.note(answer.status, time.perf_counter() - sent_at)
            if answer.status != WRONG_PASSWORD:
                await asyncio.sleep(GUESS_PAUSE_SECONDS)

    tasks = [asyncio.create_task(guess(connection)) for connection in connections]
    try:
        yield load
    finally:
        # First, so that no answer arrives for a task that is gone.
        for connection in connections:
            connection.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_free(connection: Connection, request: Request, load: Load) -> Answer:
    while (answer := await connection.ask(request.raw())).status in BUSY:
        load.statuses[answer.status] += 1
        await asyncio.sleep(retry_after(answer) * random.uniform(1, 1 + JITTER))  # noqa: S311 - jitter
    if answer.status != 200:
        raise UnexpectedAnswer(f"{answer.status} to {request.path}: {answer.body[:300]!r}")
    return answer


def _cookies_of(answer: Answer) -> dict[str, str]:
    lines = [line.partition(b":") for line in answer.head.split(b"\r\n")[1:]]
    cookies = [value.decode() for name, _, value in lines if name.strip().lower() == b"set-cookie"]
    pairs = (cookie.strip().partition(";")[0].partition("=") for cookie in cookies)
    return {name: value for name, _, value in pairs}
