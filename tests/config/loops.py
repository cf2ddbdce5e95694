"""The server's side of RSGI, as far as the site sees it, and a loop to run the site on."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from config.event_loop import Application


class Headers:
    def __init__(self, **named: str) -> None:
        self._named = {name.lower().replace("_", "-"): value for name, value in named.items()}

    def items(self) -> list[tuple[str, str]]:
        return list(self._named.items())


class Scope:
    http_version, server, client, scheme, authority = "1.1", "127.0.0.1:8000", "127.0.0.1:5000", "http", None
    query_string = ""

    def __init__(self, method: str, path: str, **headers: str) -> None:
        self.method, self.path, self.headers = method, path, Headers(host="testserver", **headers)


class Stream:
    def __init__(self, protocol: "Protocol") -> None:
        self._protocol = protocol

    async def send_bytes(self, piece: bytes) -> None:
        self._protocol.pieces.append(piece)


class Protocol:
    """Keeps what is answered."""

    def __init__(self, body: bytes = b"") -> None:
        self._body = body
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []

    async def __call__(self) -> bytes:
        return self._body

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.pieces = status, dict(headers), [body]

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.response_bytes(status, headers, b"")

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Stream:
        self.status, self.headers = status, dict(headers)
        return Stream(self)

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def json(self) -> Any:
        return json.loads(self.body)


def on_a_loop(app: Application, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """In a thread of its own: Playwright keeps a loop in the first."""

    async def main() -> None:
        app.__rsgi_init__(asyncio.get_running_loop())
        await work()

    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - raised again in the test
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    if failed:
        raise failed[0]


def mark_with(headers: dict[str, str], token: str) -> tuple[Scope, Protocol]:
    body = json.dumps({"token": token}).encode()
    return Scope("POST", "/api/v1/mark/", **headers, content_length=str(len(body))), Protocol(body)
