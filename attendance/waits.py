"""Where nobody may wait: on the event loop of a web process, which serves many requests (``config/event_loop.py``).

What a process knows is answered there. Whoever is about to ask a server, or to wait for another thread, says so first
(``about_to_wait``); there the request is then given up before anything was done, and begun anew in a thread that may wait.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class WouldWait(BaseException):
    """The request needs a thread that may wait. No ``Exception``: nobody who handles errors may answer it."""


class _Thread(threading.local):
    may_wait = True


_thread = _Thread()


@contextmanager
def without_waiting() -> Iterator[None]:
    """What this thread does inside raises ``WouldWait`` where it would have to wait."""
    _thread.may_wait = False
    try:
        yield
    finally:
        _thread.may_wait = True


def may_wait() -> bool:
    """Whether this thread may wait."""
    return _thread.may_wait


def about_to_wait() -> None:
    """
    :raises WouldWait: where nobody may wait
    """
    if not _thread.may_wait:
        raise WouldWait
