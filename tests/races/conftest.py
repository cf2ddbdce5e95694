"""Fixtures for races: patient Redis time-outs, and two real web servers."""

from collections.abc import Iterator

import pytest

from tests.support.races import patient_caches
from tests.support.web_server import Server


@pytest.fixture(autouse=True)
def _patient_empty_redis(transactional_db, settings, request):
    settings.CACHES = patient_caches()
    request.getfixturevalue("empty_redis")


@pytest.fixture(params=[3, pytest.param(10, marks=pytest.mark.slow)])
def rounds(request) -> int:
    """How often a race is run in one test. Every round has another order."""
    return int(request.param)


@pytest.fixture(scope="package")
def own_servers(web_environment, tmp_path_factory) -> Iterator[list[Server]]:
    """Two web servers, as behind a load balancer. Tests share them, so do not kill them."""
    servers = [Server(tmp_path_factory.mktemp("web"), web_environment) for _ in range(2)]
    yield servers
    for server in servers:
        server.web.stop()
