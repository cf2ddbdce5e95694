"""Emptying the tables after a test that commits, in 3 ms instead of 200.

Django truncates every table and then recreates all permissions. Most tables hold a few rows or none, for which
DELETE is far cheaper. Content types and permissions are the same for every test and stay. The institution's rule comes back.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from unittest.mock import patch

from django.core.management.commands import flush
from django.db.backends.postgresql.operations import DatabaseOperations

KEPT = {"django_content_type", "auth_permission"}
RULES = "attendance_attendancerule"
# Every database has it: a migration made it.
_INSTITUTION = import_module("attendance.migrations.0030_fill_attendance_rules").INSTITUTION.strip()


@contextmanager
def fast_flush() -> Iterator[None]:
    with (
        patch.object(DatabaseOperations, "sql_flush", _delete_all),
        patch.object(flush, "emit_post_migrate_signal", lambda *args, **options: None),
    ):
        yield


def _delete_all(
    operations: DatabaseOperations, _style: Any, tables: Sequence[str], **_options: Any
) -> list[str]:
    names = [operations.quote_name(table) for table in sorted(set(tables) - KEPT)]
    if not names:
        return []
    statements = [
        # Wait for writers that a test left behind, as TRUNCATE does. Readers do not matter.
        f"LOCK TABLE {', '.join(names)} IN SHARE ROW EXCLUSIVE MODE",
        # Without foreign keys and triggers, in any order. Everything goes, so nothing can be left inconsistent.
        "SET LOCAL session_replication_role = replica",
        *(f"DELETE FROM {name}" for name in names),
        *([_INSTITUTION] if RULES in tables else []),
    ]
    # Sent together: on a busy machine a round trip for each takes longer than the statements.
    return ["; ".join(statements)]
