"""A full hall: phones and dashboards poll at their own pace while other phones mark."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.client.load import (
    ANSWER_TIMEOUT_SECONDS,
    Answer,
    Connection,
    ConnectionBroken,
    Load,
    UnexpectedAnswer,
    connect,
    retry_after,
)
from bench.client.requests import Request

# An overloaded server may answer these; any other error ends the run.
BUSY = {429, 503}
GOOD = {200, 201, 304}
# The same as in static/js.
PHONE_JITTER = 0.5
FIRST_PAUSE_MS = 3000
FIRST_POLLS_CONCURRENT = 32


@dataclass
class Poller:
    """Polls with the ETag of the last answer, after the pause that the answer asks for."""

    request: Callable[[str], Request]
    load: Load
    every_ms: int | None = None
    etag: str = ""
    pause_ms: int = field(default=FIRST_PAUSE_MS)
    was_refused: bool = False

    async def ask(self, connection: Connection) -> float:
        """Poll once and return the seconds until the next poll."""
        answer = await _send(connection, self.request(self.etag), self.load)
        self.was_refused = answer.status in BUSY
        if self.was_refused:
            return retry_after(answer)
        if answer.status == 200:
            self.etag = answer.header("etag")
            if self.every_ms is None:
                self.pause_ms = int(json.loads(answer.body)["poll_after_ms"])
        if self.every_ms is not None:
            return self.every_ms / 1000
        return self.pause_ms / 1000 * random.uniform(1, 1 + PHONE_JITTER)  # noqa: S311 - jitter


@asynccontextmanager
async def polling(port: int, pollers: list[Poller]) -> AsyncIterator[None]:
    """Let all pollers run during the block, each at its own times, then wait for outstanding answers.

    Each first polls once, unmeasured, over the connection that it keeps.
    """
    connections = await connect(port, len(pollers))
    finished = asyncio.Event()
    slots = asyncio.Semaphore(FIRST_POLLS_CONCURRENT)

    async def ask_first(poller: Poller, connection: Connection) -> None:
        while True:
            async with slots:
                pause = await poller.ask(connection)
            if not poller.was_refused:
                return
            await asyncio.sleep(pause)

    async def keep_asking(poller: Poller, connection: Connection) -> None:
        pause = (poller.every_ms or poller.pause_ms) / 1000 * random.random()  # noqa: S311 - jitter
        while True:
            try:
                await asyncio.wait_for(finished.wait(), pause)
            except TimeoutError:
                try:
                    pause = await poller.ask(connection)
                except ConnectionBroken:
                    # The server closes idle connections; a browser then reconnects.
                    [connection] = await connect(port, 1)
                    connections.append(connection)
                    pause = 0.0
            else:
                return

    each = list(zip(pollers, connections, strict=True))
    try:
        await asyncio.gather(*(ask_first(*one) for one in each))
        for poller in pollers:
            poller.load.clear()
        async with asyncio.TaskGroup() as group:
            for one in each:
                group.create_task(keep_asking(*one))
            yield
            finished.set()
    finally:
        for connection in connections:
            connection.close()


async def mark_spread(port: int, marks: list[Callable[[], bytes]], *, seconds: float) -> Load:
    """Send each mark at a random time within ``seconds``, and again if the server is busy.

    A mark's latency ends when it is acknowledged and includes its waits.
    """
    load = Load()
    connections = await connect(port, len(marks))
    began = time.perf_counter()

    async def mark(make: Callable[[], bytes], connection: Connection, after: float) -> None:
        await asyncio.sleep(after)
        sent_at = time.perf_counter()
        while (answer := await connection.ask(make())).status in BUSY:
            load.statuses[answer.status] += 1
            await asyncio.sleep(retry_after(answer))
        if answer.status != 201:
            raise UnexpectedAnswer(f"{answer.status} to a mark: {answer.body[:300]!r}")
        load.note(answer.status, time.perf_counter() - sent_at)

    try:
        async with asyncio.timeout(seconds + ANSWER_TIMEOUT_SECONDS), asyncio.TaskGroup() as group:
            for make, connection in zip(marks, connections, strict=True):
                group.create_task(mark(make, connection, random.random() * seconds))  # noqa: S311 - jitter
    finally:
        for connection in connections:
            connection.close()
    load.seconds = time.perf_counter() - began
    return load


async def _send(connection: Connection, request: Request, load: Load) -> Answer:
    sent_at = time.perf_counter()
    answer = await connection.ask(request.raw())
    load.note(answer.status, time.perf_counter() - sent_at)
    if answer.status not in GOOD | BUSY:
        raise UnexpectedAnswer(f"{answer.status} to {request.path}: {answer.body[:300]!r}")
    return answer
