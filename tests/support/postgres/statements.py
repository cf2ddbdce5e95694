"""Counts every statement that is sent to PostgreSQL, also those of ``prepared_sql``, which Django does not count."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg

NOT_QUERIES = ("", "BEGIN", "COMMIT", "SET plan_cache_mode = force_generic_plan")


@contextmanager
def statements_sent() -> Iterator[list[str]]:
    """The statements that are sent while the block runs, in all threads of this process."""
    sent: list[str] = []
    execute = psycopg.Cursor.execute

    def noted(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        if str(query) not in NOT_QUERIES:
            sent.append(str(query))
        return execute(self, query, *args, **options)

    with patch.object(psycopg.Cursor, "execute", noted):
        yield sent
