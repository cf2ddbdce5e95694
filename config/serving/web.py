"""The web server: granian and its workers.

``make run`` starts and stops it through ``Web``. ``python -m config.serving.web`` becomes the web server itself, for
containers and service managers; it migrates nothing and collects no files.
"""

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.embedded.folders import private_folder

START_AS = str(Path(__file__).parent.parent / "embedded" / "start_as.py")
# In the environment of every process of the web server: how a later run knows those of a killed one.
OWNER_VARIABLE = "ROLLCALL_WEB_OF"
APPLICATION = "config.serving.http:application"
# Idle keep-alive connections count too: each phone of a full hall holds one, whichever worker it met.
CONNECTIONS_PER_WORKER = 8192
# The longest that granian allows. A client that sends just as an idle connection closes has to send again.
IDLE_MILLISECONDS = 60_000
# The whole stop must take less than ten seconds, the servers' own included.
STOP_SECONDS = 2.5


def port_problem(host: str, port: int) -> str:
    """Why nothing can listen there, in one line; empty if it can."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # A connection that just ended must not make the port look busy. (granian shares its port with
            # others that allow it, so it would never notice one that is taken.)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        return f"Port {port} on {host} can't be used: {error.strerror}. Choose another one: make run PORT={port + 1}"
    return ""


def granian_command(
    application: str, *, host: str, port: int, workers: int, interface: str = "rsgi"
) -> list[str]:
    """The command that serves an application of an interface of granian's."""
    return [
        sys.executable, "-m", "granian", application,
        "--interface", interface, "--host", host, "--port", str(port), "--workers", str(workers),
        "--http", "1", "--backlog", "4096", "--backpressure", str(CONNECTIONS_PER_WORKER), "--no-ws",
        "--http1-header-read-timeout", str(IDLE_MILLISECONDS),
        "--respawn-failed-workers", "--workers-kill-timeout", "2", "--log-level", "error",
    ]  # fmt: skip


def workers() -> int:
    """How many web processes to run: ``WEB_WORKERS``, or one for each processor, from 2 to 4.

    :raises ImproperlyConfigured: if ``WEB_WORKERS`` is not a number from 1 up
    """
    text = os.environ.get("WEB_WORKERS") or str(min(4, max(2, os.cpu_count() or 2)))
    if not text.isdecimal() or int(text) < 1:
        raise ImproperlyConfigured(f"WEB_WORKERS is {text!r}; give a whole number of at least 1.")
    return int(text)


class Web:
    """granian with its workers, serving one application for one data folder."""

    def __init__(
        self,
        *,
        data_dir: Path,
        host: str,
        port: int,
        workers: int,
        application: str = APPLICATION,
        interface: str = "rsgi",
    ) -> None:
        self.data_dir = data_dir
        self.application, self.interface = application, interface
        self.host = host
        self.port = port
        self.workers = workers
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the processes; they listen a moment later."""
        _allow_many_files()
        metrics = _empty_folder(self.data_dir / "metrics")
        granian = granian_command(
            self.application,
            host=self.host,
            port=self.port,
            workers=self.workers,
            interface=self.interface,
        )
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-S", "-E", START_AS, "mortal", str(os.getpid()), *granian],
            stdin=subprocess.DEVNULL,
            env={**os.environ, OWNER_VARIABLE: str(self.data_dir), "PROMETHEUS_MULTIPROC_DIR": str(metrics)},
            # Ctrl-C in the terminal is for the supervisor, which stops everything in order.
            start_new_session=True,
        )

    def await_answer(self, *, seconds: float) -> bool:
        """Whether the server takes connections within that time."""
        deadline = time.monotonic() + seconds
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        while self.is_alive() and time.monotonic() < deadline:
            try:
                with socket.create_connection((host, self.port), timeout=1) as connection:
                    connection.sendall(
                        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                    )
                    connection.settimeout(5)
                    if connection.recv(12).startswith(b"HTTP/"):
                        return True
            except OSError:
                pass
            time.sleep(0.1)
        return False

    def is_alive(self) -> bool:
        """Whether granian's main process lives. It replaces workers that die by itself."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop every process that serves this data folder, those of a killed run too."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        leftover = self._marked_processes()
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in leftover:
                try:
                    process.send_signal(number)
                except psutil.NoSuchProcess:
                    continue
            _, leftover = psutil.wait_procs(leftover, timeout=1)

    def _marked_processes(self) -> list[psutil.Process]:
        marked = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(OWNER_VARIABLE) == str(self.data_dir) and process.pid != os.getpid():
                    marked.append(process)
            except (psutil.Error, OSError):
                continue
        return marked


def _empty_folder(folder: Path) -> Path:
    # What an earlier run counted there would be added to what this one counts.
    shutil.rmtree(folder, ignore_errors=True)
    return private_folder(folder)


def _allow_many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = 4 * CONNECTIONS_PER_WORKER
    if soft != resource.RLIM_INFINITY and soft < enough:
        limit = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def main() -> None:
    """Become the web server of this site."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    _allow_many_files()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_empty_folder(settings.DATA_DIR / "metrics"))
    command = granian_command(APPLICATION, host=settings.HOST, port=settings.PORT, workers=workers())
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
