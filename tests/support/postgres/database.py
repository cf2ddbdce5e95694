"""What the database holds, what waits in it, how to take it away, and one in the state before a migration."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.db import OperationalError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from attendance.models import AttendanceRecord, RecordChange
from config import embedded
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
def database_away() -> Iterator[None]:
    """Break every connection and refuse new ones, as a slow restart of PostgreSQL does."""
    name = connection.settings_dict["NAME"]
    allow = f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS'
    with psycopg.connect(embedded.database_url(settings.DATA_DIR), autocommit=True) as other:
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


# Migrations, with their apps.
Targets = Sequence[tuple[str, str]]


@contextmanager
def database_at(targets: Targets) -> Iterator[None]:
    """Use a new database with these migrations, and those that they depend on, as the default one of this thread."""
    own = connections["default"]
    name = f"{own.settings_dict['NAME']}_migrations"
    with psycopg.connect(embedded.database_url(settings.DATA_DIR), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}"')
        settings_dict = copy.deepcopy(own.settings_dict) | {"NAME": name}
        del settings_dict["OPTIONS"]["pool"]
        connections["default"] = type(own)(settings_dict)
        try:
            migrate_to(targets)
            yield
        finally:
            connections["default"].close()
            connections["default"] = own
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def migrate_to(targets: Targets) -> None:
    executor = MigrationExecutor(connections["default"])
    executor.migrate(list(targets))
