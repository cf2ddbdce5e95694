"""A complete installation with PostgreSQL (durable, unlike that of the other tests), Valkey and granian."""

import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from unittest.mock import patch

import psutil
import psycopg
import redis

from config import embedded
from config.embedded import servers
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey
from config.serving.web import OWNER_VARIABLE, Web
from tests.chaos.history import Row, Scope
from tests.support.ports import free_port

PROJECT = Path(__file__).resolve().parents[2]
WEB_WORKERS = 2
WEB_START_SECONDS = 60

REGISTER = """
    SELECT login.username, meeting.public_id, extract(epoch FROM record.marked_at)
      FROM attendance_attendancerecord record
      JOIN attendance_meeting meeting ON meeting.id = record.meeting_id
      JOIN attendance_student student ON student.id = record.student_id
      JOIN attendance_user login ON login.id = student.user_id
     WHERE meeting.public_id = ANY(%s) AND record.status = 'present'
"""


@dataclass(frozen=True)
class Person:
    """A row of the CSV file written by ``seed_demo``."""

    role: str
    username: str
    token: str
    section: int | None


class Installation:
    """Servers, demo data and web workers in a new folder. Leaving the block stops and removes everything."""

    def __init__(self, *, students: int, sections: int) -> None:
        self._students, self._sections = students, sections
        # Short, because the length of a socket's path is limited.
        self._folder = Path(tempfile.mkdtemp(prefix="rc-"))
        self.data_dir = self._folder / "data"
        self.postgres, self.valkey = Postgres(self.data_dir), Valkey(self.data_dir)
        self.port = free_port()
        self._web = Web(data_dir=self.data_dir, host="127.0.0.1", port=self.port, workers=WEB_WORKERS)
        self._running = ExitStack()
        self._paused: list[psutil.Process] = []
        self.people: list[Person] = []

    def __enter__(self) -> "Installation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.resume()
        self._web.stop()
        self._running.close()
        servers.remove(self.data_dir)
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- Building -------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Start both servers and create the demo data."""
        self._running.enter_context(embedded.running(self.data_dir, postgres=True, valkey=True))
        tokens = self._folder / "tokens.csv"
        self.manage("migrate", "--verbosity", "0")
        self.manage(
            "seed_demo", "--sections", str(self._sections), "--students", str(self._students),
            "--tokens", str(tokens),
        )  # fmt: skip
        with tokens.open(newline="") as file:
            self.people = [
                Person(row["role"], row["username"], row["token"], int(row["section"] or 0) or None)
                for row in csv.DictReader(file)
            ]

    def serve(self) -> None:
        """Start the web server. Call it in the main thread: the kernel kills the server when the starting thread ends."""
        with patch.dict(os.environ, self._environment()):
            self._web.start()

    def await_web(self) -> None:
        """:raises RuntimeError: if the web server does not answer"""
        if not self._web.await_answer(seconds=WEB_START_SECONDS):
            raise RuntimeError("The web server did not start.")

    def _environment(self) -> dict[str, str]:
        own = {"ROLLCALL_DATA_DIR": str(self.data_dir), "PORT": str(self.port)}
        # Phones and servers share all processors, so a healthy Redis may be slow.
        defaults = {"REDIS_TIMEOUT_SECONDS": "0.25"}
        return {**defaults, **os.environ, **own}

    def manage(self, *words: str) -> None:
        """Run one of Django's commands."""
        subprocess.run(
            [sys.executable, PROJECT / "manage.py", *words],
            env=self._environment(), cwd=PROJECT, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    # --- Reading behind the API -------------------------------------------------------------------------------

    def register(self, sessions: list[Scope]) -> dict[str, Row]:
        """The students marked present in PostgreSQL, by user name."""
        with psycopg.connect(embedded.database_url(self.data_dir)) as connection:
            rows = connection.execute(REGISTER, [sessions]).fetchall()
        return {username: Row(session, float(marked_at)) for username, session, marked_at in rows}

    def set_sizes(self, sessions: list[Scope]) -> dict[Scope, int]:
        """The sizes of the sets of present students."""
        with self._redis() as client:
            return {session: int(client.scard(f"session:{session}:attended")) for session in sessions}

    def _redis(self) -> redis.Redis:
        return redis.Redis.from_url(embedded.redis_url(self.data_dir, database=0), decode_responses=True)

    # --- Killing and pausing ----------------------------------------------------------------------------------

    def kill_valkey(self) -> None:
        """SIGKILL."""
        _kill(self.valkey.processes())

    def empty_valkey(self) -> None:
        """Delete its data on disk."""
        shutil.rmtree(self.valkey.folder)

    def pause_valkey(self) -> None:
        """SIGSTOP: it accepts connections and never answers."""
        self._pause(self.valkey.processes())

    def pause_postgres(self) -> None:
        """SIGSTOP for the main process first, so that it starts no other meanwhile."""
        main = self.postgres.main_pid()
        self._pause(sorted(self.postgres.processes(), key=lambda process: process.pid != main))

    def pause_web_worker(self) -> None:
        """SIGSTOP for one of granian's workers. Phones that reach it wait, and it may hold locks in the database."""
        self._pause([random.choice(self._web_workers())])

    def _pause(self, processes: list[psutil.Process]) -> None:
        for process in processes:
            self._paused.append(process)
            with suppress(psutil.NoSuchProcess):
                process.suspend()

    def resume(self) -> None:
        """SIGCONT for everything that was paused."""
        while self._paused:
            with suppress(psutil.NoSuchProcess):
                self._paused.pop().resume()

    def flush_valkey(self) -> None:
        """FLUSHALL."""
        with self._redis() as client:
            client.flushall()

    def delete_keys(self) -> None:
        """Delete a random half of the keys, and half of the members of every other set."""
        with self._redis() as client:
            keys = sorted(client.scan_iter(match="session:*"))
            random.shuffle(keys)
            half = len(keys) // 2
            client.delete(*keys[:half])
            for key in keys[half:]:
                if client.type(key) == "set":
                    client.spop(key, client.scard(key) // 2)

    def kill_web_worker(self) -> None:
        """Kill one of granian's workers; its main process starts a new one."""
        _kill([random.choice(self._web_workers())])

    def _web_workers(self) -> list[psutil.Process]:
        main = next(
            process
            for process in psutil.Process().children()
            if process.environ().get(OWNER_VARIABLE) == str(self.data_dir)
        )
        return [process for process in main.children() if process.net_connections("tcp")]

    def kill_postgres_backend(self) -> None:
        """Kill the backend of a web worker. PostgreSQL then ends all other backends and recovers."""
        with psycopg.connect(embedded.database_url(self.data_dir), autocommit=True) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
        own = {process.pid: process for process in self.postgres.processes()}
        _kill([own[random.choice(rows)[0]]])

    def kill_postgres(self) -> None:
        """Kill the main process. The others exit when they notice."""
        main_pid = self.postgres.main_pid()
        (main,) = (process for process in self.postgres.processes() if process.pid == main_pid)
        _kill([main])

    def await_postgres(self) -> None:
        """Start it if it is not running, and wait until it has recovered."""
        self.postgres.ensure()


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=30)
