"""A Valkey of a test's own, that it may kill, pause and empty."""

import copy
import shutil
import tempfile
from pathlib import Path
from typing import Any

import psutil
import redis
from django.conf import settings

from config import embedded
from config.embedded.server import stop
from config.embedded.valkey import Valkey


class OwnValkey:
    """A real server of its own data folder, with what can happen to it."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="rc-"))
        self.server = Valkey(self.folder / "data")
        self.url = embedded.redis_url(self.server.data_dir, database=0)
        self.start()

    def start(self):
        self.server.ensure()

    def kill(self):
        """As `kill -9` does; what it held in memory alone is gone."""
        for process in self.server.processes():
            process.kill()
            psutil.wait_procs([process])

    def forget_data(self):
        """Remove its append-only file, so that it starts empty."""
        shutil.rmtree(self.server.folder)

    def pause(self):
        for process in self.server.processes():
            process.suspend()

    def resume(self):
        for process in self.server.processes():
            process.resume()

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, decode_responses=True)

    def caches(self) -> dict[str, Any]:
        """The CACHES setting with the live sets here."""
        caches = copy.deepcopy(settings.CACHES)
        caches["live"]["LOCATION"] = self.url
        return caches

    def close(self):
        self.resume()
        stop([self.server])
        shutil.rmtree(self.server.sockets, ignore_errors=True)
        shutil.rmtree(self.folder)
