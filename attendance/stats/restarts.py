"""A Redis server that lost its last writes: nothing that it says about its sets is trusted.

A server that crashes, or a replica that takes over, may come back with sets and ``verified`` as they were seconds
ago, so that the sets look right and miss students. Whatever happened, we need a new connection to go on. So each new
connection asks for the server's ``master_replid``, which changes with every restart and every failover; if this
process has not seen it before, ``verified`` is deleted for all sessions and the next read compares their sets with
the database.
"""

import threading
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError

from attendance.stats.connection import verified_key

_KEYS_PER_SCAN = 1000

_seen: set[bytes] = set()
_lock = threading.Lock()


def check_server(connection: Any) -> None:
    """Open the connection, and forget ``verified`` if the server is new to this process.

    redis-py calls this instead of ``on_connect``. Other threads' new connections wait until it is done, because they
    must not read the old ``verified``.

    :param connection: a ``redis.connection.Connection``, which has no types
    :raises RedisError: if the server goes away, or if another thread waits for a server that does not answer
    """
    connection.on_connect()
    replication_id = _replication_id(connection)
    if replication_id in _seen:
        return
    if not _lock.acquire(timeout=connection.socket_timeout or -1):
        raise RedisConnectionError("Another thread is waiting for a new Redis server.")
    try:
        if replication_id not in _seen:
            _forget_all_verified(connection)
            if replication_id:
                _seen.add(replication_id)
    finally:
        _lock.release()


def forget_servers() -> None:
    """Know no server, like a process that has just started."""
    _seen.clear()


def _replication_id(connection: Any) -> bytes:
    """Empty if the server does not say: then every new connection is treated as one to a new server."""
    try:
        info: bytes = _ask(connection, "INFO", "replication")
    except NoPermissionError:
        return b""
    values = dict(line.split(b":", 1) for line in info.splitlines() if b":" in line)
    return values.get(b"master_replid", b"")


def _forget_all_verified(connection: Any) -> None:
    cursor: bytes | None = None
    while cursor != b"0":
        cursor, keys = _ask(
            connection, "SCAN", cursor or 0, "MATCH", verified_key("*"), "COUNT", _KEYS_PER_SCAN
        )
        # One command for each key, because the keys of a Cluster's node have different slots.
        connection.send_packed_command(connection.pack_commands([("DEL", key) for key in keys]))
        for _ in keys:
            connection.read_response()


def _ask(connection: Any, *command: str | bytes | int) -> Any:
    connection.send_command(*command)
    return connection.read_response()
