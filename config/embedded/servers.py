"""Who uses the embedded servers of a data folder, and when they start and stop.

Every process that uses them holds a shared lock on ``users.lock``; whoever leaves and gets the exclusive one
was the last, and stops them. The kernel takes a killed process's locks away, so none is ever left over.
``starting.lock`` lets one process at a time start or stop.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config.embedded.folders import private_folder
from config.embedded.postgres import Postgres
from config.embedded.server import Server, stop
from config.embedded.valkey import Valkey


@contextmanager
def running(data_dir: Path, *, postgres: bool, valkey: bool) -> Iterator[None]:
    """Have the wanted servers up while the block runs; stop them after it unless others still use them.

    :raises EmbeddedError: in one line, if a server can't be started
    """
    private_folder(data_dir)
    with _open_lock(data_dir / "users.lock") as users:
        try:
            with _held(data_dir / "starting.lock"):
                fcntl.flock(users, fcntl.LOCK_SH)
                for server in wanted(data_dir, postgres=postgres, valkey=valkey):
                    server.ensure()
            yield
        finally:
            with _held(data_dir / "starting.lock"), suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                stop([Postgres(data_dir), Valkey(data_dir)])


def revive(data_dir: Path, *, postgres: bool, valkey: bool) -> None:
    """Start again what died meanwhile; for somebody who is inside ``running``.

    :raises EmbeddedError: in one line, if a server can't be started
    """
    dead = [server for server in wanted(data_dir, postgres=postgres, valkey=valkey) if not server.is_alive()]
    if dead:
        with _held(data_dir / "starting.lock"):
            for server in dead:
                server.ensure()


def wanted(data_dir: Path, *, postgres: bool, valkey: bool) -> list[Server]:
    """The servers that are asked for."""
    return [*([Postgres(data_dir)] if postgres else []), *([Valkey(data_dir)] if valkey else [])]


@contextmanager
def _open_lock(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _held(path: Path) -> Iterator[None]:
    with _open_lock(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
