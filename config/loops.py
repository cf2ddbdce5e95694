"""What `make run` does beside the web server, in a process of its own: it ends sessions that were left open."""

import os
import subprocess
import sys
import time
from pathlib import Path

from config.web import MARK, START_AS

# How late a forgotten session may end.
EVERY_SECONDS = 60
# One that can't run is not tried again and again without a pause.
RESTART_SECONDS = 10


class Loops:
    """``end_forgotten_sessions --loop`` for one data folder. It is stopped with the web server, whose mark it bears."""

    def __init__(self, *, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._process: subprocess.Popen[bytes] | None = None
        self._started = -float(RESTART_SECONDS)

    def keep_alive(self) -> None:
        """Start the process where it does not run."""
        is_alive = self._process is not None and self._process.poll() is None
        if is_alive or time.monotonic() < self._started + RESTART_SECONDS:
            return
        self._started = time.monotonic()
        # Not by manage.py: that would stop the embedded servers when it is the last one to end.
        command = [sys.executable, "-m", "django", "end_forgotten_sessions", "--loop", str(EVERY_SECONDS)]
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-S", "-E", START_AS, "mortal", str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            env={**os.environ, MARK: str(self.data_dir)},
            start_new_session=True,
        )
