"""Clients that django-redis has none of, or none that gives up soon enough: Sentinel, Cluster, the cache.

None of them retries: whoever asks has another way, and waits at most for one time-out.
"""

import bisect
import threading
import time
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import redis
from django_redis import get_redis_connection
from django_redis.pool import ConnectionFactory
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, ReadOnlyError, RedisError, TryAgainError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from attendance import stats
from attendance.breaker import CircuitBreaker
from attendance.waits import about_to_wait
from config.redis_urls import parse_several

Command = tuple[str | bytes | int, ...]


def _no_retries() -> Retry:
    return Retry(NoBackoff(), 0)


def _timeouts(options: dict[str, Any]) -> dict[str, Any]:
    return {
        "socket_timeout": options["SOCKET_TIMEOUT"],
        "socket_connect_timeout": options["SOCKET_CONNECT_TIMEOUT"],
    }


class ImpatientRedis(redis.Redis):
    """The cache's client: while its server is away, only one call a second waits to find out.

    Where the live sets are on the same server, both find out together, so that a request waits for one of them.
    """

    _breakers: WeakKeyDictionary[Any, CircuitBreaker] = WeakKeyDictionary()

    @property
    def _breaker(self) -> CircuitBreaker:
        pool = self.connection_pool
        if pool not in self._breakers:
            shared = _server(pool) == _server(getattr(get_redis_connection("live"), "connection_pool", None))
            own = CircuitBreaker(probe_seconds=1.0)
            self._breakers.setdefault(pool, stats.breaker if shared else own)
        return self._breakers[pool]

    def pipeline(self, *args: Any, **options: Any) -> Any:
        about_to_wait()
        return super().pipeline(*args, **options)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        about_to_wait()
        breaker = self._breaker
        if not breaker.allows():
            raise redis.ConnectionError("The cache was away a moment ago.")
        try:
            answer = super().execute_command(*args, **options)
        except (redis.ConnectionError, redis.TimeoutError, ReadOnlyError):
            breaker.failed()
            raise
        except RedisError:
            breaker.succeeded()
            raise
        breaker.succeeded()
        return answer


def _server(pool: Any) -> object:
    """What two pools of one server have in common; Sentinel's may lead anywhere."""
    options = getattr(pool, "connection_kwargs", {})
    place = options.get("path") or options.get("host")
    return (place, options.get("port")) if place else object()


class WatchfulPool(SentinelConnectionPool):
    """Asks Sentinel once a second who the primary is.

    redis-py asks when a connection breaks. A primary that was replaced while it lived takes writes for ten seconds
    more, until Sentinel makes it a replica: whatever is written there is lost.
    """

    _next_look = 0.0

    def get_connection(self, *args: Any, **options: Any) -> Any:
        if (now := time.monotonic()) >= self._next_look:
            self._next_look = now + 1.0
            try:
                self.get_master_address()
            except RedisError:
                # No Sentinel answers, so nobody can be put in the primary's place.
                self._next_look = now + 10.0
        return super().get_connection(*args, **options)


class SentinelFactory(ConnectionFactory):
    """Connections to whichever server Sentinel calls the primary.

    A connection that breaks, or whose server has become a replica, asks Sentinel anew.
    """

    def get_connection_pool(self, params: dict[str, Any]) -> WatchfulPool:
        several = parse_several(params["url"])
        timeouts = _timeouts(self.options)
        sentinel = Sentinel(
            several.hosts,
            sentinel_kwargs=timeouts | several.sentinel_connection | {"retry": _no_retries()},
        )
        return WatchfulPool(
            several.service,
            sentinel,
            **timeouts,
            **several.connection,
            db=several.database,
            retry=_no_retries(),
        )


class ClusterFactory(ConnectionFactory):
    """One client of the Cluster for all threads."""

    _clusters: dict[str, "Cluster"] = {}

    def connect(self, url: str) -> "Cluster":
        return self._clusters.setdefault(url, Cluster(url, _timeouts(self.options)))

    def disconnect(self, connection: "Cluster") -> None:
        connection.close()


