"""Starts the embedded servers for the first process that needs them, and stops them after the last.

Every process that uses them holds a shared lock on ``users.lock``. A process that leaves and gets the exclusive
lock was the last one, and stops them. The kernel releases the locks of a killed process.
``starting.lock`` lets one process at a time start or stop servers.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config.embedded.folders import private_folder, short_name, socket_folder
from config.embedded.postgres import Postgres
from config.embedded.rootless import OWN_FOLDERS
from config.embedded.server import Server, stop
from config.embedded.valkey import Valkey


@contextmanager
def running(data_dir: Path, *, postgres: bool, valkey: bool) -> Iterator[None]:
    """Keep the servers up while the block runs, then stop them unless other processes use them.

    :raises EmbeddedError: in one line, if a server can't be started
    """
    private_folder(data_dir)
    with _open_lock(data_dir / "users.lock") as users:
        try:
            with _exclusive_lock(data_dir / "starting.lock"):
                fcntl.flock(users, fcntl.LOCK_SH)
                for server in wanted(data_dir, postgres=postgres, valkey=valkey):
                    server.ensure()
            yield
        finally:
            with _exclusive_lock(data_dir / "starting.lock"), suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                stop([Postgres(data_dir), Valkey(data_dir)])


def revive(data_dir: Path, *, postgres: bool, valkey: bool) -> None:
    """Restart servers that have died. Call it inside ``running``.

    :raises EmbeddedError: in one line, if a server can't be started
    """
    dead = [server for server in wanted(data_dir, postgres=postgres, valkey=valkey) if not server.is_alive()]
    if dead:
        with _exclusive_lock(data_dir / "starting.lock"):
            for server in dead:
                server.ensure()


def wanted(data_dir: Path, *, postgres: bool, valkey: bool) -> list[Server]:
    """The chosen servers of a data folder."""
    return [*([Postgres(data_dir)] if postgres else []), *([Valkey(data_dir)] if valkey else [])]


def remove(data_dir: Path) -> None:
    """Stop the servers of a data folder if they run, and remove all their files: for tests and benchmarks."""
    if data_dir.exists():
        stop(wanted(data_dir, postgres=True, valkey=True))
    for folder in (socket_folder(data_dir), OWN_FOLDERS / short_name(data_dir), data_dir):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _open_lock(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _exclusive_lock(path: Path) -> Iterator[None]:
    with _open_lock(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
