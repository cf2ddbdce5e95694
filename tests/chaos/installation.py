"""A real installation of its own: PostgreSQL (durable, unlike that of the tests), Valkey, granian, and what kills them."""

import csv
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from unittest.mock import patch

import psutil
import psycopg
import redis

from config import embedded
from config.embedded.folders import short_name, socket_folder
from config.embedded.postgres import Postgres
from config.embedded.rootless import OWN_FOLDERS
from config.embedded.valkey import Valkey
from config.web import MARK, Web
from tests.chaos.history import Row, Scope

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
    """A row of the sign-ins that ``seed_demo`` wrote."""

    role: str
    username: str
    token: str
    section: int | None


class Installation:
    """Servers, demo data and web workers below a new folder; leaving the block stops and removes all of it."""

    def __init__(self, *, students: int, sections: int) -> None:
        self._students, self._sections = students, sections
        # Short: a socket's path must be.
        self._folder = Path(tempfile.mkdtemp(prefix="rc-"))
        self.data_dir = self._folder / "data"
        self.postgres, self.valkey = Postgres(self.data_dir), Valkey(self.data_dir)
        self.port = _free_port()
        self._web = Web(data_dir=self.data_dir, host="127.0.0.1", port=self.port, workers=WEB_WORKERS)
        self._running = ExitStack()
        self.people: list[Person] = []

    def __enter__(self) -> "Installation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.resume_valkey()
        self._web.stop()
        self._running.close()
        shutil.rmtree(socket_folder(self.data_dir), ignore_errors=True)
        shutil.rmtree(OWN_FOLDERS / short_name(self.data_dir), ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- Building -------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Start both servers and make the demo data."""
        self._running.enter_context(embedded.running(self.data_dir, postgres=True, valkey=True))
        tokens = self._folder / "tokens.csv"
        self._manage("migrate", "--verbosity", "0")
        self._manage(
            "seed_demo", "--sections", str(self._sections), "--students", str(self._students),
            "--tokens", str(tokens),
        )  # fmt: skip
        with tokens.open(newline="") as file:
            self.people = [
                Person(row["role"], row["username"], row["token"], int(row["section"] or 0) or None)
                for row in csv.DictReader(file)
            ]

    def serve(self) -> None:
        """Start the web server. Called in the main thread: the kernel ends it with the thread that started it."""
        with patch.dict(os.environ, self._environment()):
            self._web.start()

    def await_web(self) -> None:
        """:raises RuntimeError: if the web server does not answer"""
        if not self._web.await_answer(seconds=WEB_START_SECONDS):
            raise RuntimeError("The web server did not start.")

    def _environment(self) -> dict[str, str]:
        own = {"ROLLCALL_DATA_DIR": str(self.data_dir), "PORT": str(self.port)}
        # Phones, web and servers share all processors here: a healthy Redis may have to wait for one. And every answer
        # is compared with what was acknowledged before it was asked for: none may be a second old.
        defaults = {"REDIS_TIMEOUT_SECONDS": "0.25", "STATS_SHARED_SECONDS": "0"}
        return {**defaults, **os.environ, **own}

    def _manage(self, *words: str) -> None:
        subprocess.run(
            [sys.executable, PROJECT / "manage.py", *words],
            env=self._environment(), cwd=PROJECT, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    # --- Looking behind the API -------------------------------------------------------------------------------

    def register(self, sessions: list[Scope]) -> dict[str, Row]:
        """Who is marked present, by user name, as PostgreSQL has it."""
        with psycopg.connect(embedded.database_url(self.data_dir)) as connection:
            rows = connection.execute(REGISTER, [sessions]).fetchall()
        return {username: Row(session, float(marked_at)) for username, session, marked_at in rows}

    def set_sizes(self, sessions: list[Scope]) -> dict[Scope, int]:
        """The cardinalities of the sets of those present."""
        with self._redis() as client:
            return {session: int(client.scard(f"session:{session}:attended")) for session in sessions}

    def _redis(self) -> redis.Redis:
        return redis.Redis.from_url(embedded.redis_url(self.data_dir, database=0), decode_responses=True)

    # --- Killing --------------------------------------------------------------------------------------------

    def kill_valkey(self) -> None:
        """As `kill -9` does."""
        _kill(self.valkey.processes())

    def empty_valkey(self) -> None:
        """Remove what it kept on the disk."""
        shutil.rmtree(self.valkey.folder)

    def pause_valkey(self) -> None:
        """SIGSTOP: it takes connections and never answers."""
        for process in self.valkey.processes():
            process.suspend()

    def resume_valkey(self) -> None:
        """SIGCONT."""
        for process in self.valkey.processes():
            process.resume()

    def flush_valkey(self) -> None:
        """FLUSHALL."""
        with self._redis() as client:
            client.flushall()

    def delete_keys(self) -> None:
        """Delete half of the keys, whichever they are, and half of the members of another."""
        with self._redis() as client:
            keys = sorted(client.scan_iter(match="session:*"))
            random.shuffle(keys)
            half = len(keys) // 2
            client.delete(*keys[:half])
            for key in keys[half:]:
                if client.type(key) == "set":
                    client.spop(key, client.scard(key) // 2)

    def kill_web_worker(self) -> None:
        """Kill one of granian's workers; its main process makes a new one."""
        main = next(
            process
            for process in psutil.Process().children()
            if process.environ().get(MARK) == str(self.data_dir)
        )
        workers = [process for process in main.children() if process.net_connections("tcp")]
        _kill([random.choice(workers)])

    def kill_postgres_backend(self) -> None:
        """Kill a server process that works for a web worker: PostgreSQL then ends all others and recovers."""
        with psycopg.connect(embedded.database_url(self.data_dir), autocommit=True) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
        own = {process.pid: process for process in self.postgres.processes()}
        _kill([own[random.choice(rows)[0]]])

    def kill_postgres(self) -> None:
        """Kill the main process; the others end when they notice."""
        main = int((self.postgres.folder / "postmaster.pid").read_text().split("\n", 1)[0])
        _kill([process for process in self.postgres.processes() if process.pid == main])

    def await_postgres(self) -> None:
        """Start it if it does not run, and wait until it has recovered."""
        self.postgres.ensure()


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
