"""What the web server's workers import: Django's WSGI application behind granian's own interface (RSGI).

Under granian's WSGI interface a slow request body or a slow reader holds a thread for as long as it likes, and
``X_Forwarded_For`` overwrites ``X-Forwarded-For``. So this module reads the body on the event loop, with limits of size and
time, calls the application in a thread (``request_pools``), and lets granian send the answer without the thread.
"""

import asyncio
import gc
import io
import sys
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.utils.translation import get_language_from_request, override

from config.serving.refusals import CUT_OFF, LENGTH_REQUIRED, TOO_LARGE, TOO_SLOW, RequestRefused
from config.serving.request_pools import make_pools
from config.wsgi import application as wsgi_application

MAX_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 30

# Status, headers, and the content or the path of a file.
Answer = tuple[int, list[tuple[str, str]], bytes | str]


class Application:
    """The site of one worker process."""

    def __init__(self) -> None:
        self._pools = make_pools()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        try:
            status, headers, content = await self._answer(scope, protocol)
        except RequestRefused as refused:
            status, headers, content = refused.answer
        if isinstance(content, str):
            protocol.response_file(status, headers, content)
        else:
            protocol.response_bytes(status, headers, content)

    async def _answer(self, scope: Any, protocol: Any) -> Answer:
        environ = environ_of(scope)
        body = await _read_body(environ, protocol)
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        pool = next(pool for pool in self._pools if pool.takes(scope.method, scope.path))
        running = pool.submit(_call, environ)
        if running is None:
            return _busy(environ)
        # Shielded: what a phone asked for is done even if the phone leaves.
        answer: Answer = await asyncio.shield(asyncio.wrap_future(running))
        return answer


async def _read_body(environ: dict[str, Any], protocol: Any) -> bytes:
    length = environ.get("CONTENT_LENGTH", "")
    if not length and "HTTP_TRANSFER_ENCODING" not in environ:
        return b""
    body = bytearray()
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise TOO_LARGE
    # granian does not tell a chunked body that was cut off. JSON would not parse then, but half a form would.
    if not length and not environ.get("CONTENT_TYPE", "").startswith("application/json"):
        raise LENGTH_REQUIRED
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in protocol:
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise TOO_LARGE
    except TimeoutError as error:
        raise TOO_SLOW from error
    if length and (not length.isdecimal() or int(length) != len(body)):
        raise CUT_OFF
    return bytes(body)


def _call(environ: dict[str, Any]) -> Answer:
    start: list[Any] = []
    result: Any = wsgi_application(environ, lambda *arguments: start.extend(arguments))  # type: ignore[arg-type]
    try:
        path = getattr(result, "name", None)
        is_whole_file = isinstance(path, str) and start[0].startswith("200")
        content: Any = path if is_whole_file else b"".join(result)
        return int(start[0][:3]), start[1], content
    finally:
        result.close()


def _busy(environ: dict[str, Any]) -> Answer:
    """What Django answers when it is busy, without a thread, a cookie or the database."""
    from config.errors import busy  # noqa: PLC0415 - it needs Django's applications, which config.wsgi loads

    request = WSGIRequest(environ)
    with override(get_language_from_request(request)):
        response = busy(request)
    headers = [
        *response.items(),
        ("Cache-Control", "no-store"),
        ("Content-Length", str(len(response.content))),
    ]
    return response.status_code, headers, response.content


def environ_of(scope: Any) -> dict[str, Any]:
    """The environment of the request (PEP 3333), without its body. Headers with an underscore are dropped."""
    environ: dict[str, Any] = {"wsgi.version": (1, 0), "wsgi.errors": sys.stderr, "wsgi.run_once": False}
    environ |= {"wsgi.multithread": True, "wsgi.multiprocess": True}
    # A file is the answer itself: ``_call`` finds its path.
    environ["wsgi.file_wrapper"] = lambda file, _block_size: file
    environ |= {"REQUEST_METHOD": scope.method, "SCRIPT_NAME": "", "wsgi.url_scheme": scope.scheme}
    environ |= {"PATH_INFO": _latin_1(scope.path), "QUERY_STRING": _latin_1(scope.query_string)}
    environ |= {"SERVER_PROTOCOL": f"HTTP/{scope.http_version}", "REMOTE_ADDR": _split(scope.client)[0]}
    environ["SERVER_NAME"], environ["SERVER_PORT"] = _split(scope.server)
    for name, value in scope.headers.items():
        if "_" not in name:
            key = name.upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            joint = "; " if name == "cookie" else ","
            environ[key] = f"{environ[key]}{joint}{value}" if key in environ else value
    return environ


def _latin_1(text: str) -> str:
    return text.encode().decode("latin-1")  # WSGI's way to write bytes


def _split(address: str) -> list[str]:
    return [part.strip("[]") for part in address.rsplit(":", 1)]


application = Application()
# What is loaded now stays: the garbage collector need not look through it again and again.
gc.freeze()
gc.set_threshold(20_000, 10, 10)
