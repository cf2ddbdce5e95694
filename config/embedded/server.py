"""Finding, starting, awaiting and stopping an embedded server."""

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from enum import Enum
from pathlib import Path

import psutil

from config.embedded.folders import EmbeddedError, private_folder, private_socket_folder

START_SECONDS = 60
# A running server that does not answer for this long counts as hung and is replaced.
SILENT_SECONDS = 10
POLL_SECONDS = 0.05
LOG_BYTES_KEPT = 5_000_000

# Kept so that ended children are reaped; servers may outlive the process that started them.
_children: list[subprocess.Popen[bytes]] = []


class State(Enum):
    """How a server responds to a connection."""

    AWAY = "away"
    SILENT = "silent"
    STARTING = "starting"
    READY = "ready"


class Server(ABC):
    """One embedded server of a data folder. Callers that start or stop it hold ``starting.lock``."""

    title: str
    process_name: str
    stop_signals: tuple[tuple[signal.Signals, float], ...]

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = private_folder(data_dir.resolve())
        self.sockets = private_socket_folder(self.data_dir)
        self.log = self.data_dir / f"{self.process_name}.log"
        self._child: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    @abstractmethod
    def folder(self) -> Path:
        """The real path of the data, which is the working directory of the server's processes."""

    @abstractmethod
    def answer(self) -> State:
        """Try to connect: AWAY if nothing listens, SILENT if the answer takes too long."""

    @abstractmethod
    def remove_leftovers(self) -> None:
        """Remove files of a killed server. Called when none of its processes is running."""

    @abstractmethod
    def prepare(self) -> list[str]:
        """Create missing folders and data. Returns the command that starts the server."""

    def processes(self) -> list[psutil.Process]:
        """The server's processes, found by name and working directory, because pids are reused."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.name() == self.process_name and Path(process.cwd()) == self.folder:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def is_alive(self) -> bool:
        """Whether the main process is running."""
        return bool(self.processes())

    def state(self) -> State:
        """The server's state. One that runs but can't be reached is SILENT: too busy, or not listening yet."""
        answer = self.answer()
        return State.SILENT if answer is State.AWAY and self.is_alive() else answer

    def ensure(self) -> None:
        """Use the running server, or start one.

        :raises EmbeddedError: with the server's last error message, if it does not start
        """
        deadline = time.monotonic() + SILENT_SECONDS
        while (state := self.state()) is State.SILENT and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if state in {State.AWAY, State.SILENT}:
            stop([self])
            self.remove_leftovers()
            self._start()
        self._await_ready()

    def _start(self) -> None:
        _reap()
        command = self.prepare()
        fresh = not self.log.exists() or self.log.stat().st_size > LOG_BYTES_KEPT
        with self.log.open("wb" if fresh else "ab") as log:
            self.log.chmod(0o600)
            self._log_start = self.log.stat().st_size
            self._child = subprocess.Popen(  # noqa: S603 - our own binaries
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=clean_environment(),
                # Ctrl-C goes to the supervisor only, which stops the servers last.
                start_new_session=True,
            )
            _children.append(self._child)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while (state := self.state()) is not State.READY:
            ended = self._child is None or self._child.poll() is not None
            if (ended and state is State.AWAY) or time.monotonic() > deadline:
                raise EmbeddedError(f"{self.title} did not start: {self._last_error()} ({self.log})")
            time.sleep(POLL_SECONDS)

    def _last_error(self) -> str:
        text = self.log.read_bytes()[self._log_start :] if self.log.exists() else b""
        lines = text.decode(errors="replace").splitlines()
        errors = [line for line in lines if "FATAL" in line or "error" in line.lower()]
        return (errors or lines or ["no reason is known"])[-1].strip()


def stop(servers: list[Server]) -> None:
    """Stop the servers together with ever stronger signals and wait until they have ended: under seven seconds."""
    waiting = {server: server.processes() for server in servers}
    stopped = {process.pid for processes in waiting.values() for process in processes}
    for step in range(max(len(server.stop_signals) for server in servers)):
        deadline = 0.0
        for server, processes in waiting.items():
            number, seconds = server.stop_signals[min(step, len(server.stop_signals) - 1)]
            deadline = max(deadline, time.monotonic() + seconds)
            for process in _main_processes(processes):
                try:
                    process.send_signal(number)
                except psutil.NoSuchProcess:
                    continue
        while any(waiting.values()) and time.monotonic() < deadline:
            waiting = {server: [p for p in server.processes() if _is_running(p)] for server in servers}
            _reap()
            time.sleep(POLL_SECONDS / 2)
        if not any(waiting.values()):
            break
    # A process that is ending has no working directory, so it is not found above, but it is not reaped yet.
    for child in _children:
        if child.pid in stopped:
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=1)
    _reap()


def _reap() -> None:
    _children[:] = [child for child in _children if child.poll() is None]


def _is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _main_processes(processes: list[psutil.Process]) -> list[psutil.Process]:
    """The processes whose parent is not among them: main processes and orphans."""
    pids = {process.pid for process in processes}
    main_processes = []
    for process in processes:
        try:
            if process.ppid() not in pids:
                main_processes.append(process)
        except psutil.NoSuchProcess:
            continue
    return main_processes


def clean_environment() -> dict[str, str]:
    """An environment without our secrets and without variables that affect a server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
