"""The forms of REDIS_URL and CACHE_URL, and the CACHES entries made from them.

redis://[[user]:password@]host[:port][/database]       one server; rediss:// with TLS
unix://[[user]:password@]/path/to/socket[?db=database] one server on this machine
redis+sentinel://[[user]:password@]host[:port],host[:port]/service[/database]
                                                       the server that Sentinel calls the primary of the service
redis+cluster://[[user]:password@]host[:port],host[:port]
                                                       a Cluster, found through any of its nodes
``rediss+sentinel://`` and ``rediss+cluster://`` use TLS. Options of redis-py follow the ``?``, such as
``ssl_ca_certs=/etc/ssl/redis-ca.pem``; ``sentinel_username`` and ``sentinel_password`` are for the Sentinels
themselves.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured
from redis.connection import parse_url

ONE_SERVER = ("redis", "rediss", "unix")
DEFAULT_PORTS = {"sentinel": 26379, "cluster": 6379}
CONNECTION_FACTORIES = {
    "sentinel": "config.redis.sentinel.SentinelFactory",
    "cluster": "config.redis.cluster.ClusterFactory",
}


@dataclass(frozen=True)
class SeveralServers:
    """The parts of a Sentinel or Cluster address."""

    kind: str
    hosts: tuple[tuple[str, int], ...]
    service: str
    database: int
    # Options of every connection: user, password, TLS, options of redis-py.
    connection: dict[str, Any]
    sentinel_connection: dict[str, Any]


def live_entry(url: str, *, timeout_seconds: float, max_connections: int) -> dict[str, Any]:
    """The CACHES entry of the live sets.

    :param timeout_seconds: how long connecting may take, and how long an answer may take
    :raises ImproperlyConfigured: if the URL has no known form
    """
    kind = _kind(url)
    pool_options: dict[str, Any] = {} if kind == "cluster" else {"redis_connect_func": remember_live_server}
    entry: dict[str, Any] = {
        "BACKEND": "django_redis.cache.RedisCache",
        # A list, because django-redis splits a string at its commas.
        "LOCATION": [url],
        "OPTIONS": {
            "SOCKET_TIMEOUT": timeout_seconds,
            "SOCKET_CONNECT_TIMEOUT": timeout_seconds,
            "CONNECTION_POOL_KWARGS": pool_options,
        },
    }
    if kind in DEFAULT_PORTS:
        parse_several(url)
        entry["OPTIONS"]["CONNECTION_FACTORY"] = CONNECTION_FACTORIES[kind]
    else:
        entry["OPTIONS"]["CONNECTION_POOL_CLASS"] = "redis.BlockingConnectionPool"
        pool_options |= {
            "max_connections": max_connections,
            "timeout": timeout_seconds,
            # redis-py's default of ten retries took 2.75 s when a connection was refused.
            "retry": None,
        }
    return entry


def remember_live_server(connection: Any) -> None:
    """Open a connection of the live sets; see ``attendance.stats.restarts``."""
    # The settings are read before the models that this package needs.
    from attendance.stats.restarts import remember_server  # noqa: PLC0415

    remember_server(connection)


def cache_entry(url: str, *, live_url: str, timeout_seconds: float) -> dict[str, Any]:
    """The CACHES entry of the cache, which has its own database.

    :raises ImproperlyConfigured: if the URL has no known form, or names the database of the live sets
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
            "REDIS_CLIENT_CLASS": "config.redis.cache.CacheClient",
        },
    }
    if kind == "sentinel":
        parse_several(url)
        entry["OPTIONS"]["CONNECTION_FACTORY"] = CONNECTION_FACTORIES[kind]
    return entry


def next_database(url: str) -> str:
    """The same server's next database: where the cache goes if CACHE_URL is not set.

    :raises ImproperlyConfigured: if the URL has no known form, or names a Cluster, which has one database
    """
    kind = _kind(url)
    if kind == "cluster":
        raise ImproperlyConfigured(
            "CACHE_URL is not set, and REDIS_URL names a Redis Cluster, which has one database. Give the cache a server"
            " of its own, such as redis://cache.example.edu:6379/0"
        )
    number = database_number(url) + 1
    base, question_mark, query = url.partition("?")
    options = dict(parse_qsl(query))
    # redis-py reads the option db first, and the path only without it.
    if kind == "unix" or "db" in options:
        return f"{base}?{urlencode(options | {'db': number}, safe='/')}"
    server, _, path = base.partition("://")[2].partition("/")
    service = f"/{path.partition('/')[0]}" if kind == "sentinel" else ""
    return f"{url.partition('://')[0]}://{server}{service}/{number}{question_mark}{query}"


def database_number(url: str) -> int:
    """The database that the address names, 0 if it names none."""
    if _kind(url) in DEFAULT_PORTS:
        return parse_several(url).database
    parts = urlsplit(url)
    number = dict(parse_qsl(parts.query)).get("db")
    if number is None and parts.scheme != "unix":
        number = parts.path.strip("/")
    return int(number) if number and number.isdecimal() else 0


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
    credentials = _credentials(*map(unquote, user.partition(":")[::2]))
    sentinel_credentials = _credentials(
        options.pop("sentinel_username", ""), options.pop("sentinel_password", "")
    )
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
        connection=credentials | tls | options,
        sentinel_connection=sentinel_credentials | tls | options,
    )


def _kind(url: str) -> str:
    """sentinel, cluster, or the scheme of a single server."""
    scheme = url.partition("://")[0]
    base, plus, kind = scheme.partition("+")
    if base in {"redis", "rediss"} and kind in DEFAULT_PORTS:
        return kind
    if plus or scheme not in ONE_SERVER:
        raise ImproperlyConfigured(
            "A Redis URL begins with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://"
        )
    return scheme


def _credentials(username: str, password: str) -> dict[str, Any]:
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
    """The databases that a URL can lead to, as tuples to compare. A Cluster has database 0 only."""
    kind = _kind(url)
    if kind == "sentinel":
        parsed = parse_several(url)
        return {(*host, parsed.service, parsed.database) for host in parsed.hosts}
    if kind == "cluster":
        return {(*host, 0) for host in parse_several(url).hosts}
    parts = urlsplit(url)
    if kind == "unix":
        return {(unquote(parts.path), database_number(url))}
    return {(parts.hostname or "localhost", parts.port or 6379, database_number(url))}
