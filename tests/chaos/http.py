"""A small HTTP client, cheap enough that hundreds of phones leave the machine to the server."""

import asyncio
import json
from typing import Any

ANSWER_SECONDS = 20.0


class NoAnswer(Exception):
    """There was no answer, so the outcome of the request is unknown. The message says why."""


class Client:
    """Sends requests to one server with one API token. Reconnects when needed."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._head = (
            f"Host: 127.0.0.1:{port}\r\nAuthorization: Token {token}\r\nContent-Type: application/json\r\n"
        )
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Send a request and return the status and JSON of the answer.

        :raises NoAnswer: if there was none
        """
        content = json.dumps(body).encode() if body is not None else b""
        request = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(content)}\r\n\r\n".encode()
        connected = True
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if self._streams is None:
                    connected = False
                    self._streams = await asyncio.open_connection("127.0.0.1", self._port)
                    connected = True
                reader, writer = self._streams
                writer.write(request + content)
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = int(head.partition("content-length:")[2].partition("\r\n")[0])
                answer = await reader.readexactly(length)
        except TimeoutError as error:
            self.close()
            raise NoAnswer("no answer") from error
        except (OSError, EOFError) as error:
            self.close()
            raise NoAnswer("connection broke" if connected else "connection refused") from error
        except ValueError as error:
            self.close()
            raise NoAnswer("unreadable answer") from error
        except BaseException:
            self.close()
            raise
        status = int(head.split(" ", 2)[1])
        return status, json.loads(answer) if b"{" in answer[:1] else {}

    def close(self) -> None:
        """Close the connection without waiting, because a killed server never confirms it."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
