"""What REDIS_URL and CACHE_URL may say, and the CACHES entries that follow from it.

redis://[[user]:password@]host[:port][/database]       one server; rediss:// with TLS
unix://[[user]:password@]/path/to/socket[?db=database] one server on this machine
redis+sentinel://[[user]:password@]host[:port],host[:port]/service[/database]
                                                       whichever server Sentinel calls the primary of the service
redis+cluster://[[user]:password@]host[:port],host[:port]
                                                       a Cluster, found through any of its nodes
``rediss+sentinel://`` and ``rediss+cluster://`` speak TLS. Options of redis-py follow the ``?``, such as
``ssl_ca_certs=/etc/ssl/redis-ca.pem``; ``sentinel_username`` and ``sentinel_password`` sign in at the Sentinels
themselves.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from redis.connection import parse_url

ONE_SERVER = ("redis", "rediss", "unix")
DEFAULT_PORTS = {"sentinel": 26379, "cluster": 6379}


@dataclass(frozen=True)
class SeveralServers:
    """A parsed address of a Sentinel or Cluster installation."""

    kind: str
    hosts: tuple[tuple[str, int], ...]
    service: str
    database: int
    # What every connection is made with: who signs in, TLS, options of redis-py.
    connection: dict[str, Any]
    sentinel_connection: dict[str, Any]


def live_entry(url: str, *, timeout_seconds: float, max_connections: int) -> dict[str, Any]:
    """The CACHES entry of the live sets.

    :param timeout_seconds: how long a connection, and an answer, may take
    :raises ImproperlyConfigured: if the URL is of no known form
    """
    kind = _kind(url)
    entry: dict[str, Any] = {
        "BACKEND": "django_redis.cache.RedisCache",
        # A list, because django-redis would split a text at its commas.
        "LOCATION": [url],
        "OPTIONS": {"SOCKET_TIMEOUT": timeout_seconds, "SOCKET_CONNECT_TIMEOUT": timeout_seconds},
    }
    if kind in DEFAULT_PORTS:
        parse_several(url)
        entry["OPTIONS"]["CONNECTION_FACTORY"] = f"config.redis_clients.{kind.title()}Factory"
    else:
        entry["OPTIONS"] |= {
            "CONNECTION_POOL_CLASS": "redis.BlockingConnectionPool",
            "CONNECTION_POOL_KWARGS": {
                "max_connections": max_connections,
                "timeout": timeout_seconds,
                # redis-py's own ten retries took 2.75 s on a refused connection.
                "retry": None,
            },
        }
    return entry


def cache_entry(url: str, *, live_url: str, timeout_seconds: float) -> dict[str, Any]:
    """The CACHES entry of the cache, which has a database of its own.

    :raises ImproperlyConfigured: if the URL is of no known form, or leads to the live sets
    """
    kind = _kind(url)
    if kind == "cluster":
        raise ImproperlyConfigured(
            "CACHE_URL names a Redis Cluster. A Cluster has one database, and clearing the cache flushes it: give the"
            " cache a server of its own, such as redis://cache.example.edu:6379/0"
        )
    if _addresses(url) & _addresses(live_url):
        raise ImproperlyConfigured(
            "CACHE_URL and REDIS_URL are the same database: clearing the cache would lose the live sets."
        )
    entry: dict[str, Any] = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": [url],
        "KEY_PREFIX": "rollcall",
        "OPTIONS": {
            "IGNORE_EXCEPTIONS": True,
            "SOCKET_TIMEOUT": timeout_seconds,
            "SOCKET_CONNECT_TIMEOUT": timeout_seconds,
            "REDIS_CLIENT_CLASS": "config.redis_clients.ImpatientRedis",
        },
    }
    if kind == "sentinel":
        parse_several(url)
        entry["OPTIONS"]["CONNECTION_FACTORY"] = "config.redis_clients.SentinelFactory"
    return entry


def parse_several(url: str) -> SeveralServers:
    """The parts of a Sentinel or Cluster URL.

    :raises ImproperlyConfigured: if a part is missing or unreadable
    """
    scheme, _, rest = url.partition("://")
    kind = _kind(url)
    rest, _, query = rest.partition("?")
    netloc, _, path = rest.partition("/")
    user, _, hosts = netloc.rpartition("@")
    options = parse_url(f"redis://-?{query}")
    del options["host"]
    sign_in = _sign_in(*map(unquote, user.partition(":")[::2]))
    sentinel_sign_in = _sign_in(options.pop("sentinel_username", ""), options.pop("sentinel_password", ""))
    tls: dict[str, Any] = {"ssl": True} if scheme.startswith("rediss") else {}
    service, _, database = path.partition("/")
    if kind == "sentinel" and not service:
        raise ImproperlyConfigured("A redis+sentinel:// URL ends with the name of its service: …/mymaster/0")
    if kind == "cluster" and path not in {"", "0"}:
        raise ImproperlyConfigured("A redis+cluster:// URL names no database: a Cluster has only one.")
    if not (database or "0").isdecimal():
        raise ImproperlyConfigured("The database of a redis+sentinel:// URL is a number.")
    return SeveralServers(
        kind,
        tuple(_host_and_port(host, DEFAULT_PORTS[kind]) for host in hosts.split(",")),
        unquote(service),
        int(database or 0),
        connection=sign_in | tls | options,
        sentinel_connection=sentinel_sign_in | tls | options,
    )


def _kind(url: str) -> str:
    """sentinel or cluster, or the scheme of one server."""
    scheme = url.partition("://")[0]
    base, plus, kind = scheme.partition("+")
    if base in {"redis", "rediss"} and kind in DEFAULT_PORTS:
        return kind
    if plus or scheme not in ONE_SERVER:
        raise ImproperlyConfigured(
            "A Redis URL begins with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://"
        )
    return scheme


def _sign_in(username: str, password: str) -> dict[str, Any]:
    return {name: value for name, value in (("username", username), ("password", password)) if value}


def _host_and_port(text: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise ImproperlyConfigured("A Redis URL names its hosts as host:port,host:port")
    return host, port or default_port


def _addresses(url: str) -> set[tuple[Any, ...]]:
    """The databases that a URL leads to, in a form that can be compared. A Cluster has the database 0 alone."""
    kind = _kind(url)
    if kind == "sentinel":
        parsed = parse_several(url)
        return {(*host, parsed.service, parsed.database) for host in parsed.hosts}
    if kind == "cluster":
        return {(*host, 0) for host in parse_several(url).hosts}
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if kind == "unix":
        return {(unquote(parts.path), int(query.get("db", 0)))}
    database = query.get("db") or parts.path.strip("/") or "0"
    return {(parts.hostname or "localhost", parts.port or 6379, int(database) if database.isdecimal() else 0)}
