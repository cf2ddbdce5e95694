"""SQL that PostgreSQL plans once for each connection: for what a whole hall does at once.

Planning such a statement takes longer than running it. Its text must always be the same, so it takes any number of
values as arrays (``= ANY(%(students)s)``) or rows as JSON (``json_to_recordset(%(rows)s)``, see ``rows``).
"""

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.db.models import Model

# Other statements of the connection are prepared when they are run for the sixth time, as psycopg does by default.
PREPARE_THRESHOLD = 5

Row = tuple[Any, ...]

_ENCODER = json.JSONEncoder(default=datetime.datetime.isoformat, separators=(",", ":"))


def run(statement: str, values: Mapping[str, Any]) -> list[Row]:
    """Run the statement on Django's connection, inside its transaction if there is one, and return its rows.

    :raises django.db.Error: as a Django query would
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        psycopg_connection: psycopg.Connection[Row] = connection.connection
        if settings.DATABASE_PREPARES and psycopg_connection.prepare_threshold is None:
            # Django turns prepared statements off by setting None.
            psycopg_connection.prepare_threshold = PREPARE_THRESHOLD
            # Without this, PostgreSQL plans a prepared statement again for each set of values.
            psycopg_connection.execute("SET plan_cache_mode = force_generic_plan")
        cursor = psycopg.Cursor(psycopg_connection).execute(statement, values, prepare=True)
        return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []


def rows(values: Sequence[Mapping[str, Any]]) -> str:
    """Rows by the names of their columns, for ``json_to_recordset``."""
    return _ENCODER.encode(values)


class Columns:
    """The columns of several models in a hand-written SELECT, and the instances made from its rows.

    ``Columns(session=QRSession)`` selects from a table that the statement calls ``session``.
    """

    def __init__(self, **models: type[Model]) -> None:
        self.sql = ", ".join(
            f"{alias}.{field.column}"
            for alias, model in models.items()
            for field in model._meta.concrete_fields
        )
        self.count = sum(len(model._meta.concrete_fields) for model in models.values())
        self._parts: list[tuple[type[Model], list[str], slice, int]] = []
        start = 0
        for model in models.values():
            fields = model._meta.concrete_fields
            # NULL here if an outer join found no row.
            required = next((i for i, field in enumerate(fields) if field.primary_key or not field.null), 0)
            part = slice(start, start + len(fields))
            self._parts.append((model, [field.attname for field in fields], part, start + required))
            start += len(fields)

    def instances(self, row: Sequence[Any]) -> Iterable[Any]:
        """One instance for each model; None where an outer join found no row."""
        return [
            None if row[required] is None else model.from_db("default", names, row[part])
            for model, names, part, required in self._parts
        ]
