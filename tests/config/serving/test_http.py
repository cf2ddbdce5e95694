"""The server's interface: request bodies, headers, files and full pools, as the application sees them."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from config.serving import http as server
from config.serving.request_pools import RequestPool, make_pools


class Scope:
    http_version, scheme, server, client = "1.1", "http", "127.0.0.1:8000", "[::1]:5000"

    def __init__(
        self, method: str, path: str, headers: Iterable[tuple[str, str]] = (), query: str = ""
    ) -> None:
        self.method, self.path, self.query_string = method, path, query
        self.headers = dict(headers)


class Protocol:
    """The client's side: the chunks of a body, and what was answered."""

    def __init__(self, *chunks: bytes, delay: float = 0) -> None:
        self.chunks, self.delay = chunks, delay
        self.status = 0
        self.headers: dict[str, str] = {}
        self.content: bytes | str = b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            await asyncio.sleep(self.delay)
            yield chunk

    def response_bytes(self, status: int, headers: list[tuple[str, str]], content: bytes | str) -> None:
        self.status, self.headers, self.content = status, dict(headers), content

    response_file = response_bytes

    @property
    def code(self) -> str:
        code: str = json.loads(self.content)["code"]
        return code


@pytest.fixture
def seen(monkeypatch) -> list[dict[str, Any]]:
    """The environments that the application was called with. It answers with the body."""
    environments: list[dict[str, Any]] = []

    def application(environ, start_response):
        environments.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Body([environ["wsgi.input"].read()])

    monkeypatch.setattr(server, "wsgi_application", application)
    return environments


class Body(list):  # type: ignore[type-arg]
    def close(self) -> None:
        pass


def ask(scope: Scope, protocol: Protocol) -> Protocol:
    asyncio.run(server.Application().__rsgi__(scope, protocol))
    return protocol


def test_environment_is_that_of_wsgi(seen):
    headers = [("host", "example.edu"), ("content-type", "a/b"), ("x-forwarded-for", "1.2.3.4")]

    ask(Scope("GET", "/q/ü", [*headers, ("x_forwarded_for", "6.6.6.6")], query="a=✓"), Protocol())

    (environ,) = seen
    assert {key: environ[key] for key in environ if not key.startswith("wsgi.")} == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/q/ü".encode().decode("latin-1"),
        "QUERY_STRING": "a=✓".encode().decode("latin-1"),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "::1",
        "CONTENT_TYPE": "a/b",
        "CONTENT_LENGTH": "0",
        "HTTP_HOST": "example.edu",
        # The one with underscores, which a proxy does not check, is dropped.
        "HTTP_X_FORWARDED_FOR": "1.2.3.4",
    }


def test_body_arrives_whole(seen):
    answer = ask(Scope("POST", "/", [("content-length", "6")]), Protocol(b"abc", b"def"))

    assert (answer.status, answer.content) == (200, b"abcdef")
    assert seen[0]["CONTENT_LENGTH"] == "6"


@pytest.mark.parametrize(
    ("headers", "chunks", "status", "code"),
    [
        ({"content-length": str(server.MAX_BODY_BYTES + 1)}, [], 413, "too_large"),
        (
            {"transfer-encoding": "chunked", "content-type": "application/json"},
            [b"x" * server.MAX_BODY_BYTES, b"x"],
            413,
            "too_large",
        ),
        # Half of a form would be taken for a whole one.
        ({"transfer-encoding": "chunked"}, [b"students=1&stu"], 411, "length_required"),
        ({"content-length": "-1"}, [], 400, "malformed"),
        ({"content-length": "10"}, [b"half"], 400, "malformed"),
    ],
)
def test_bad_body_never_reaches_the_application(seen, headers, chunks, status, code):
    answer = ask(Scope("POST", "/healthz", headers.items()), Protocol(*chunks))

    assert (answer.status, answer.code, answer.headers["Connection"]) == (status, code, "close")
    assert seen == []


def test_slow_body_is_given_up(seen, monkeypatch):
    monkeypatch.setattr(server, "BODY_SECONDS", 0.05)

    answer = ask(Scope("POST", "/", [("content-length", "2")]), Protocol(b"a", b"b", delay=30))

    assert (answer.status, answer.code) == (408, "too_slow")
    assert seen == []


