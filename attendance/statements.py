"""SQL written by hand that PostgreSQL prepares once for each connection: for what a whole hall does at once.

Such a statement takes any number of rows in arrays (``= ANY(%(students)s)``), so that its text is always the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.db.models import Model

# Calls; but these statements are prepared with the first one.
PREPARED_AFTER = 5


def run(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows that it gives; inside the transaction of Django's connection, if there is one.

    :raises django.db.Error: as a query of Django's would
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        if settings.DATABASE_PREPARES and cursor.connection.prepare_threshold is None:
            # Django's way to say that nothing is ever prepared.
            cursor.connection.prepare_threshold = PREPARED_AFTER
            # To plan such a statement takes longer than to run it, and PostgreSQL would do so each time.
            cursor.execute("SET plan_cache_mode = force_generic_plan")
        cursor.execute(statement, values, prepare=True)
        return cursor.fetchall() if cursor.description else []


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
