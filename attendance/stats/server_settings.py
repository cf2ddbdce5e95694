"""Redis server settings under which the live sets could be lost unnoticed."""

from typing import Any

from redis.exceptions import RedisError

from attendance.stats.connection import breaker, each_server

EVICTS = (
    "maxmemory-policy is {policy}: under memory pressure Redis would drop live sets. Set it to noeviction, and give"
    " the cache a server of its own."
)
FORGETS = "Redis keeps nothing on disk (appendonly no, no save): a restart loses every live set at once. Set appendonly yes."


def server_warnings() -> list[str]:
    """Settings to change; none if Redis is away or does not show its settings (ACLs, managed services)."""
    if breaker.is_open:
        return []
    warnings: list[str] = []
    try:
        for server in each_server():
            warnings += _warnings_of(server.config_get("maxmemory*", "appendonly", "save"))
    except (RedisError, OSError):
        return []
    return sorted(set(warnings))


def _warnings_of(config: dict[str, Any]) -> list[str]:
    warnings = []
    policy = config.get("maxmemory-policy", "noeviction")
    if config.get("maxmemory", "0") != "0" and policy != "noeviction":
        warnings.append(EVICTS.format(policy=policy))
    if config.get("appendonly") == "no" and config.get("save") == "":
        warnings.append(FORGETS)
    return warnings
