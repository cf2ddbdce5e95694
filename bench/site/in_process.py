"""Calls the site inside this process, to count a request's queries and round trips, and to profile."""

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

# They make round trips, but are no queries.
NOT_QUERIES = ("BEGIN", "COMMIT")


@dataclass
class RoundTrips:
    """How often PostgreSQL and Redis were asked.

    ``postgres_trips`` also counts BEGIN, COMMIT, and the empty query with which the pool checks a connection.
    """

    queries: int = 0
    postgres_trips: int = 0
    redis_trips: int = 0
    query_seconds: float = 0.0


def call(request: Request) -> tuple[int, dict[str, str], bytes]:
    """Answer a request as a thread of a web process does. Returns status, headers and body.

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
def counting() -> Iterator[RoundTrips]:
    """Count while the block runs, in every thread of this process."""
    trips = RoundTrips()
    execute, command = psycopg.Cursor.execute, psycopg.Connection._exec_command
    send = AbstractConnection.send_packed_command

    def counted_execute(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        trips.postgres_trips += 1
        # The pool's check is empty.
        trips.queries += bool(query) and query not in NOT_QUERIES
        began = time.perf_counter()
        try:
            return execute(self, query, *args, **options)
        finally:
            trips.query_seconds += time.perf_counter() - began

    def counted_command(self: Any, *args: Any, **options: Any) -> Any:
        trips.postgres_trips += 1
        return command(self, *args, **options)

    def counted_send(self: Any, *args: Any, **options: Any) -> Any:
        trips.redis_trips += 1
        return send(self, *args, **options)

    with (
        patch.object(psycopg.Cursor, "execute", counted_execute),
        patch.object(psycopg.Connection, "_exec_command", counted_command),
        patch.object(AbstractConnection, "send_packed_command", counted_send),
    ):
        yield trips
