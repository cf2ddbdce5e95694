"""A request of granian's RSGI as the environment of WSGI that Django's handler reads (PEP 3333).

``tests/config/test_environs.py`` compares it with the one that granian itself makes for WSGI.
"""

import io
import sys
import tempfile
from functools import lru_cache
from typing import IO, Any

from django.conf import settings

# Everything that no request changes.
_BASE: dict[str, Any] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
_NAMES = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
_SEVERAL = {"cookie": "; "}


def environ_of(scope: Any) -> dict[str, Any]:
    """The environment of a request whose body is still to be read.

    :param scope: a ``granian.rsgi.Scope``
    """
    environ = _BASE.copy()
    environ["REQUEST_METHOD"] = scope.method
    environ["PATH_INFO"] = _as_bytes_of_latin_1(scope.path)
    environ["QUERY_STRING"] = _as_bytes_of_latin_1(scope.query_string)
    environ["SERVER_PROTOCOL"] = f"HTTP/{scope.http_version}"
    environ["SERVER_NAME"], environ["SERVER_PORT"] = _address(scope.server)
    environ["REMOTE_ADDR"], _port = _address(scope.client)
    environ["wsgi.url_scheme"] = scope.scheme
    environ["wsgi.input"] = io.BytesIO()
    for name, value in scope.headers.items():
        if "_" in name:
            # It would look like the one with a hyphen, which a proxy vouches for.
            continue
        key = _NAMES.get(name) or _named(name)
        if key in environ:
            value = f"{environ[key]}{_SEVERAL.get(name, ',')}{value}"
        environ[key] = value
    if scope.authority and "HTTP_HOST" not in environ:
        # HTTP/2 has no Host.
        environ["HTTP_HOST"] = scope.authority
    return environ


async def read_body(environ: dict[str, Any], protocol: Any) -> None:
    """Put the body into the environment: a large one in a temporary file, as Django's own handlers do.

    :param protocol: the ``granian.rsgi.HTTPProtocol`` of the request
    """
    length = environ.get("CONTENT_LENGTH", "")
    if length == "0" or not (length or "HTTP_TRANSFER_ENCODING" in environ):
        return
    memory = settings.FILE_UPLOAD_MAX_MEMORY_SIZE
    body: IO[bytes]
    if length.isdecimal() and int(length) <= memory:
        body = io.BytesIO(await protocol())
    else:
        body = tempfile.SpooledTemporaryFile(max_size=memory)  # noqa: SIM115 - closed with the last reference
        async for chunk in protocol:
            body.write(chunk)
        # Of one that was sent in chunks nobody has told it yet.
        environ["CONTENT_LENGTH"] = str(body.tell())
        body.seek(0)
    environ["wsgi.input"] = body


@lru_cache(maxsize=256)
def _named(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


def _as_bytes_of_latin_1(text: str) -> str:
    """WSGI's way to write bytes that are UTF-8."""
    return text if text.isascii() else text.encode().decode("latin-1")


def _address(text: str) -> tuple[str, str]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), port
