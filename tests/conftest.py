"""Fixtures for all tests."""

import gc
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from redis import Redis

from attendance import stats
from attendance.lib import rate_limits
from config.accounts import authentication
from config.embedded import servers
from tests.support import factories
from tests.support.classes import Class
from tests.support.fast_sign_in import fast_sign_in
from tests.support.postgres.database import drop_templates
from tests.support.postgres.flushing import fast_flush
from tests.support.web_server import Server

# The longest tests, which mostly wait for processes of their own. They start first, so that none is left at the end
# of the run. With ``--dist worksteal`` they go to the first worker.
LONGEST = ("chaos", "bench", "config/serving", "config/embedded")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    first = [Path(__file__).parent / folder for folder in LONGEST]
    items.sort(key=lambda item: not any(folder in item.path.parents for folder in first))


def pytest_collection_finish() -> None:
    # All modules are loaded. The garbage collector need not look through them again and again: 7 % of the run's time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _fast_flush() -> Iterator[None]:
    with fast_flush():
        yield


@pytest.fixture(scope="session", autouse=True)
def _fast_sign_in() -> Iterator[None]:
    with fast_sign_in():
        yield


@pytest.fixture(autouse=True)
def _wrong_passwords_answered_at_once(monkeypatch) -> None:
    monkeypatch.setattr(authentication, "WRONG_PASSWORD_SECONDS", 0)


@pytest.fixture(autouse=True)
def _no_local_counts() -> None:
    rate_limits.local_counts.clear()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Before the database is dropped, end what a web server that was just stopped has left open in it."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    drop_templates()


def _data_dir() -> Iterator[Path]:
    """A new data folder below a private one. Servers that still run in it are stopped at the end."""
    # Not tmp_path: its long names exceed the limit for a socket's path.
    parent = Path(tempfile.mkdtemp(prefix="rc-"))
    data = parent / "data"
    yield data
    servers.remove(data)
    shutil.rmtree(parent)


data_dir = pytest.fixture(_data_dir)
# One that the tests of a module share, with the data that they left.
used_data_dir = pytest.fixture(_data_dir, scope="module")


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def empty_redis() -> Iterator[None]:
    """Both Redis databases are empty at the start, and the circuit breaker is closed then and at the end."""
    for url in (settings.REDIS_URL, settings.CACHE_URL):
        # A client of its own: on a busy machine this may take longer than the application would wait.
        with Redis.from_url(url, socket_timeout=30) as client:
            client.flushdb()
    stats.breaker.succeeded()
    yield
    stats.breaker.succeeded()


@pytest.fixture
def taught_class(transactional_db) -> Class:
    """A section with a teacher and three students."""
    teacher = factories.make_teacher()
    section = factories.make_section(students=3, teachers=[teacher])
    return Class(section, teacher, factories.students_of(section))


@pytest.fixture(scope="session")
def web_environment(django_db_setup, django_db_blocker) -> dict[str, str]:
    """The environment in which a web server uses the tests' database and Redis."""
    with django_db_blocker.unblock():
        database = connection.settings_dict
    host = quote(database["OPTIONS"]["host"])
    return {
        "DATABASE_URL": f"postgresql://{database['USER']}@/{database['NAME']}?host={host}",
        "REDIS_URL": settings.REDIS_URL,
        "CACHE_URL": settings.CACHE_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "PUBLIC_URL": "http://127.0.0.1",
    }


@pytest.fixture
def start_server(web_environment, tmp_path) -> Iterator[Callable[..., Server]]:
    """Starts a web server of the test's own, with further environment variables."""
    servers: list[Server] = []

    def start(**environment: str) -> Server:
        servers.append(Server(tmp_path, web_environment | environment))
        return servers[-1]

    yield start
    for server in servers:
        server.web.stop()
