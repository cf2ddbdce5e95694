"""The environment that Django reads is the one that granian itself makes for WSGI, but for what is said here."""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# What a WSGI server says of itself, and what differs between two servers and two connections.
OWN = {"GATEWAY_INTERFACE", "SERVER_SOFTWARE", "SERVER_PORT"}

REQUESTS = {
    "path and query that are not ASCII": (
        b"GET /a%20b/%C3%A9/x%2Fy?q=%20a+b&c=%C3%A9 HTTP/1.1\r\nHost: ex.org:8000\r\n"
    ),
    "header twice": b"GET / HTTP/1.1\r\nHost: ex.org\r\nX-One: 1\r\nx-one: 2\r\n",
    "body": b"POST /p HTTP/1.1\r\nHost: ex.org\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n",
    "empty body": b"POST /p HTTP/1.1\r\nHost: ex.org\r\nContent-Length: 0\r\n",
    "address of another host": b"GET http://other.org/abs?x HTTP/1.1\r\nHost: ex.org\r\n",
    "no host": b"GET / HTTP/1.0\r\n",
}


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """Of a server with each interface."""
    running = []
    free = []
    for interface in ("wsgi", "rsgi"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            free.append(probe.getsockname()[1])
        command = [sys.executable, "-m", "granian", f"tests.config.environ_dump:{interface}"]
        options = ["--interface", interface, "--port", str(free[-1]), "--no-ws", "--log-level", "error"]
        running.append(subprocess.Popen([*command, *options], cwd=Path(__file__).parents[2]))
    for port in free:
        _await(port)
    yield free[0], free[1]
    for process in running:
        process.terminate()
        process.wait(10)


def _await(port: int) -> None:
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")


def told(port: int, request: bytes) -> dict[str, Any]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        found: dict[str, Any] = json.loads(answer.read())
        return found


def known(environ: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in environ.items()
        if key not in OWN and (key.startswith(("HTTP_", "wsgi.")) or key in NAMES)
    }


NAMES = {
    "body", "CONTENT_LENGTH", "CONTENT_TYPE", "PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "REQUEST_METHOD", "SCRIPT_NAME",
    "SERVER_NAME",
}  # fmt: skip


@pytest.mark.parametrize("request_head", REQUESTS.values(), ids=REQUESTS.keys())
def test_environment_is_that_of_granians_wsgi(ports, request_head):
    body = b"\r\nabc" if b"Content-Length: 3" in request_head else b"\r\n"
    request = request_head + b"Connection: close\r\n" + body

    expected, ours = (known(told(port, request)) for port in ports)

    # WSGI may say an empty one, or none.
    assert ours.pop("HTTP_HOST", "") == expected.pop("HTTP_HOST", "")
    assert ours == expected
    assert ours["REQUEST_METHOD"]


def test_path_that_is_no_utf_8_is_one_that_nobody_has(ports):
    environ = told(ports[1], b"GET /a%FFb HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert environ["PATH_INFO"].encode("latin-1").decode() == "/a\N{REPLACEMENT CHARACTER}b"


def test_cookies_of_several_headers_are_one(ports):
    environ = told(
        ports[1], b"GET / HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\nCookie: c=d\r\nConnection: close\r\n\r\n"
    )

    assert environ["HTTP_COOKIE"] == "a=b; c=d"


def test_header_with_an_underscore_cannot_pass_for_one_of_the_proxy(ports):
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX_Forwarded_Proto: https\r\nX-Real: 1\r\nConnection: close\r\n\r\n"

    environ = told(ports[1], head)

    assert "HTTP_X_FORWARDED_PROTO" not in environ
    assert environ["HTTP_X_REAL"] == "1"


def test_body_in_chunks_has_a_length(ports):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"

    environ = told(ports[1], head + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")

    assert (environ["body"], environ["CONTENT_LENGTH"]) == ("hello world", "11")


def test_large_body_arrives_whole(ports):
    body = bytes(range(256)) * 20_000
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)

    assert told(ports[1], head + body)["body"] == body.decode("latin-1")
