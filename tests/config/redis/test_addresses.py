"""The forms of REDIS_URL and CACHE_URL that are accepted, and those that are refused."""

import time

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured

from config.redis.addresses import SeveralServers, cache_entry, live_entry, next_database, parse_several


def test_sentinel_url_gives_hosts_service_and_database():
    parsed = parse_several(
        "rediss+sentinel://roll:p%40s@s1.example.edu,s2.example.edu:26380/Hall_1/2"
        "?sentinel_password=other&ssl_ca_certs=/etc/ca.pem"
    )

    tls = {"ssl": True, "ssl_ca_certs": "/etc/ca.pem"}
    assert parsed == SeveralServers(
        "sentinel",
        (("s1.example.edu", 26379), ("s2.example.edu", 26380)),
        "Hall_1",
        2,
        connection={"username": "roll", "password": "p@s"} | tls,
        sentinel_connection={"password": "other"} | tls,
    )


def test_cluster_url_gives_its_nodes():
    parsed = parse_several("redis+cluster://:secret@n1:7001,[::1]:7002,n3")

    assert parsed.hosts == (("n1", 7001), ("::1", 7002), ("n3", 6379))
    assert parsed.connection == {"password": "secret"}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost",
        "redis+sentinel://s1:26379",
        "redis+sentinel://s1:26379/service/x",
        "redis+sentinel://s1:port/service",
        "redis+sentinel:///service",
        "redis+cluster://n1:7001/1",
        "unix+cluster://n1",
        "redis+other://n1",
    ],
)
def test_invalid_url_is_refused_without_showing_its_password(url):
    with pytest.raises(ImproperlyConfigured) as refused:
        live_entry(url.replace("://", "://user:hush@"), timeout_seconds=1, max_connections=1)

    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("cache", "live"),
    [
        ("redis://h", "redis://h:6379/0"),
        ("redis://h/1", "rediss://user:password@h:6379?db=1"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock?db=0"),
        ("redis+sentinel://a,b/hall", "redis+sentinel://b,c/hall/0"),
        ("redis://n2:7002", "redis+cluster://n1:7001,n2:7002"),
        ("redis+cluster://n1:7001", "redis+cluster://n1:7001"),
        ("redis+cluster://other:7001", "redis://h"),
    ],
)
def test_a_cache_in_the_live_sets_database_is_refused(cache, live):
    with pytest.raises(ImproperlyConfigured, match="clearing the cache"):
        cache_entry(cache, live_url=live, timeout_seconds=1)


@pytest.mark.parametrize(
    ("cache", "live"),
    [
        ("redis://h/1", "redis://h/0"),
        ("redis://cache/0", "redis+cluster://n1:7001"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=0"),
        ("redis+sentinel://a/hall/1", "redis+sentinel://a/hall/0"),
    ],
)
def test_a_cache_in_another_database_is_accepted(cache, live):
    assert cache_entry(cache, live_url=live, timeout_seconds=1)["LOCATION"] == [cache]


@pytest.mark.parametrize(
    ("live", "cache"),
    [
        ("redis://h", "redis://h/1"),
        ("redis://user:p%40ss@h:6379/0", "redis://user:p%40ss@h:6379/1"),
        ("rediss://[::1]:6379/3?ssl_ca_certs=/etc/ca.pem", "rediss://[::1]:6379/4?ssl_ca_certs=/etc/ca.pem"),
        ("redis://h/7?db=4", "redis://h/7?db=5"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock?db=1"),
        ("unix:///run/redis.sock?db=2&password=a%26b", "unix:///run/redis.sock?db=3&password=a%26b"),
        ("redis+sentinel://:p@a:1,b/hall", "redis+sentinel://:p@a:1,b/hall/1"),
        ("redis+sentinel://a/hall/2?sentinel_password=x", "redis+sentinel://a/hall/3?sentinel_password=x"),
    ],
)
def test_the_cache_takes_the_next_database_of_the_same_server(live, cache):
    assert next_database(live) == cache
    assert cache_entry(cache, live_url=live, timeout_seconds=1)["LOCATION"] == [cache]


def test_a_cluster_has_no_next_database():
    with pytest.raises(ImproperlyConfigured, match="CACHE_URL is not set"):
        next_database("redis+cluster://n1:7001,n2:7002")


def test_an_unreachable_cache_costs_one_time_out(settings, black_hole):
    url = f"redis://127.0.0.1:{black_hole}/0"
    settings.CACHES = {
        **settings.CACHES,
        "default": cache_entry(url, live_url=settings.REDIS_URL, timeout_seconds=0.1),
    }
    cache = caches["default"]

    started = time.monotonic()
    assert [cache.get("key") for _ in range(30)] == [None] * 30
    # Thirty time-outs would take three seconds.
    assert time.monotonic() - started < 1
