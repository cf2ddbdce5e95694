"""The load client against a small server whose answers are known."""

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest

from bench.client.load import Answer, Load, UnexpectedAnswer, closed_loop, connect, drive, innermost_error
from bench.client.mixed_load import Poller, mark_spread, polling
from bench.client.requests import Request

OK = b'HTTP/1.1 201 Created\r\ncontent-length: 2\r\nETag: "e"\r\n\r\nok'
CHUNKED = (
    b'HTTP/1.1 201 Created\r\nETag: "e"\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n'
)
OK_WITH_ETAG = OK.replace(b"201 Created", b"200 OK")
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\nserver: x\r\n\r\n"
BUSY = b"HTTP/1.1 429 Too Many\r\nRetry-After: 0.01\r\nContent-Length: 0\r\n\r\n"
WRONG = b"HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\noops"
GET = b"GET /x HTTP/1.1\r\n\r\n"


def run_async(coroutine):
    """Run it in an event loop in another thread, because Playwright keeps one running in this thread."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, coroutine).result()


class Server:
    """Gives each request the next answer and repeats the last one. None closes the connection."""

    def __init__(self, *answers: bytes | None, in_pieces: bool = False) -> None:
        self.answers = itertools.chain(answers[:-1], itertools.repeat(answers[-1]))
        self.in_pieces = in_pieces
        self.requests = 0
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                answer = next(self.answers)
                if answer is None:
                    return
                for piece in [bytes([one]) for one in answer] if self.in_pieces else [answer]:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def running(server: Server):
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


def loop(server: Server, *, requests=10, connections=3, expected=(201,), again=(), look=None, seconds=10.0):
    async def run():
        async with running(server) as port:
            queued = iter([(GET, look)] * requests)
            return await closed_loop(
                port, queued, connections=connections, seconds=seconds, expected=expected, again=again
            )

    return run_async(run())


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("answer", [OK, CHUNKED])
def test_loop_sends_each_request_once_over_its_connections(answer, in_pieces):
    server, seen = Server(answer, in_pieces=in_pieces), []
    load = loop(server, look=seen.append)
    assert (server.requests, server.connections) == (10, 3)
    assert (dict(load.statuses), len(load.latencies)) == ({201: 10}, 10)
    assert {(answer.status, answer.body, answer.header("etag")) for answer in seen} == {(201, b"ok", '"e"')}


def test_loop_stops_after_its_time_and_waits_for_every_answer():
    server = Server(OK)
    load = loop(server, requests=10_000_000, seconds=0.2)
    assert 3 <= server.requests == len(load.latencies) < 10_000_000


def test_loop_without_requests_ends():
    assert loop(Server(OK), requests=0).latencies == []


def test_loop_allows_more_connections_than_requests():
    assert len(loop(Server(OK), requests=2, connections=5).latencies) == 2


def test_loop_retries_busy_answers_and_counts_them_separately():
    server = Server(OK, BUSY, BUSY, OK)
    load = loop(server, again=(429,))
    assert (dict(load.statuses), len(load.latencies), server.requests) == ({201: 10, 429: 2}, 10, 12)


def test_loop_accepts_not_modified_without_a_body():
    assert dict(loop(Server(NOT_MODIFIED, OK), expected=(201, 304)).statuses) == {304: 1, 201: 9}


def test_unexpected_status_ends_the_run_with_a_message():
    with pytest.raises(UnexpectedAnswer, match=r"500 to GET /x, not one of \[201\]: b'oops'"):
        loop(Server(OK, WRONG, OK))


def test_broken_connection_ends_the_run():
    with pytest.raises(UnexpectedAnswer, match="A connection broke"):
        loop(Server(OK, None))


def test_closed_connection_ends_the_run():
    async def run():
        async with running(Server(OK)) as port:
            opened = await connect(port, 2)
            opened[1].close()
            await asyncio.sleep(0.01)
            lanes = [iter([(GET, None)]) for _ in opened]
            await asyncio.wait_for(drive(opened, lanes, seconds=1, expected=(201,)), timeout=5)

    with pytest.raises(UnexpectedAnswer, match="A connection broke"):
        run_async(run())


def test_mark_is_retried_while_the_server_is_busy():
    async def run():
        async with running(Server(BUSY, BUSY, OK)) as port:
            return await mark_spread(port, [lambda: GET] * 3, seconds=0.05)

    load = run_async(run())
    assert (dict(load.statuses), len(load.latencies)) == ({429: 2, 201: 3}, 3)


def test_failed_mark_ends_the_run():
    async def run():
        async with running(Server(WRONG)) as port:
            await mark_spread(port, [lambda: GET], seconds=0.05)

    with pytest.raises(ExceptionGroup) as raised:
        run_async(run())
    assert raised.group_contains(UnexpectedAnswer, match="500 to a mark")


def test_missing_header_is_empty():
    assert Answer(200, b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", b"").header("etag") == ""


def test_pollers_keep_their_pace_and_send_their_etag():
    asked = []

    def request(etag: str) -> Request:
        asked.append(etag)
        return Request("GET", "/x")

    async def run(server: Server, load: Load) -> None:
        async with running(server) as port:
            pollers = [Poller(request, load, every_ms=50) for _ in range(3)]
            async with polling(port, pollers):
                assert (server.requests, server.connections, load.latencies) == (3, 3, [])
                await asyncio.sleep(0.3)

    load = Load()
    run_async(run(Server(OK_WITH_ETAG), load))
    assert asked[:3] == ["", "", ""]
    assert set(asked[3:]) == {'"e"'}
    assert 3 <= len(load.latencies) == len(asked) - 3 <= 21


def test_poller_waits_for_retry_after():
    async def run() -> Load:
        load = Load()
        poller = Poller(lambda _etag: Request("GET", "/x"), load, every_ms=10)
        async with running(Server(OK_WITH_ETAG, BUSY, OK_WITH_ETAG)) as port, polling(port, [poller]):
            await asyncio.sleep(0.3)
        return load

    statuses = run_async(run()).statuses
    assert statuses[429] == 1
    assert statuses[200] > 1


def test_poller_reconnects_after_its_connection_is_closed():
    async def run() -> Server:
        server = Server(OK_WITH_ETAG, None, OK_WITH_ETAG)
        poller = Poller(lambda _etag: Request("GET", "/x"), Load(), every_ms=10)
        async with running(server) as port, polling(port, [poller]):
            await asyncio.sleep(0.3)
        return server

    server = run_async(run())
    assert server.connections == 2
    assert server.requests > 3


def test_innermost_error_unwraps_exception_groups():
    inner = UnexpectedAnswer("why")
    assert innermost_error(ExceptionGroup("a", [ExceptionGroup("b", [inner])])) is inner
    assert innermost_error(inner) is inner
