"""Which addresses of Redis are understood, and which are refused before anything is lost."""

import time

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured

from config.redis_urls import SeveralServers, cache_entry, live_entry, parse_several


def test_sentinel_url_names_sentinels_service_and_database():
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


def test_cluster_url_names_some_of_its_nodes():
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
def test_unreadable_url_is_refused_without_its_password(url):
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
def test_cache_in_the_database_of_the_live_sets_is_refused(cache, live):
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
def test_cache_beside_the_live_sets_is_taken(cache, live):
    assert cache_entry(cache, live_url=live, timeout_seconds=1)["LOCATION"] == [cache]


def test_cache_that_is_away_is_waited_for_once(settings, black_hole):
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
