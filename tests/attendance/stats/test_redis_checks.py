"""``check --deploy`` and ``/readyz`` warn of Redis settings that could lose the live sets."""

import pytest

from attendance import stats
from attendance.checks import check_redis
from tests.support.valkeys import TcpValkey, caches_with


@pytest.fixture(autouse=True)
def closed_breaker():
    stats.breaker.succeeded()
    yield
    stats.breaker.succeeded()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--appendonly", "yes"], []),
        (["--save", "3600 1"], []),
        (["--appendonly", "yes", "--maxmemory", "100mb", "--maxmemory-policy", "noeviction"], []),
        (["--appendonly", "yes", "--maxmemory", "0", "--maxmemory-policy", "allkeys-lru"], []),
        (
            ["--appendonly", "yes", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"],
            ["allkeys-lru"],
        ),
        (["--save", "", "--appendonly", "no"], ["appendonly"]),
        (
            ["--save", "", "--maxmemory", "100mb", "--maxmemory-policy", "volatile-ttl"],
            ["appendonly", "volatile-ttl"],
        ),
        # Managed services hide the CONFIG command.
        (["--save", "", "--rename-command", "CONFIG", ""], []),
    ],
)
@pytest.mark.django_db
def test_server_that_evicts_or_does_not_persist_gives_a_warning(settings, client, options, words):
    server = TcpValkey(*options)
    settings.CACHES = caches_with(f"redis://127.0.0.1:{server.port}/0")
    try:
        found = check_redis(None)
        answer = client.get("/readyz")
    finally:
        server.close()

    assert [word in warning.msg for word, warning in zip(words, found, strict=True)] == [True] * len(words)
    assert {warning.id for warning in found} <= {"rollcall.W001"}
    assert answer.json()["warnings"] == [warning.msg for warning in found]
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "redis://redis.example.invalid/0", "redis+cluster://127.0.0.1:1"]
)
def test_unreachable_server_gives_no_warning(settings, url):
    settings.CACHES = caches_with(url)

    assert check_redis(None) == []
