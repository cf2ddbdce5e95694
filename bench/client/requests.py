"""HTTP requests, for the load client and for calls inside this process."""

import io
import sys
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1"
JSON = "application/json"


@dataclass(frozen=True)
class Request:
    """One HTTP request. ``headers`` leaves out Host and Content-Length, which are added."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def raw(self) -> bytes:
        """The bytes to send."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {HOST}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.method != "GET":
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body

    def environ(self) -> dict[str, Any]:
        """The WSGI environ (PEP 3333)."""
        path, _, query = self.path.partition("?")
        named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}
        content_type = named.pop("HTTP_CONTENT_TYPE", "")
        return named | {
            "REQUEST_METHOD": self.method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query,
            "CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(self.body)),
            "SERVER_NAME": HOST, "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": HOST, "REMOTE_ADDR": HOST,
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(self.body),
            "wsgi.errors": sys.stderr, "wsgi.multithread": True, "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }  # fmt: skip


@dataclass(frozen=True)
class Person:
    """A user with an API token and a browser session."""

    token: str
    user_pk: int
    cookies: str = ""
    csrf: str = ""

    def by_token(self, method: str, path: str, body: bytes = b"") -> Request:
        """A request of a program."""
        return Request(method, path, {"Authorization": f"Token {self.token}", "Content-Type": JSON}, body)

    def by_page(self, method: str, path: str, body: bytes = b"", *, etag: str = "") -> Request:
        """A request as the scripts of a page send it."""
        headers = {"Accept": JSON, "Cookie": self.cookies, "X-Rollcall-User": str(self.user_pk)}
        if method != "GET":
            headers |= {"Content-Type": JSON, "X-CSRFToken": self.csrf, "Origin": f"http://{HOST}"}
        if etag:
            headers["If-None-Match"] = etag
        return Request(method, path, headers, body)
