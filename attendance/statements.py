"""SQL written by hand that PostgreSQL prepares once for each connection: for what a whole hall does at once.

Such a statement takes any number of rows, in arrays (``= ANY(%(students)s)``) or as JSON (``json_to_recordset(%(rows)s)``,
see ``rows``), so that its text is always the same.
"""

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.db.models import Model
from psycopg.pq import TransactionStatus

# Calls; but these statements are prepared with the first one.
PREPARED_AFTER = 5

Row = tuple[Any, ...]

_ROWS = json.JSONEncoder(default=datetime.datetime.isoformat, separators=(",", ":"))


def run(statement: str, values: Mapping[str, Any]) -> list[Row]:
    """The rows that it gives; inside the transaction of Django's connection, if there is one.

    :raises django.db.Error: as a query of Django's would
    """
    with _preparing() as using:
        return _rows_of(psycopg.Cursor(using).execute(statement, values, prepare=True))


def run_all(*statements: tuple[str, Mapping[str, Any]]) -> list[list[Row]]:
    """The rows of each of them, in one round trip, with the beginning of the transaction where they are the first of one.

    They run one after the other: each sees what was committed before it. Each must give rows, be it none.

    :raises django.db.Error: as a query of Django's would
    """
    return _run_in_one_trip(statements)


def run_and_commit(statement: str, values: Mapping[str, Any]) -> list[Row]:
    """The rows that it gives, and the end of the transaction, in one round trip.

    To be the last that is done in the block of the outermost ``atomic``: that finds nothing left to commit then, and calls
    what waited for it. In a block inside another one it is as ``run``, and the outer one commits.

    :raises django.db.Error: as a query of Django's, or its commit, would
    """
    if not connection.in_atomic_block or connection.savepoint_ids or connection.needs_rollback:
        return run(statement, values)
    (found,) = _run_in_one_trip([(statement, values)], commits=True)
    return found


def _run_in_one_trip(
    statements: Sequence[tuple[str, Mapping[str, Any]]], *, commits: bool = False
) -> list[list[Row]]:
    with _preparing() as using:
        begins = not using.autocommit and using.info.transaction_status == TransactionStatus.IDLE
        if begins:
            # Else psycopg would send BEGIN by itself and wait for its answer. Commit and rollback do not ask for this.
            using.autocommit = True
        with using.pipeline():
            if begins:
                using.execute("BEGIN")
            cursors = [
                psycopg.Cursor(using).execute(statement, values, prepare=True)
                for statement, values in statements
            ]
            if commits:
                using.execute("COMMIT")
        # After the end, which waits for all of them: to fetch before it would be a round trip of its own.
        return [cursor.fetchall() for cursor in cursors]


def _rows_of(cursor: "psycopg.Cursor[Row]") -> list[Row]:
    # ``description``, which would tell as well, makes an object for each column.
    return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []


def rows(values: Sequence[Mapping[str, Any]]) -> str:
    """Rows by the names of their columns, for ``json_to_recordset``."""
    return _ROWS.encode(values)


@contextmanager
def _preparing() -> Iterator["psycopg.Connection[Row]"]:
    connection.ensure_connection()
    with connection.wrap_database_errors:
        using: psycopg.Connection[Row] = connection.connection
        if settings.DATABASE_PREPARES and using.prepare_threshold is None:
            # Django's way to say that nothing is ever prepared.
            using.prepare_threshold = PREPARED_AFTER
            # To plan such a statement takes longer than to run it, and PostgreSQL would do so each time.
            using.execute("SET plan_cache_mode = force_generic_plan")
        yield using


class Read:
    """What a statement reads: ``SELECT {read.columns} FROM …``, where each model's table has the name given here."""

    def __init__(self, **models: type[Model]) -> None:
        self._parts = []
        start = 0
        for model in models.values():
            fields = model._meta.concrete_fields
            names = [field.attname for field in fields]
            # Missing in an outer join where this is null.
            key = start + next(
                (place for place, field in enumerate(fields) if field.primary_key or not field.null), 0
            )
            self._parts.append((model, names, slice(start, start + len(fields)), key))
            start += len(fields)
        self.columns = ", ".join(
            f"{name}.{field.column}"
            for name, model in models.items()
            for field in model._meta.concrete_fields
        )

    def instances(self, row: Sequence[Any]) -> list[Any]:
        """An instance of each model; None for one that an outer join did not find."""
        return [
            None if row[key] is None else model.from_db("default", names, row[part])
            for model, names, part, key in self._parts
        ]
