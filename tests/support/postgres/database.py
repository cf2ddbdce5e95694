"""What the database holds, what waits in it, how to take it away, and one in the state before a migration."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

import psutil
import psycopg
from django.conf import settings
from django.db import OperationalError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from attendance.models import AttendanceRecord, RecordChange
from config import embedded
from config.embedded.postgres import Postgres
from qrsessions.models import QRSession, RefusedScan, UsedNonce
from tests.support.waiting import wait_until


def everything_written() -> list[Any]:
    """All rows that joins and marks can write, to be compared before and after a refusal."""
    return [
        sorted(model.objects.values_list(), key=str)
        for model in (AttendanceRecord, RecordChange, RefusedScan, QRSession, UsedNonce)
    ]


def a_backend_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def end_own_backend() -> None:
    """Break the open connection, as a restart of PostgreSQL does."""
    connection.ensure_connection()
    with psycopg.connect(embedded.database_url(settings.DATA_DIR), autocommit=True) as other:
        pid = connection.connection.info.backend_pid
        assert other.execute("SELECT pg_terminate_backend(%s, 30000)", [pid]).fetchone() == (True,)


@contextmanager
def database_away(*, waits_seconds: float = 0.2) -> Iterator[None]:
    """Break every connection and refuse new ones, as a slow restart of PostgreSQL does.

    :param waits_seconds: how long a request waits for a connection, which it will not get
    """
    name = connection.settings_dict["NAME"]
    allow = f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS'
    with (
        psycopg.connect(embedded.database_url(settings.DATA_DIR), autocommit=True) as other,
        patch.object(connection.pool, "timeout", waits_seconds),  # type: ignore[attr-defined]  # PostgreSQL's wrapper only
    ):
        other.execute(f"{allow} false")
        other.execute(
            "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        try:
            yield
        finally:
            other.execute(f"{allow} true")
            # The pool reconnects at growing intervals.
            wait_until(_database_answers, seconds=60)


def _database_answers() -> bool:
    try:
        connection.close()
        connection.ensure_connection()
    except OperationalError:
        return False
    return True


@contextmanager
def database_hanging() -> Iterator[None]:
    """Stop PostgreSQL with SIGSTOP: it accepts connections and answers nothing."""
    server = Postgres(settings.DATA_DIR)
    main = server.main_pid()
    stopped: list[psutil.Process] = []
    try:
        # The main process first, so that it starts no other meanwhile.
        for process in sorted(server.processes(), key=lambda process: process.pid != main):
            with suppress(psutil.NoSuchProcess):
                process.suspend()
                stopped.append(process)
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()


# Migrations, with their apps.
Targets = Sequence[tuple[str, str]]

# Empty databases that ``database_at`` copies, by the migrations that they have.
_templates: dict[frozenset[tuple[str, str]], str] = {}


@contextmanager
def database_at(targets: Targets) -> Iterator[None]:
    """Use a new database with these migrations, and those that they depend on, as the default one of this thread."""
    name = _create("migrations", template=_template_at(targets))
    try:
        with _default_database(name):
            yield
    finally:
        _drop(name)


def migrate_to(targets: Targets) -> None:
    executor = MigrationExecutor(connections["default"])
    executor.migrate(list(targets))


def drop_templates() -> None:
    """Drop what ``database_at`` keeps for the next test."""
    while _templates:
        _drop(_templates.popitem()[1])


def _template_at(targets: Targets) -> str:
    graph = MigrationLoader(None).graph
    wanted = frozenset(needed for target in targets for needed in graph.forwards_plan(target))
    if wanted not in _templates:
        # Only the migrations that the nearest one lacks are run.
        nearest = max((made for made in _templates if made < wanted), key=len, default=None)
        name = _create(
            f"template_{len(_templates)}", template=_templates[nearest] if nearest else "template1"
        )
        with _default_database(name):
            migrate_to(targets)
        _templates[wanted] = name
    return _templates[wanted]


@contextmanager
def _default_database(name: str) -> Iterator[None]:
    own = connections["default"]
    settings_dict = copy.deepcopy(own.settings_dict) | {"NAME": name}
    del settings_dict["OPTIONS"]["pool"]
    connections["default"] = type(own)(settings_dict)
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = own


def _create(purpose: str, *, template: str) -> str:
    name = f"{connections['default'].settings_dict['NAME']}_{purpose}"
    _drop(name)
    _on_server(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return name


def _drop(name: str) -> None:
    _on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _on_server(statement: str) -> None:
    with psycopg.connect(embedded.database_url(settings.DATA_DIR), autocommit=True) as server:
        server.execute(statement)
