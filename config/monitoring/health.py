"""Health endpoints: is the process alive, and can it take attendance?"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from attendance import stats
from config import mail

TIMEOUT_SECONDS = 2


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process is alive. Nothing else is checked, so that a lost database does not get it restarted."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether attendance can be taken: 503 without PostgreSQL.

    Without Redis every mark still counts (from the database), so the answer is 200 and "degraded". ``warnings`` list
    Redis settings that could lose the live sets, and a missing mail server.
    """
    parts = {"database": _database_answers(), "redis": stats.redis_answers()}
    missing = [name for name, answers in parts.items() if not answers]
    warnings = (stats.server_warnings() if parts["redis"] else []) + mail.warnings()
    body = {"status": "degraded" if missing else "ok", **parts, "missing": missing, "warnings": warnings}
    return JsonResponse(body, status=200 if parts["database"] else 503)


@contextmanager
def probing_cursor() -> Iterator[CursorWrapper]:
    """A cursor on a separate connection with short time-outs.

    The pool could make this request queue and then wait for 5 s.

    :raises DatabaseError: if PostgreSQL is away
    """
    probe: BaseDatabaseWrapper = connection.copy()
    probe.settings_dict["OPTIONS"] |= {
        "pool": False,
        "connect_timeout": TIMEOUT_SECONDS,
        "options": f"-c statement_timeout={TIMEOUT_SECONDS * 1000}",
    }
    try:
        with probe.cursor() as cursor:
            yield cursor
    finally:
        probe.close()


def _database_answers() -> bool:
    try:
        with probing_cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True
