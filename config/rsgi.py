"""What the web server's workers run: Django's WSGI handler, called from an event loop by RSGI, granian's own interface.

Each request has a thread of its own while Django works on it, as under any WSGI server. Two things are different:

- What a whole hall asks in the same seconds (views that say ``is_quick``) is answered on the loop itself, where nothing is
  handed over to another thread, as long as the process knows all that the answer needs (``attendance.waits``).
- An answer that waits for what is done for many at once (``Later``) keeps neither the loop nor a thread meanwhile.

Django's own way to run on an event loop (ASGI) costs several times as much for each request, and gives nothing more here.
"""

import asyncio
import gc
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from typing import Any, cast

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from attendance.together import Waiting
from attendance.waits import WouldWait, without_waiting
from config.environs import environ_of, read_body
from qrsessions.api.later import MAY_BE_LATER, Later

THREADS = 24
# A longer answer is sent in pieces of this size.
PIECE_BYTES = 256 * 1024


class QuickRequest(WSGIRequest):
    """Looks once whether its host is one of the site's: the API asks, and the check for CSRF asks again."""

    _host = ""

    def get_host(self) -> str:
        self._host = self._host or super().get_host()
        return self._host


class Application:
    """The site on one event loop. A program that has the loop calls ``__rsgi_init__`` first."""

    def __init__(self, handler: WSGIHandler) -> None:
        self._handler = handler
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._waiting: dict[Waiting[Any, Any], tuple[Later, asyncio.Future[None]]] = {}
        self._loop: asyncio.AbstractEventLoop

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        _share_processors_in_turns()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request.

        :param scope: a ``granian.rsgi.Scope``
        :param protocol: a ``granian.rsgi.HTTPProtocol``
        """
        environ = environ_of(scope)
        await read_body(environ, protocol)
        environ[MAY_BE_LATER] = True
        response = self._on_the_loop(environ) if _is_quick(environ["PATH_INFO"]) else None
        if response is None:
            response = await self._loop.run_in_executor(self._threads, self._in_a_thread, environ, protocol)
            if response is None:
                return
        if isinstance(response, Later):
            await self._finish(response)
        if response.content:
            protocol.response_bytes(response.status_code, _headers(response), response.content)
        else:
            protocol.response_empty(response.status_code, _headers(response))

    def _on_the_loop(self, environ: dict[str, Any]) -> HttpResponse | None:
        """The answer, from what this process knows; None where it needs a thread.

        Without Django's signals of a request's start and end: they see to connections, and none is used here.
        """
        try:
            with without_waiting():
                return cast("HttpResponse", self._handler.get_response(QuickRequest(environ)))
        except WouldWait:
            environ["wsgi.input"].seek(0)
            return None

    def _in_a_thread(self, environ: dict[str, Any], protocol: Any) -> HttpResponse | None:
        """The answer; None where it has been sent."""
        response = self._handler(environ, _headers_are_read_from_the_response)
        try:
            if isinstance(response, HttpResponse):
                return response
            self._send_stream(response, protocol)
        finally:
            response.close()
        return None

    def _send_stream(self, response: HttpResponseBase, protocol: Any) -> None:
        pieces = _pieces(cast("Iterator[bytes]", response))
        first = next(pieces)
        if len(first) < PIECE_BYTES:
            protocol.response_bytes(response.status_code, _headers(response), first)
            return
        stream = protocol.response_stream(response.status_code, _headers(response))
        for piece in (first, *pieces):
            # By this thread to the end: what makes the pieces may hold a connection.
            asyncio.run_coroutine_threadsafe(_send(stream, piece), self._loop).result()

    async def _finish(self, response: Later) -> None:
        while not response.is_finished:
            gone_on = self._loop.create_future()
            self._waiting[response.waiting] = response, gone_on
            response.waiting.start(self._tell)
            await gone_on

    def _tell(self, done: Sequence[Waiting[Any, Any]]) -> None:
        """Called by the thread that did what these wait for."""
        self._loop.call_soon_threadsafe(self._wake, done)

    def _wake(self, done: Sequence[Waiting[Any, Any]]) -> None:
        """All of them go on before the first is sent: to send wakes granian's thread, once if they follow on each other."""
        errors: dict[asyncio.Future[None], Exception] = {}
        going_on = [self._waiting.pop(waiting) for waiting in done]
        for response, gone_on in going_on:
            try:
                response.go_on()
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                errors[gone_on] = error
        for _response, gone_on in going_on:
            if gone_on.done():
                # The server has given the request up.
                continue
            if gone_on in errors:
                gone_on.set_exception(errors[gone_on])
            else:
                gone_on.set_result(None)


def _share_processors_in_turns() -> None:
    """In a crowd web processes, PostgreSQL and Redis wake each other all the time: whoever is woken waits for its turn.

    For this thread and those that it starts. Linux calls that SCHED_BATCH; others go on as they do.
    """
    if hasattr(os, "SCHED_BATCH"):
        # A container may forbid it.
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


@lru_cache(maxsize=4096)
def _is_quick(path: str) -> bool:
    if not path.startswith("/api/"):
        return False
    try:
        view = resolve(path).func
    except Resolver404:
        return False
    return getattr(getattr(view, "view_class", None), "is_quick", False)


def _headers_are_read_from_the_response(*_told: Any) -> Callable[[bytes], object]:
    return lambda content: None


def _headers(response: HttpResponseBase) -> list[tuple[str, str]]:
    cookies = [("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values()]
    return [*response.items(), *cookies]


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same in fewer and larger ones; at least one."""
    some: list[bytes] = []
    size = 0
    for chunk in chunks:
        some.append(chunk)
        size += len(chunk)
        if size >= PIECE_BYTES:
            yield b"".join(some)
            some, size = [], 0
    yield b"".join(some)


async def _send(stream: Any, piece: bytes) -> None:
    await stream.send_bytes(piece)


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# A query on the loop must fail, so that it is made in a thread: here nobody would give the connection back.
os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
application = Application(get_wsgi_application())
# What is there now stays: to look through all of it for garbage again and again would stop the process for a tenth of a second.
gc.collect()
gc.freeze()
# Next to nothing that a request makes is garbage that only this finds; Python's own 700 objects are soon made.
gc.set_threshold(20_000, 10, 10)
