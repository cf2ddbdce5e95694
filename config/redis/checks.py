"""Whether the databases that REDIS_URL and CACHE_URL name exist on their servers.

Without this check a missing one would only show as a Redis that is always away.
"""

import threading
from typing import Any

from django.conf import settings
from django.core import checks
from django_redis import get_redis_connection
from redis.exceptions import RedisError, ResponseError

from config.redis.addresses import database_number

# Resolving a host name can take long without a network; the check does not wait for it.
TIMEOUT_SECONDS = 2.0


def check_databases(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Registered with ``manage.py check``, so it also runs before most commands."""
    return [checks.Error(problem, id="rollcall.E001") for problem in database_problems()]


def database_problems() -> list[str]:
    """One line for each database that its server refuses. A server that does not answer is no problem here."""
    found: list[str] = []
    probe = threading.Thread(target=lambda: found.extend(_probe()), daemon=True)
    probe.start()
    probe.join(TIMEOUT_SECONDS)
    return found


def _probe() -> list[str]:
    used_by = {"live": ("the live counts", "REDIS_URL"), "default": ("the cache", "CACHE_URL")}
    problems = []
    for alias, (purpose, variable) in used_by.items():
        refusal = _refusal(alias)
        if refusal:
            number = database_number(getattr(settings, variable))
            problems.append(
                f"Redis refuses database {number} for {purpose} ({refusal}): allow more with the server's `databases`"
                f" setting, or give another address in {variable}."
            )
    return problems


def _refusal(alias: str) -> str:
    """The server's words if it refuses to select the database, else empty."""
    client = get_redis_connection(alias)
    try:
        # Connecting selects the database. A Cluster has only one, which needs no selecting.
        if hasattr(client, "ping"):
            client.ping()
    except ResponseError as error:
        # "DB index is out of range", "SELECT is not allowed in cluster mode"
        words = str(error)
        return words if "DB index" in words or "SELECT" in words.upper() else ""
    except (RedisError, OSError):
        return ""
    return ""
