"""A real web server that a test may kill."""

import http.client
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

from attendance.models import User
from config.serving.web import OWNER_VARIABLE, Web
from tests.support.factories import key_of
from tests.support.ports import free_port


@dataclass(frozen=True)
class Reply:
    """An answer of the server."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> tuple[int, str | None]:
        return self.status, self.body.get("code")


class Server:
    """A web server on its own port that uses the tests' database."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.start()

    def start(self, **settings: str) -> None:
        """Start it on a new port; ``settings`` are further environment variables."""
        self.port = free_port()
        self.web = Web(data_dir=self.folder, host="127.0.0.1", port=self.port, workers=1)
        with patch.dict(os.environ, self.environment | settings):
            self.web.start()
        assert self.web.await_answer(seconds=60)

    def kill(self) -> None:
        """Kill all its processes with SIGKILL."""
        processes = self.processes()
        assert processes
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=30)
        self.web.stop()

    def processes(self) -> list[psutil.Process]:
        return [one for one in psutil.Process().children(recursive=True) if self._is_ours(one)]

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Stop its processes with SIGSTOP: connections are accepted, and nothing answers."""
        processes = self.processes()
        assert processes
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def restart(self, **settings: str) -> None:
        """Kill it and start it again, with these environment variables."""
        self.kill()
        self.start(**settings)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return bool(process.environ().get(OWNER_VARIABLE) == str(self.folder))
        except psutil.Error:
            return False

    def call(self, user: User, method: str, path: str, body: dict[str, Any] | None = None) -> Reply:
        """Send a request with the user's API token."""
        headers = {"Authorization": f"Token {key_of(user)}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, f"/api/v1/{path}", json.dumps(body or {}), headers)
            answer = connection.getresponse()
            return Reply(answer.status, json.loads(answer.read()))
        finally:
            connection.close()