def test_file_is_sent_by_its_path_and_closed(monkeypatch, tmp_path: Path):
    path = tmp_path / "decoder.wasm"
    path.write_bytes(b"decoder")
    opened = []

    def application(environ, start_response):
        start_response("200 OK", [])
        opened.append(path.open("rb"))
        return environ["wsgi.file_wrapper"](opened[0], 4096)

    monkeypatch.setattr(server, "wsgi_application", application)
    answer = ask(Scope("GET", "/static/decoder.wasm"), Protocol())

    assert answer.content == str(path)
    assert opened[0].closed


def test_streamed_answer_is_read_whole_and_closed_before_it_is_sent(monkeypatch):
    """So a client that stops reading holds its bytes, and neither a thread nor a database connection."""
    steps = []

    class Streamed:
        def __iter__(self):
            for part in (b"name\r\n", b"Asha\r\n"):
                steps.append("part")
                yield part

        def close(self):
            steps.append("close")

    def application(environ, start_response):
        start_response("200 OK", [])
        return Streamed()

    monkeypatch.setattr(server, "wsgi_application", application)
    answer = ask(Scope("GET", "/api/v1/sections/17/register.csv"), Protocol())

    assert answer.content == b"name\r\nAsha\r\n"
    assert steps == ["part", "part", "close"]


def test_full_pool_answers_a_program_429_at_once(seen, monkeypatch):
    monkeypatch.setattr(server, "make_pools", lambda: [RequestPool("none", 1, -1)])

    answer = ask(Scope("POST", "/api/v1/auth/token/"), Protocol())

    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (429, "busy", "2")
    assert seen == []


@pytest.mark.parametrize(
    ("method", "language", "text"),
    [
        ("GET", "en", "Reload this page"),
        ("POST", "en", "go back and send it again"),
        ("POST", "xx", "go back"),
    ],
)
def test_full_pool_answers_a_browser_with_a_page(seen, monkeypatch, method, language, text):
    monkeypatch.setattr(server, "make_pools", lambda: [RequestPool("none", 1, -1)])

    answer = ask(Scope(method, "/accounts/login/", [("accept-language", language)]), Protocol())

    assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert isinstance(answer.content, bytes)
    assert text in answer.content.decode()
    assert seen == []


def test_pool_runs_some_lets_some_wait_and_refuses_the_rest():
    pool, may_end = RequestPool("test", running=2, waiting=3), threading.Event()

    futures = [pool.submit(may_end.wait, 30) for _ in range(7)]
    refused = [future is None for future in futures]
    may_end.set()

    assert refused == [False] * 5 + [True] * 2
    assert all(future.result(30) for future in futures if future)
    # A place is free again.
    later = pool.submit(int, 1)
    assert later is not None
    assert later.result(30) == 1


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/api/v1/mark/", "marks"),
        ("POST", "/api/v1/sessions/7GK2QM9X/join/", "marks"),
        ("POST", "/api/v1/group-sessions/G7GK2QM9/join/", "marks"),
        ("GET", "/A/7GK2QM9X0123456789AB", "marks"),
        ("GET", "/api/v1/me/session/", "polls"),
        ("POST", "/api/v1/auth/token/", "tokens"),
        ("POST", "/accounts/login/", "passwords"),
        ("GET", "/accounts/login/", "pages"),
        ("POST", "/accounts/password/reset/key/1-set-password/", "passwords"),
        ("POST", "/accounts/password/change/", "passwords"),
        ("POST", "/accounts/reauthenticate/", "passwords"),
        # Whoever has no password to guess must not wait behind those who do.
        ("POST", "/accounts/login/code/", "pages"),
        ("POST", "/accounts/login/code/confirm/", "pages"),
        ("GET", "/api/v1/sessions/7GK2QM9X/stats/", "dashboards"),
        ("GET", "/api/v1/sections/17/register.pdf", "files"),
        ("GET", "/api/v1/sections/17/marks.csv", "files"),
        ("GET", "/api/v1/registers.zip", "files"),
        ("GET", "/teach/sections/17/register/files/download/", "files"),
        ("GET", "/teach/sections/17/register/files/", "pages"),
        ("GET", "/api/v1/sections/17/register/", "pages"),
        ("GET", "/healthz", "health"),
        ("GET", "/readyz", "health"),
    ],
)
def test_each_kind_of_request_has_its_pool(method, path, name):
    assert next(pool.name for pool in make_pools() if pool.takes(method, path)) == name
