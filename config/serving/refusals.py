"""What the web server answers itself, without Django: ``http.py`` raises these."""

import json
from http import HTTPStatus


class RequestRefused(Exception):
    """A request that Django does not see."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, *headers: tuple[str, str]) -> None:
        body = json.dumps({"code": code, "detail": detail}).encode()
        self.answer = (int(status), [("Content-Type", "application/json"), *headers], body)


CLOSE = ("Connection", "close")
TOO_LARGE = RequestRefused(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "The body is larger than 1 MB.", CLOSE
)
TOO_SLOW = RequestRefused(
    HTTPStatus.REQUEST_TIMEOUT, "too_slow", "The body took longer than 30 seconds.", CLOSE
)
LENGTH_REQUIRED = RequestRefused(
    HTTPStatus.LENGTH_REQUIRED, "length_required", "Send a Content-Length.", CLOSE
)
CUT_OFF = RequestRefused(
    HTTPStatus.BAD_REQUEST, "malformed", "The body is shorter than its Content-Length.", CLOSE
)
