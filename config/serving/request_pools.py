"""A pool of threads for each kind of request, so that one kind can never take the threads of another.

Each pool lets a number of requests run and a number wait. Beyond that a request is refused at once (429 ``busy``), and
the phone or program asks again. A hall that marks, or PostgreSQL that hangs, thus leaves threads for everybody else.
"""

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

_FILES = (
    r"/api/v1/(sections/\d+/(register|marks)\.|registers\.zip$)|/teach/sections/\d+/register/files/download/$"
)
_PASSWORDS = r"/accounts/(login|reauthenticate|password/(change|set|reset/key/.+))/$"


@dataclass
class RequestPool:
    """:param path: matches the paths of the pool; None for all that no other pool has
    :param method: the method of its requests; None for any
    :param running: how many requests run at a time, each in a thread
    :param waiting: how many more may wait for a thread
    """

    name: str
    running: int
    waiting: int
    path: re.Pattern[str] | None = None
    method: str | None = None
    _places: threading.BoundedSemaphore = field(init=False)
    _threads: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._places = threading.BoundedSemaphore(self.running + self.waiting)
        self._threads = ThreadPoolExecutor(self.running, thread_name_prefix=self.name)

    def takes(self, method: str, path: str) -> bool:
        return self.method in (None, method) and (self.path is None or self.path.match(path) is not None)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any] | None":
        """Run the function in a thread of the pool; None if the pool is full."""
        if not self._places.acquire(blocking=False):
            return None
        future = self._threads.submit(function, *arguments)
        future.add_done_callback(lambda _done: self._places.release())
        return future


def make_pools() -> list[RequestPool]:
    """The pools of one web process; a request goes to the first that takes it."""
    return [
        # Always answered, whatever else goes on.
        RequestPool("health", 2, 20, re.compile(r"/(healthz|readyz|metrics)$")),
        # Their threads wait for a batch to be committed: more of them make larger batches.
        RequestPool(
            "marks",
            64,
            2000,
            re.compile(r"/api/v1/(mark/|(group-)?sessions/[^/]+/join/)$|/A/|/student/(join|code)/"),
        ),
        # Most of their threads wait for the same reading of the numbers.
        RequestPool("dashboards", 48, 400, re.compile(r"/api/v1/(group-)?sessions/[^/]+/stats/$"), "GET"),
        RequestPool("polls", 4, 400, re.compile(r"/api/v1/me/session/$"), "GET"),
        # All that hash passwords, one at a time (config/accounts/password_hashers.py): the others read and write
        # meanwhile. The last of those that wait has its turn after some seconds. Programs, which guess, have a queue of
        # their own, so that people always get a place in theirs.
        RequestPool("tokens", 2, 100, re.compile(r"/api/v1/auth/token/$"), "POST"),
        RequestPool("passwords", 4, 150, re.compile(_PASSWORDS), "POST"),
        # One at a time: a large register takes seconds and up to 90 MB, and a ZIP file has many.
        RequestPool("files", 1, 20, re.compile(_FILES), "GET"),
        RequestPool("pages", 4, 400),
    ]