class Cluster:
    """What the live counts need of a Redis Cluster: pipelines of commands that name one key each.

    redis-py's own client retries and asks every node for the map of slots, each with a time-out. This one never
    does more than its caller waits for: a slot that moved or a node that is away fails the call, and the next one
    reads the map anew and makes sure of every primary before it sends anything.
    """

    def __init__(self, url: str, timeouts: dict[str, Any]) -> None:
        several = parse_several(url)
        self._known = list(several.hosts)
        self._connection = timeouts | several.connection
        self._patience_seconds: float = timeouts["socket_timeout"]
        self._clients: dict[tuple[str, int], redis.Redis] = {}
        # The last and the first slot of each range and the address of its primary, in order.
        self._ranges: list[tuple[int, int, tuple[str, int]]] = []
        self._is_stale = True
        self._lock = threading.Lock()

    def pipeline(self, *, transaction: bool = False) -> "ClusterPipeline":
        """Commands that are sent together; there is no transaction over several nodes."""
        return ClusterPipeline(self)

    def primaries(self) -> list[redis.Redis]:
        """A client of each node that has slots.

        :raises RedisError: if the map of slots can't be read
        """
        self._make_sure()
        return [self._client(address) for address in self._primary_addresses()]

    def send(self, commands: Sequence[Command]) -> list[Any]:
        """The answers in the order of the commands, one pipeline to each node that is concerned.

        :raises RedisError: if one of these nodes is away
        """
        self._make_sure()
        by_node: dict[tuple[str, int], list[int]] = {}
        for position, command in enumerate(commands):
            by_node.setdefault(self._address(command), []).append(position)
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
        if any(isinstance(a, AskError | ClusterDownError | ReadOnlyError | TryAgainError) for a in answers):
            self._is_stale = True
        return answers

    def close(self) -> None:
        """Close every connection; the next call makes new ones."""
        for client in list(self._clients.values()):
            client.close()

    def _make_sure(self) -> None:
        if not self._is_stale:
            return
        # Whoever comes while another reads the map need not wait for long: the map is there, or it is away.
        if not self._lock.acquire(timeout=self._patience_seconds):
            raise redis.ConnectionError("The map of the Cluster is being read.")
        try:
            if self._is_stale:
                self._read_map()
                for address in self._primary_addresses():
                    self._client(address).ping()
                self._is_stale = False
        finally:
            self._lock.release()

    def _read_map(self) -> None:
        deadline = time.monotonic() + self._patience_seconds
        last: Exception = redis.ConnectionError("The Cluster has no nodes.")
        for host, port in list(self._known):
            try:
                ranges = self._client((host, port)).execute_command("CLUSTER SLOTS")
            except (RedisError, OSError) as error:
                last = error
                # The next call begins with another.
                self._known.remove((host, port))
                self._known.append((host, port))
                if time.monotonic() > deadline:
                    break
            else:
                self._learn(ranges, asked_host=host)
                return
        raise last

    def _primary_addresses(self) -> set[tuple[str, int]]:
        return {address for _, _, address in self._ranges}

    def _learn(self, ranges: Any, *, asked_host: str) -> None:
        learned = []
        known = dict.fromkeys(self._known)
        for first, last, *nodes in ranges:
            # A node that does not know its own name is the one that was asked.
            addresses = [(_text(node[0]) or asked_host, int(node[1])) for node in nodes]
            known |= dict.fromkeys(addresses)
            learned.append((int(last), int(first), addresses[0]))
        self._known = list(known)
        self._ranges = sorted(learned)

    def _address(self, command: Command) -> tuple[str, int]:
        if command[0] == "PING":
            return self._ranges[0][2]
        key = command[3] if command[0] == "EVAL" else command[1]
        slot = key_slot(key if isinstance(key, bytes) else str(key).encode())
        place = bisect.bisect_left(self._ranges, (slot,))
        if place == len(self._ranges) or self._ranges[place][1] > slot:
            self._is_stale = True
            raise redis.ConnectionError("No node of the Cluster has the slot of a key.")
        return self._ranges[place][2]

    def _client(self, address: tuple[str, int]) -> redis.Redis:
        if address not in self._clients:
            client = redis.Redis(*address, **self._connection, retry=_no_retries())
            self._clients.setdefault(address, client)
        return self._clients[address]


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else name or ""


class ClusterPipeline:
    """Collects commands for :meth:`Cluster.send`, as redis-py's pipelines do."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._commands: list[Command] = []

    def execute_command(self, *command: str | bytes | int) -> None:
        self._commands.append(command)

    def execute(self, *, raise_on_error: bool = False) -> list[Any]:
        """Send them. A command that fails answers with its exception.

        :raises RedisError: if a node is away
        """
        commands, self._commands = self._commands, []
        return self._cluster.send(commands)
