"""Calls of the site inside this process: to count what a request asks for, and to profile."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import psycopg
from redis.connection import AbstractConnection

from bench.client.load import UnexpectedAnswer
from bench.client.requests import Request

# Of a transaction: no queries.
ENDS = ("BEGIN", "COMMIT")


@dataclass
class Asked:
    """What was sent to PostgreSQL and Redis.

    ``postgres_trips`` has beside the queries BEGIN, COMMIT, and the pool's question whether a connection still lives.
    """

    queries: int = 0
    postgres_trips: int = 0
    redis_trips: int = 0
    query_seconds: float = 0.0


def call(request: Request) -> tuple[int, dict[str, str], bytes]:
    """Answer as a web worker does in a thread; gives status, headers and body.

    :raises UnexpectedAnswer: if the answer is an error
    """
    from config.wsgi import application  # noqa: PLC0415 - the settings first

    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
        started.extend((int(status[:3]), headers))

    answer = application(request.environ(), start_response)
    body = b"".join(answer)
    answer.close()
    status, headers = started
    if status >= 400:
        raise UnexpectedAnswer(f"{status} to {request.method} {request.path}: {body[:300]!r}")
    return status, {name.lower(): value for name, value in headers}, body


@contextmanager
def counting() -> Iterator[Asked]:
    """Count while the block runs, in every thread of this process."""
    asked = Asked()
    execute, command = psycopg.Cursor.execute, psycopg.Connection._exec_command
    send = AbstractConnection.send_packed_command

    def counted_execute(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        asked.postgres_trips += 1
        # The pool's question is an empty query.
        asked.queries += bool(query) and query not in ENDS
        began = time.perf_counter()
        try:
            return execute(self, query, *args, **options)
        finally:
            asked.query_seconds += time.perf_counter() - began

    def counted_command(self: Any, *args: Any, **options: Any) -> Any:
        asked.postgres_trips += 1
        return command(self, *args, **options)

    def counted_send(self: Any, *args: Any, **options: Any) -> Any:
        asked.redis_trips += 1
        return send(self, *args, **options)

    with (
        patch.object(psycopg.Cursor, "execute", counted_execute),
        patch.object(psycopg.Connection, "_exec_command", counted_command),
        patch.object(AbstractConnection, "send_packed_command", counted_send),
    ):
        yield asked
