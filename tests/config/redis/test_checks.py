"""A database number that the Redis server does not have is reported at start-up."""

import pytest

from attendance import stats
from config.redis.checks import check_databases
from tests.support.valkeys import TcpValkey, caches_at, caches_with


@pytest.fixture(autouse=True)
def closed_breaker():
    stats.breaker.succeeded()
    yield
    stats.breaker.succeeded()


@pytest.fixture
def server(request):
    server = TcpValkey("--databases", str(request.param))
    yield server
    server.close()


@pytest.mark.parametrize("server", [1], indirect=True)
def test_a_missing_cache_database_is_an_error_in_one_line(server, settings):
    url = f"redis://127.0.0.1:{server.port}"
    settings.CACHE_URL = f"{url}/1"
    settings.CACHES = caches_at(url)

    (error,) = check_databases(None)

    assert error.id == "rollcall.E001"
    assert "database 1 for the cache" in error.msg
    assert "CACHE_URL" in error.msg
    assert "\n" not in error.msg


@pytest.mark.parametrize("server", [4], indirect=True)
def test_a_missing_database_of_the_live_sets_is_an_error(server, settings):
    settings.REDIS_URL = f"redis://127.0.0.1:{server.port}/4"
    settings.CACHES = caches_with(settings.REDIS_URL)

    (error,) = check_databases(None)

    assert "database 4 for the live counts" in error.msg
    assert "REDIS_URL" in error.msg


@pytest.mark.parametrize("server", [2], indirect=True)
def test_existing_databases_pass(server, settings):
    settings.CACHES = caches_at(f"redis://127.0.0.1:{server.port}")

    assert check_databases(None) == []


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1", "redis://redis.example.invalid", "redis+sentinel://127.0.0.1:1/hall"]
)
def test_a_server_that_cannot_be_reached_passes(settings, url):
    settings.CACHES = caches_at(url)

    assert check_databases(None) == []
