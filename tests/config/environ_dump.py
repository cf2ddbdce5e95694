"""Programs that answer with the environment of their request: as granian makes it for WSGI, and as we do from RSGI."""

import json
from collections.abc import Callable
from typing import Any

from django.conf import settings

from config.environs import environ_of, read_body

if not settings.configured:
    settings.configure()


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """For ``--interface wsgi``."""
    start_response("200 OK", [("Content-Type", "application/json")])
    return [_told(environ)]


async def rsgi(scope: Any, protocol: Any) -> None:
    """For ``--interface rsgi``."""
    environ = environ_of(scope)
    await read_body(environ, protocol)
    protocol.response_bytes(200, [("Content-Type", "application/json")], _told(environ))


def _told(environ: dict[str, Any]) -> bytes:
    body = environ["wsgi.input"].read()
    told = {key: value for key, value in environ.items() if isinstance(value, str)}
    return json.dumps(told | {"body": body.decode("latin-1")}).encode()
