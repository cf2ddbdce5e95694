"""Calls of the site inside this process: to count what a request asks for, and to profile."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import psycopg
from psycopg.pq import PipelineStatus
from redis.connection import AbstractConnection

from bench.asking import Request
from bench.load import Unexpected

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

    :raises Unexpected: if the answer is an error
    """
    from config.answering import Answering  # noqa: PLC0415 - the settings first
    from config.event_loop import finish  # noqa: PLC0415

    environ = request.environ()
    answering = Answering.of(environ)
    if answering:
        finish(answering)
        assert answering.content is not None  # noqa: S101 - it is finished
        status, headers, body = answering.content.status, answering.headers(), answering.content.content
    else:
        status, headers, body = _call_handler(environ)
    if status >= 400:
        raise Unexpected(f"{status} to {request.method} {request.path}: {body[:300]!r}")
    return status, {name.lower(): value for name, value in headers}, body


def _call_handler(environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
    from config.wsgi import application  # noqa: PLC0415 - the settings first

    told: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
        told.extend((int(status[:3]), headers))

    answer = application(environ, start_response)
    body = b"".join(answer)
    answer.close()
    return told[0], told[1], body


def _in_pipeline(connection: psycopg.Connection[Any]) -> bool:
    return connection.info.pipeline_status != PipelineStatus.OFF


@contextmanager
def counting() -> Iterator[Asked]:
    """Count while the block runs, in every thread of this process."""
    asked = Asked()
    execute, command = psycopg.Cursor.execute, psycopg.Connection._exec_command
    leave_pipeline = psycopg.Pipeline.__exit__
    send = AbstractConnection.send_packed_command

    def counted_execute(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        asked.postgres_trips += not _in_pipeline(self.connection)
        # The pool's question is an empty query.
        asked.queries += bool(query) and query not in ENDS
        began = time.perf_counter()
        try:
            return execute(self, query, *args, **options)
        finally:
            asked.query_seconds += time.perf_counter() - began

    def counted_command(self: Any, *args: Any, **options: Any) -> Any:
        asked.postgres_trips += not _in_pipeline(self)
        return command(self, *args, **options)

    def counted_pipeline(self: Any, *args: Any) -> Any:
        asked.postgres_trips += 1
        return leave_pipeline(self, *args)

    def counted_send(self: Any, *args: Any, **options: Any) -> Any:
        asked.redis_trips += 1
        return send(self, *args, **options)

    with (
        patch.object(psycopg.Cursor, "execute", counted_execute),
        patch.object(psycopg.Connection, "_exec_command", counted_command),
        patch.object(psycopg.Pipeline, "__exit__", counted_pipeline),
        patch.object(AbstractConnection, "send_packed_command", counted_send),
    ):
        yield asked
