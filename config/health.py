"""What a load balancer and a person on call ask: does the process live, can it serve."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from attendance import stats


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is looked at, so a lost database does not get it restarted."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether attendance can be taken: 503 without PostgreSQL.

    Without Redis every mark still counts (from the database), so that is 200 and "degraded".
    """
    parts = {"database": _database_answers(), "redis": stats.redis_answers()}
    missing = [name for name, answers in parts.items() if not answers]
    body = {"status": "degraded" if missing else "ok", **parts, "missing": missing}
    return JsonResponse(body, status=200 if parts["database"] else 503)


def _database_answers() -> bool:
    # A connection of its own: the pool would let this request wait for its turn and then for 10 s.
    probe = connection.copy()
    probe.settings_dict["OPTIONS"] |= {"pool": False, "connect_timeout": 2}
    try:
        with probe.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    finally:
        probe.close()
    return True
