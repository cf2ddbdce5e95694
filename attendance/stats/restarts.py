"""Which Redis server this process talks to, so that one that restarted or took over is noticed.

A server that crashed, or a replica that took over, may have the sets and ``verified`` as they were seconds ago: they
look right and miss students. So ``verified`` names the server that it was written on, by its ``master_replid``, which
changes with every restart and every failover. A read does not trust ``verified`` of another server.

A crash or failover breaks all connections, so it is enough to ask for the id whenever one is opened. Where that does
not work, counts may miss students for up to 10 s: on a Cluster, because the keys of a session are on different nodes;
behind a proxy that keeps connections open during a failover; and if we may not read INFO.
"""

from typing import Any

from redis.exceptions import ResponseError

_seen: list[str] = []


def remember_server(connection: Any) -> None:
    """Open the connection and remember its server. redis-py calls this instead of ``on_connect``.

    :param connection: a ``redis.connection.Connection``, whose methods have no types
    :raises RedisError: if the server goes away
    """
    connection.on_connect()
    connection.send_command("INFO", "replication")
    try:
        info: bytes = connection.read_response(disable_decoding=True)
    except ResponseError:
        return  # no permission, or the command was renamed
    values = dict(line.split(b":", 1) for line in info.splitlines() if b":" in line)
    server = values.get(b"master_replid", b"").decode()
    # An id never comes back, so one that we knew before is of a connection that was slow to open.
    if server not in _seen:
        _seen.append(server)


def server_id() -> str:
    """The id of the newest server that this process has met; empty if it met none."""
    return _seen[-1] if _seen else ""


def forget_servers() -> None:
    """Know no server, like a process that has just started."""
    _seen.clear()
