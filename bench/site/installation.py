"""The site as `make run` starts it, in a data folder of the benchmark's own, and the hello server beside it."""

import csv
import io
import os
import re
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import psutil
from django.core.management import call_command

from config import embedded
from config.embedded.postgres import Postgres
from config.embedded.valkey import Valkey
from config.serving.web import OWNER_VARIABLE, Web

START_SECONDS = 60
EVENT = re.compile(r'\bevent=("[^"]*"|\S+)')
HELLO = "bench.site.hello:application"


class Installation:
    """Servers and demo data in the folder of ``fresh_environment``. Leaving the block stops the servers."""

    def __init__(self, data_dir: Path, *, workers: int) -> None:
        self.data_dir = data_dir
        self.workers = workers
        self.log = data_dir.parent / "web.log"
        self.port, self.hello_port = _free_port(), _free_port()
        self.web = self._site(workers)
        self._hello = self._granian(
            data_dir / "hello", self.hello_port, workers, application=HELLO, interface="wsgi"
        )
        self._running = ExitStack()

    def __enter__(self) -> "Installation":
        self.log.unlink(missing_ok=True)
        self._running.enter_context(embedded.running(self.data_dir, postgres=True, valkey=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hello.stop()
        self.web.stop()
        self._running.close()

    def seed(self, *, sections: int, students: int) -> list[dict[str, str]]:
        """Migrate and create the demo institution. Returns its sign-ins as rows."""
        tokens = self.data_dir / "tokens.csv"
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        call_command("seed_demo", sections=sections, students=students, tokens=tokens, stdout=io.StringIO())
        with tokens.open(newline="") as file:
            return list(csv.DictReader(file))

    # --- The two web servers --------------------------------------------------------------------------------

    def serve(self, *, hello: bool = True) -> None:
        """Start the site and, if wanted, the hello server."""
        for web in [self.web, *([self._hello] if hello else [])]:
            self._start(web)

    def restart_with(self, workers: int) -> None:
        """Restart the site with another number of processes."""
        self.web.stop()
        self.web = self._site(workers)
        self._start(self.web)

    def _site(self, workers: int) -> Web:
        return self._granian(self.data_dir, self.port, workers)

    def _granian(self, data_dir: Path, port: int, workers: int, **options: str) -> Web:
        return Web(data_dir=data_dir, host="127.0.0.1", port=port, workers=workers, **options)

    def _start(self, web: Web) -> None:
        with _stderr_to(self.log):
            web.start()
        if not web.await_answer(seconds=START_SECONDS):
            raise RuntimeError(f"{web.application} did not start; see {self.log}")

    # --- Process statistics -----------------------------------------------------------------------------------

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds that each part has used so far."""
        return {
            "web": _cpu(_tree(_main_of(self.web))),
            "postgres": _cpu(Postgres(self.data_dir).processes()),
            "redis": _cpu(Valkey(self.data_dir).processes()),
            "hello": _cpu(_tree(_main_of(self._hello))),
            "client": sum(os.times()[:2]),
        }

    def memory_per_worker(self) -> list[int]:
        """Unshared memory (USS) of each worker, in bytes."""
        main = _main_of(self.web)
        return [worker.memory_full_info().uss for worker in main.children()] if main else []

    def logged(self) -> dict[str, int]:
        """How often the site logged each event."""
        lines = self.log.read_text(errors="replace").splitlines()
        return dict(Counter(found[1] for line in lines if (found := EVENT.search(line))))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _main_of(web: Web) -> psutil.Process | None:
    """granian's main process, if running."""
    for process in psutil.Process().children():
        try:
            if process.environ().get(OWNER_VARIABLE) == str(web.data_dir):
                return process
        except psutil.Error:
            continue
    return None


def _tree(process: psutil.Process | None) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)] if process else []


def _cpu(processes: list[psutil.Process]) -> float:
    """CPU seconds of the processes and of their finished children."""
    seconds = 0.0
    for process in processes:
        try:
            seconds += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return seconds


@contextmanager
def _stderr_to(path: Path) -> Iterator[None]:
    """Processes started inside the block write their log to this file."""
    kept = os.dup(sys.stderr.fileno())
    try:
        with path.open("ab") as log:
            os.dup2(log.fileno(), sys.stderr.fileno())
        yield
    finally:
        os.dup2(kept, sys.stderr.fileno())
        os.close(kept)
