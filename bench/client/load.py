"""The load client: raw HTTP/1.1 over keep-alive connections. It is minimal because it shares the machine with the server.

It checks the status of every answer. An unexpected one ends the run.
"""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from bench.client.requests import HOST

# How long after the end of a load its last answers may take.
ANSWER_TIMEOUT_SECONDS = 60.0
OPEN_FILES = 8192
CHUNKED = -1
LAST_CHUNK = b"\r\n0\r\n\r\n"


class UnexpectedAnswer(Exception):
    """An answer with an unexpected status, or a missing answer."""


class ConnectionBroken(UnexpectedAnswer):
    """The server closed the connection, because it was idle for too long or because the server died."""


@dataclass
class Answer:
    """One answer."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header; empty where it is missing."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.lower().encode():
                return value.strip().decode("latin-1")
        return ""


@dataclass
class Load:
    """The answers to a load: their latencies in seconds, and how many had each status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def note(self, status: int, seconds: float) -> None:
        """Record one answer."""
        self.latencies.append(seconds)
        self.statuses[status] += 1

    def clear(self) -> None:
        """Forget every answer."""
        self.latencies.clear()
        self.statuses.clear()


# A request, and a callback for its answer.
QueuedRequest = tuple[bytes, Callable[[Answer], None] | None]


class Connection(asyncio.Protocol):
    """A connection that handles one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._read = b""
        self._wanted = 0
        self._head_length = 0
        self.on_answer: Callable[[Answer], None]
        self.on_lost: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def send(self, request: bytes) -> None:
        """Send a request; ``on_answer`` is called with the answer."""
        self._read, self._wanted = b"", 0
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._read = self._read + data if self._read else data
        if not self._wanted:
            end = self._read.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head_length = end + 4
            self._wanted = self._head_length + _body_length(self._read[:end])
        if self._wanted < self._head_length:
            if self._read.endswith(LAST_CHUNK):
                head, rest = self._read[: self._head_length], self._read[self._head_length :]
                self.on_answer(Answer(int(head[9:12]), head, _decode_chunks(rest)))
        elif len(self._read) >= self._wanted:
            head, body = self._read[: self._head_length], self._read[self._head_length : self._wanted]
            self.on_answer(Answer(int(head[9:12]), head, body))

    def connection_lost(self, error: Exception | None) -> None:
        self.on_lost()

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing()

    def close(self) -> None:
        """Close it without calling ``on_lost``."""
        self.on_lost = lambda: None
        self._transport.close()

    async def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer.

        :raises ConnectionBroken: if the connection breaks or is already closed
        """
        if not self.is_open:
            raise ConnectionBroken("A connection was closed.")
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def lost() -> None:
            if not answered.done():
                answered.set_exception(ConnectionBroken("A connection broke."))

        self.on_answer, self.on_lost = answered.set_result, lost
        self.send(request)
        return await answered


def innermost_error(error: BaseException) -> BaseException:
    """The first error inside nested exception groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def retry_after(answer: Answer) -> float:
    """Seconds to wait before the next request, from Retry-After."""
    return float(answer.header("retry-after") or 1)


def _body_length(head: bytes) -> int:
    """Length of the body in bytes, or CHUNKED."""
    if head[9:12] in (b"304", b"204"):
        return 0
    lower = head.lower()
    start = lower.find(b"\r\ncontent-length:")
    if start < 0 and b"\r\ntransfer-encoding: chunked" in lower:
        return CHUNKED
    if start < 0:
        raise UnexpectedAnswer(f"An answer without its length: {head!r}")
    end = lower.find(b"\r\n", start + 2)
    return int(lower[start + 17 : end if end > 0 else None])


def _decode_chunks(chunks: bytes) -> bytes:
    """Decode a chunked body (RFC 9112, section 7.1)."""
    body = b""
    while chunks:
        size, _, chunks = chunks.partition(b"\r\n")
        body, chunks = body + chunks[: int(size, 16)], chunks[int(size, 16) + 2 :]
    return body


async def connect(port: int, count: int) -> list[Connection]:
    """Open ``count`` connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard) if hard > 0 else OPEN_FILES, hard))
    loop = asyncio.get_running_loop()
    made: list[Connection] = []
    for start in range(0, count, 100):
        some = range(min(100, count - start))
        opened = await asyncio.gather(*(loop.create_connection(Connection, HOST, port) for _ in some))
        made += [protocol for _transport, protocol in opened]
    return made


async def closed_loop(
    port: int,
    requests: Iterator[QueuedRequest],
    *,
    connections: int,
    seconds: float,
    expected: Collection[int],
    again: Collection[int] = (),
) -> Load:
    """Send the requests over new connections; see :func:`drive`."""
    opened = await connect(port, connections)
    try:
        return await drive(opened, [requests] * connections, seconds=seconds, expected=expected, again=again)
    finally:
        for connection in opened:
            connection.close()


async def drive(
    opened: Sequence[Connection],
    lanes: Sequence[Iterator[QueuedRequest]],
    *,
    seconds: float,
    expected: Collection[int],
    again: Collection[int] = (),
) -> Load:
    """Send the next request on each connection as soon as the previous one is answered.

    Ends when the requests run out or the time is over, and the last answer has arrived.

    :param lanes: the requests of each connection; connections may share an iterator
    :param again: statuses after which the request is sent again, after Retry-After; counted separately
    :raises UnexpectedAnswer: if an answer has another status or does not arrive
    """
    load = Load()
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    clock = time.perf_counter
    busy = 0
    began = clock()
    deadline = began + seconds

    def fail(what: str) -> None:
        if not done.done():
            done.set_exception(UnexpectedAnswer(what))

    def begin(connection: Connection, requests: Iterator[QueuedRequest]) -> None:
        nonlocal busy
        sent_at = 0.0
        request, look = b"", None

        def send_next() -> None:
            nonlocal sent_at, request, look, busy
            sending = next(requests, None) if clock() < deadline else None
            if sending is None:
                # The server may close idle connections.
                connection.on_lost = lambda: None
                busy -= 1
                if not busy and not done.done():
                    done.set_result(None)
                return
            request, look = sending
            sent_at = clock()
            connection.send(request)

        def answered(answer: Answer) -> None:
            if answer.status in again:
                load.statuses[answer.status] += 1
                loop.call_later(retry_after(answer), lambda: connection.send(request))
                return
            load.note(answer.status, clock() - sent_at)
            if answer.status not in expected:
                asked = " ".join(request[:200].decode().split()[:2])
                fail(f"{answer.status} to {asked}, not one of {sorted(expected)}: {answer.body[:300]!r}")
                return
            if look:
                look(answer)
            send_next()

        connection.on_answer = answered
        connection.on_lost = lambda: fail("A connection broke.")
        if not connection.is_open:
            # ``connection_lost`` has already run.
            connection.on_lost()
        busy += 1
        send_next()

    try:
        # A connection without requests must not end the load before the others have started.
        busy = 1
        for connection, requests in zip(opened, lanes, strict=True):
            begin(connection, requests)
        busy -= 1
        if busy:
            async with asyncio.timeout(seconds + ANSWER_TIMEOUT_SECONDS):
                await done
        load.seconds = clock() - began
    except TimeoutError as error:
        raise UnexpectedAnswer(f"{busy} requests were never answered.") from error
    return load
