"""The site on an event loop: Django's WSGI handler, called by RSGI, granian's own interface.

Each request has a thread of its own while Django works on it, as under any WSGI server. Two things are different:

- What a whole hall asks in the same seconds (``config.answering``) is answered on the loop itself, where nothing is handed
  over to another thread, as long as the process knows all that the answer needs (``attendance.waits``).
- An answer that waits for what is done for many at once keeps neither the loop nor a thread meanwhile.

Django's own way to run on an event loop (ASGI) costs several times as much for each request, and gives nothing more here.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from attendance.together import Waiting
from attendance.waits import WouldWait, without_waiting
from config.answering import Answering
from config.environs import environ_of, read_body

THREADS = 24
# A longer answer is sent in pieces of this size.
PIECE_BYTES = 256 * 1024


class Application:
    """The site on one event loop. A program that has the loop calls ``__rsgi_init__`` first."""

    def __init__(self, handler: WSGIHandler) -> None:
        self._handler = handler
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._waiting: dict[Waiting[Any, Any], tuple[Answering, asyncio.Future[bool]]] = {}
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
        answering = Answering.of(environ)
        if answering:
            await self._answer(answering, protocol)
            return
        response = await self._loop.run_in_executor(self._threads, self._in_a_thread, environ, protocol)
        if response is None:
            return
        if response.content:
            protocol.response_bytes(response.status_code, _headers(response), response.content)
        else:
            protocol.response_empty(response.status_code, _headers(response))

    async def _answer(self, answering: Answering, protocol: Any) -> None:
        can_wait_here = _goes_on(answering)
        while can_wait_here and answering.content is None:
            gone_on = self._loop.create_future()
            self._waiting[answering.waiting] = answering, gone_on
            answering.waiting.start(self._tell)
            can_wait_here = await gone_on
        if not can_wait_here:
            answering = answering.anew()
            await self._loop.run_in_executor(self._threads, finish, answering)
        content = answering.content
        assert content is not None  # noqa: S101 - it is finished
        if content.content:
            protocol.response_bytes(content.status, answering.headers(), content.content)
        else:
            protocol.response_empty(content.status, answering.headers())

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

    def _tell(self, done: Sequence[Waiting[Any, Any]]) -> None:
        """Called by the thread that did what these wait for."""
        self._loop.call_soon_threadsafe(self._wake, done)

    def _wake(self, done: Sequence[Waiting[Any, Any]]) -> None:
        """All of them go on before the first is sent: to send wakes granian's thread, once if they follow on each other."""
        going_on = [self._waiting.pop(waiting) for waiting in done]
        went_on = [_goes_on(answering) for answering, _gone_on in going_on]
        for (_answering, gone_on), can_wait_here in zip(going_on, went_on, strict=True):
            # Else the server has given the request up.
            if not gone_on.done():
                gone_on.set_result(can_wait_here)


def _goes_on(answering: Answering) -> bool:
    """Whether it went on without a thread that may wait; what changes something does so, so it is not done twice."""
    try:
        with without_waiting():
            answering.go_on()
    except WouldWait:
        return False
    return True


def finish(answering: Answering) -> None:
    """Go on to the end, in a thread that may wait, which gives its connections back."""
    request_started.send(Application)
    try:
        answering.go_on()
        while answering.content is None:
            answering.waiting.wait()
            answering.go_on()
    finally:
        request_finished.send(Application)


def _share_processors_in_turns() -> None:
    """In a crowd web processes, PostgreSQL and Redis wake each other all the time: whoever is woken waits for its turn.

    For this thread and those that it starts. Linux calls that SCHED_BATCH; others go on as they do.
    """
    if hasattr(os, "SCHED_BATCH"):
        # A container may forbid it.
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


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
