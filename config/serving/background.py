"""The background process of `make run`: it ends sessions that were left open, and deletes expired sign-ins."""

import os
import subprocess
import sys
import time
from pathlib import Path

from config.serving.web import OWNER_VARIABLE, START_AS

# A forgotten session ends at most this much too late.
INTERVAL_SECONDS = 60
# Pause between starts, in case the process fails at once.
RESTART_SECONDS = 10


class BackgroundLoop:
    """``manage.py background --loop`` for one data folder. Stopping the web server stops it too (they share a mark)."""

    def __init__(self, *, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._process: subprocess.Popen[bytes] | None = None
        self._started = -float(RESTART_SECONDS)

    def keep_alive(self) -> None:
        """Start the process if it is not running."""
        is_alive = self._process is not None and self._process.poll() is None
        if is_alive or time.monotonic() < self._started + RESTART_SECONDS:
            return
        self._started = time.monotonic()
        # Not through manage.py, which stops the embedded servers when it is the last process to exit.
        command = [sys.executable, "-m", "django", "background", "--loop", str(INTERVAL_SECONDS)]
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-S", "-E", START_AS, "mortal", str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            env={**os.environ, OWNER_VARIABLE: str(self.data_dir)},
            start_new_session=True,
        )
