"""``manage.py check --deploy``: a Redis that would lose the live sets without a word."""

import threading
from typing import Any

from django.core import checks

from attendance import stats

# The name of a server may take long to resolve where there is no network; a check need not wait for it.
PATIENCE_SECONDS = 2.0


def register() -> None:
    checks.register(check_redis, "redis", deploy=True)


def check_redis(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Warn of a Redis that evicts keys or keeps nothing on disk.

    One that does not answer is no fault of the configuration: the check may run where the server can't be reached.
    """
    found: list[str] = []
    asker = threading.Thread(target=lambda: found.extend(stats.server_warnings()), daemon=True)
    asker.start()
    asker.join(PATIENCE_SECONDS)
    return [checks.Warning(warning, id="rollcall.W001") for warning in found]
