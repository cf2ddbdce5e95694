"""What both embedded servers have in common: found, started, waited for, stopped."""

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
# How long a living server may be too busy to answer before it counts as hung and is replaced.
SILENT_SECONDS = 10
POLL_SECONDS = 0.05
LOG_BYTES_KEPT = 5_000_000

# Held so that ended children are reaped, and because servers may outlive the process that started them.
_children: list[subprocess.Popen[bytes]] = []


class State(Enum):
    """What a server says when it is called."""

    AWAY = "away"
    SILENT = "silent"
    STARTING = "starting"
    READY = "ready"


class Server(ABC):
    """One embedded server of one data folder. The caller holds the lock on starting and stopping."""

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
        """The data's real folder, in which the server's processes work."""

    @abstractmethod
    def answer(self) -> State:
        """What the server itself says: AWAY if nobody does, SILENT if it takes too long."""

    @abstractmethod
    def remove_leftovers(self) -> None:
        """Remove what a killed server left: called when none of its processes lives."""

    @abstractmethod
    def prepare(self) -> list[str]:
        """Make the folders and data that are missing; answer the command that starts the server."""

    def processes(self) -> list[psutil.Process]:
        """The server's processes. A pid alone proves nothing; working in our data folder does."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.name() == self.process_name and Path(process.cwd()) == self.folder:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def is_alive(self) -> bool:
        """Whether the process that leads the others is there."""
        return bool(self.processes())

    def state(self) -> State:
        """What it says. One that lives and can't be reached is silent: too busy, or not listening yet."""
        answer = self.answer()
        return State.SILENT if answer is State.AWAY and self.is_alive() else answer

    def ensure(self) -> None:
        """Use the server that runs, or replace what is left of it.

        :raises EmbeddedError: with the server's own last words, if it does not start
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
                # Ctrl-C in the terminal is for the supervisor, which stops the servers last.
                start_new_session=True,
            )
            _children.append(self._child)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while (state := self.state()) is not State.READY:
            ended = self._child is None or self._child.poll() is not None
            if (ended and state is State.AWAY) or time.monotonic() > deadline:
                raise EmbeddedError(f"{self.title} did not start: {self._last_words()} ({self.log})")
            time.sleep(POLL_SECONDS)

    def _last_words(self) -> str:
        text = self.log.read_bytes()[self._log_start :] if self.log.exists() else b""
        lines = text.decode(errors="replace").splitlines()
        telling = [line for line in lines if "FATAL" in line or "error" in line.lower()]
        return (telling or lines or ["no reason is known"])[-1].strip()


def stop(servers: list[Server]) -> None:
    """Stop the servers together, more firmly step by step, in less than seven seconds. Waits for the end."""
    waiting = {server: server.processes() for server in servers}
    stopped = {process.pid for processes in waiting.values() for process in processes}
    for step in range(max(len(server.stop_signals) for server in servers)):
        deadline = 0.0
        for server, processes in waiting.items():
            number, seconds = server.stop_signals[min(step, len(server.stop_signals) - 1)]
            deadline = max(deadline, time.monotonic() + seconds)
            for process in _leaders(processes):
                try:
                    process.send_signal(number)
                except psutil.NoSuchProcess:
                    continue
        while any(waiting.values()) and time.monotonic() < deadline:
            waiting = {server: [p for p in server.processes() if _lives(p)] for server in servers}
            _reap()
            time.sleep(POLL_SECONDS / 2)
        if not any(waiting.values()):
            break
    # One that is ending has no folder any more and is not found above, but is not reaped yet either.
    for child in _children:
        if child.pid in stopped:
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=1)
    _reap()


def _reap() -> None:
    _children[:] = [child for child in _children if child.poll() is None]


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _leaders(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that were not started by one of the others; the orphans of a killed server all are."""
    pids = {process.pid for process in processes}
    leaders = []
    for process in processes:
        try:
            if process.ppid() not in pids:
                leaders.append(process)
        except psutil.NoSuchProcess:
            continue
    return leaders


def clean_environment() -> dict[str, str]:
    """An environment without our secrets and without variables that a server would obey."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
