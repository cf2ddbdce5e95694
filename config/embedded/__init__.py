"""The embedded servers: a real PostgreSQL and a real Valkey below ROLLCALL_DATA_DIR, for a trial and for tests.

Both listen on unix sockets only, in a folder that nobody else can enter, so they need no password. Their
addresses follow from the data folder alone: importing the settings starts nothing.
This module needs no package beyond Python; ``servers`` needs those of requirements/embedded.txt.
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

__all__ = ["EmbeddedError", "database_url", "redis_url", "running", "secret_key"]


def database_url(data_dir: Path) -> str:
    """The address of the embedded PostgreSQL, as libpq and django-environ read it."""
    return f"postgresql://rollcall@/rollcall?host={quote(str(socket_folder(data_dir)))}"


def redis_url(data_dir: Path, *, database: int) -> str:
    """The address of one database of the embedded Valkey."""
    return f"unix://{quote(str(socket_folder(data_dir) / 'valkey.sock'))}?db={database}"


def secret_key(data_dir: Path) -> str:
    """The installation's own key: made once, kept in a file that only its owner reads.

    :raises EmbeddedError: if the data folder can't be made, or its key can't be read
    """
    path = private_folder(data_dir) / "secret_key"
    try:
        if not path.exists():
            _keep_new_key(path)
        return path.read_text()
    except OSError as error:
        raise EmbeddedError(f"The secret key {path} can't be read or made: {error.strerror}.") from error


def _keep_new_key(path: Path) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mode 600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        # A link is made by one process only: two that start together end with the same key.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()


@contextmanager
def running(data_dir: Path, *, postgres: bool, valkey: bool) -> Iterator[None]:
    """Have the wanted servers up while the block runs; the last process to leave its block stops them.

    :raises EmbeddedError: in one line, if a server can't be started
    """
    if not (postgres or valkey):
        yield
        return
    # Not imported above: where both addresses are given, the embedded packages aren't installed.
    servers = importlib.import_module("config.embedded.servers")
    with servers.running(data_dir, postgres=postgres, valkey=valkey):
        yield
