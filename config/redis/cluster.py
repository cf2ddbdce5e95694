"""The client for a Redis Cluster: pipelines of commands that name one key each.

Why not redis-py's ``RedisCluster``? Counts may wait about 50–100 ms for Redis. With three real nodes, time-outs of
50 ms and no retries (``python -m bench.studies.cluster_clients``), redis-py sends the commands of a node that has
stopped answering again, one by one: the first request for a group of 100 sections took 5.8 s, and 52 ms with this
client. redis-py also needs nearly three times the CPU for such a group. We tried it without that second attempt, which
takes its internal pipeline commands: it still asks one node after another for the slot map while all other threads
wait, which took 205 ms with all three nodes away, and 161 ms for 20 threads with one node away. So we keep ours.
"""

import bisect
import threading
import time
from collections.abc import Sequence
from typing import Any

import redis
from django_redis.pool import ConnectionFactory
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, ReadOnlyError, RedisError, TryAgainError
from redis.retry import Retry

from config.redis.addresses import parse_several

Command = tuple[str | bytes | int, ...]
Address = tuple[str, int]


class ClusterFactory(ConnectionFactory):
    """Makes one client for all threads from a ``redis+cluster://`` address. Named in the CACHES setting."""

    _clusters: dict[str, "Cluster"] = {}

    def connect(self, url: str) -> "Cluster":
        timeouts = {
            "socket_timeout": self.options["SOCKET_TIMEOUT"],
            "socket_connect_timeout": self.options["SOCKET_CONNECT_TIMEOUT"],
        }
        return self._clusters.setdefault(url, Cluster(url, timeouts))

    def disconnect(self, connection: "Cluster") -> None:
        connection.close()


class Cluster:
    """Sends each command to the node that has its key's slot, one pipeline per node, and never retries.

    If a slot has moved or a node is away, the call fails. The next call reads the slot map again and pings every
    primary before it sends anything, so that one healthy node does not make the Cluster look healthy.
    """

    def __init__(self, url: str, timeouts: dict[str, Any]) -> None:
        several = parse_several(url)
        self._known_nodes = list(several.hosts)
        self._connection_options = timeouts | several.connection
        self._timeout_seconds: float = timeouts["socket_timeout"]
        self._clients: dict[Address, redis.Redis] = {}
        # The last slot, the first slot and the primary's address of each range, in order.
        self._ranges: list[tuple[int, int, Address]] = []
        self._is_stale = True
        self._lock = threading.Lock()

    def pipeline(self, *, transaction: bool = False) -> "ClusterPipeline":
        """Collect commands to send together. There is no transaction across nodes."""
        return ClusterPipeline(self)

    def primaries(self) -> list[redis.Redis]:
        """A client of each node that has slots.

        :raises RedisError: if the slot map can't be read
        """
        self._refresh_if_stale()
        return [self._client(address) for address in self._primary_addresses()]

    def send(self, commands: Sequence[Command]) -> list[Any]:
        """Send one pipeline to each node involved. Returns the answers in the order of the commands.

        :raises RedisError: if one of these nodes is away
        """
        self._refresh_if_stale()
        by_node: dict[Address, list[int]] = {}
        for position, command in enumerate(commands):
            by_node.setdefault(self._address_for(command), []).append(position)
        answers: list[Any] = [None] * len(commands)
        try:
            for address, positions in by_node.items():
                pipe = self._client(address).pipeline(transaction=False)
                for position in positions:
                    pipe.execute_command(*commands[position])
                for position, answer in zip(positions, pipe.execute(raise_on_error=False), strict=True):
                    answers[position] = answer
        except (RedisError, OSError):
            self._is_stale = True
            raise
        # MovedError is an AskError.
        if any(isinstance(a, AskError | ClusterDownError | ReadOnlyError | TryAgainError) for a in answers):
            self._is_stale = True
        return answers

    def close(self) -> None:
        """Close every connection. The next call opens new ones."""
        for client in list(self._clients.values()):
            client.close()

    def _refresh_if_stale(self) -> None:
        if not self._is_stale:
            return
        # If another thread takes longer than one time-out to read the map, the Cluster is away.
        if not self._lock.acquire(timeout=self._timeout_seconds):
            raise redis.ConnectionError("Another thread is reading the Cluster's slot map.")
        try:
            if self._is_stale:
                self._read_slot_map()
                for address in self._primary_addresses():
                    self._client(address).ping()
                self._is_stale = False
        finally:
            self._lock.release()

    def _read_slot_map(self) -> None:
        deadline = time.monotonic() + self._timeout_seconds
        last_error: Exception = redis.ConnectionError("The Cluster has no nodes.")
        for node in list(self._known_nodes):
            try:
                ranges = self._client(node).execute_command("CLUSTER SLOTS")
            except (RedisError, OSError) as error:
                last_error = error
                # The next call starts with another node.
                self._known_nodes.remove(node)
                self._known_nodes.append(node)
                if time.monotonic() > deadline:
                    break
            else:
                self._set_slot_map(ranges, answered_by=node[0])
                return
        raise last_error

    def _primary_addresses(self) -> set[Address]:
        return {address for _, _, address in self._ranges}

    def _set_slot_map(self, ranges: Any, *, answered_by: str) -> None:
        slot_ranges = []
        known = dict.fromkeys(self._known_nodes)
        for first, last, *nodes in ranges:
            # A node that does not know its own name leaves it empty.
            addresses = [(_text(node[0]) or answered_by, int(node[1])) for node in nodes]
            known |= dict.fromkeys(addresses)
            slot_ranges.append((int(last), int(first), addresses[0]))
        self._known_nodes = list(known)
        self._ranges = sorted(slot_ranges)

    def _address_for(self, command: Command) -> Address:
        if command[0] == "PING":
            return self._ranges[0][2]
        key = command[3] if command[0] == "EVAL" else command[1]
        slot = key_slot(key if isinstance(key, bytes) else str(key).encode())
        index = bisect.bisect_left(self._ranges, (slot,))
        if index == len(self._ranges) or self._ranges[index][1] > slot:
            self._is_stale = True
            raise redis.ConnectionError("No node of the Cluster has the slot of a key.")
        return self._ranges[index][2]

    def _client(self, address: Address) -> redis.Redis:
        if address not in self._clients:
            client = redis.Redis(*address, **self._connection_options, retry=Retry(NoBackoff(), 0))
            self._clients.setdefault(address, client)
        return self._clients[address]


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else name or ""


class ClusterPipeline:
    """Collects commands for :meth:`Cluster.send`, with the methods of redis-py's pipelines that we use."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._commands: list[Command] = []

    def execute_command(self, *command: str | bytes | int) -> None:
        self._commands.append(command)

    def execute(self, *, raise_on_error: bool = False) -> list[Any]:
        """Send the commands. The answer to a command that fails is its exception.

        :raises RedisError: if a node is away
        """
        commands, self._commands = self._commands, []
        return self._cluster.send(commands)
