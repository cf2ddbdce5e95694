"""What in the configuration of the Redis server would lose the live sets without a word."""

from typing import Any

from redis.exceptions import RedisError

from attendance.stats.live_redis import breaker, each_server

EVICTS = (
    "maxmemory-policy is {policy}: under memory pressure Redis would drop live sets. Set it to noeviction, and give"
    " the cache a server of its own."
)
FORGETS = "Redis keeps nothing on disk (appendonly no, no save): a restart loses every live set at once. Set appendonly yes."


def server_warnings() -> list[str]:
    """What to change at the Redis server; nothing where it is away or does not tell (ACLs, managed services)."""
    if breaker.is_open:
        return []
    warnings: list[str] = []
    try:
        for server in each_server():
            warnings += _warnings_of(server.config_get("maxmemory*", "appendonly", "save"))
    except (RedisError, OSError):
        return []
    return sorted(set(warnings))


def _warnings_of(told: dict[str, Any]) -> list[str]:
    warnings = []
    policy = told.get("maxmemory-policy", "noeviction")
    if told.get("maxmemory", "0") != "0" and policy != "noeviction":
        warnings.append(EVICTS.format(policy=policy))
    if told.get("appendonly") == "no" and told.get("save") == "":
        warnings.append(FORGETS)
    return warnings
