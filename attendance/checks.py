"""``manage.py check --deploy`` warns of Redis settings that could lose the live sets."""

import threading
from typing import Any

from django.core import checks

from attendance import stats

# Resolving a host name may take long without a network; the check does not wait for it.
TIMEOUT_SECONDS = 2.0


def register() -> None:
    checks.register(check_redis, "redis", deploy=True)


def check_redis(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Warn if Redis evicts keys or does not persist them.

    A server that does not answer gives no warning: the check may run on a machine that cannot reach it.
    """
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(stats.server_warnings()), daemon=True)
    thread.start()
    thread.join(TIMEOUT_SECONDS)
    return [checks.Warning(warning, id="rollcall.W001") for warning in found]
