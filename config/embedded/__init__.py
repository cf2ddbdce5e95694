"""The embedded servers: a real PostgreSQL and a real Valkey below ROLLCALL_DATA_DIR, for a trial and for tests.

Both listen only on unix sockets, in a folder that other users cannot enter, so they need no password. Their
addresses depend only on the data folder, so importing the settings starts nothing.
This module needs only Python; ``servers`` needs the packages of requirements/embedded.txt.
"""

import importlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from config.embedded.folders import EmbeddedError, private_folder, socket_folder

__all__ = ["PRODUCTION_VARIABLES", "EmbeddedError", "database_url", "redis_url", "running", "secret_key"]

# The environment variables that lead away from the embedded servers and their secret key. Tests and benchmarks set them to
# empty texts, because a .env file fills in what is missing.
PRODUCTION_VARIABLES = ("DATABASE_URL", "REDIS_URL", "CACHE_URL", "SECRET_KEY", "PUBLIC_URL")


def database_url(data_dir: Path) -> str:
    """The address of the embedded PostgreSQL, as libpq and django-environ read it."""
    return f"postgresql://rollcall@/rollcall?host={quote(str(socket_folder(data_dir)))}"


def redis_url(data_dir: Path, *, database: int) -> str:
    """The address of one database of the embedded Valkey."""
    return f"unix://{quote(str(socket_folder(data_dir) / 'valkey.sock'))}?db={database}"


def secret_key(data_dir: Path) -> str:
    """The installation's secret key, created once and kept in a file that only its owner can read.

    :raises EmbeddedError: if the data folder can't be made, or its key can't be read
    """
    path = private_folder(data_dir) / "secret_key"
    try:
        if not path.exists():
            _create_key(path)
        return path.read_text()
    except OSError as error:
        raise EmbeddedError(f"The secret key {path} can't be read or created: {error.strerror}.") from error


def _create_key(path: Path) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mode 600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        # Only one process can create the link, so two that start together use the same key.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()


@contextmanager
def running(data_dir: Path, *, postgres: bool, valkey: bool) -> Iterator[None]:
    """Keep the servers up while the block runs. The last process to leave its block stops them.

    :raises EmbeddedError: in one line, if a server can't be started
    """
    if not (postgres or valkey):
        yield
        return
    # Imported late: if both addresses are given, the embedded packages aren't installed.
    servers = importlib.import_module("config.embedded.servers")
    with servers.running(data_dir, postgres=postgres, valkey=valkey):
        yield
