"""``python -m bench.studies.full_hall``: a full hall on good and bad days. See bench/README.md.

600 marks in 5 s while 50 dashboards and 1,000 waiting phones poll: as usual, beside slow clients, and with Redis stopped.
"""

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

from bench.site.small_site import small_site

if TYPE_CHECKING:
    from bench.scenarios import OpenSessions
    from bench.site.context import Context

# For each web process: clients that stop in the middle of a body, and as many that read nothing of a large file.
SLOW_CLIENTS = 40
UNFINISHED = b"POST /api/v1/mark/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"
LARGE_FILE = b"GET /static/vendor/zxing-wasm-3.1.4/zxing_reader.wasm HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def main() -> None:
    """Print one line for each day."""
    with small_site(hall=600, waiting=1000) as context:
        from bench import scenarios  # noqa: PLC0415 - the environment first

        context.installation.serve(hello=False)
        sessions = scenarios.open_sessions(context)
        _line("full hall", "marks", "p50 ms", "p99 ms", "other answers")
        _measure(context, sessions, "as usual", nullcontext())
        _measure(
            context,
            sessions,
            f"beside {SLOW_CLIENTS} slow bodies and readers per process",
            _slow_clients(context),
        )
        _measure(context, sessions, "Redis stopped", _redis_stopped(context))


def _measure(
    context: "Context", sessions: "OpenSessions", name: str, condition: AbstractContextManager[None]
) -> None:
    from bench import scenarios  # noqa: PLC0415 - the environment first

    with condition:
        marks = asyncio.run(scenarios.full_hall(context, sessions))["mixed_marks"]
    others = {status: number for status, number in marks.statuses.items() if status != "201"}
    _line(name, str(marks.requests), f"{marks.p50_ms:.0f}", f"{marks.p99_ms:.0f}", str(others or ""))


@contextmanager
def _slow_clients(context: "Context") -> Iterator[None]:
    with ExitStack() as clients:
        for request in (UNFINISHED, LARGE_FILE):
            for _ in range(SLOW_CLIENTS * context.installation.workers):
                client = clients.enter_context(socket.socket())
                # So small that the kernel cannot buffer the whole file.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.connect(("127.0.0.1", context.installation.port))
                client.sendall(request)
        yield


@contextmanager
def _redis_stopped(context: "Context") -> Iterator[None]:
    from config.embedded.valkey import Valkey  # noqa: PLC0415

    processes = Valkey(context.installation.data_dir).processes()
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def _line(*cells: str) -> None:
    sys.stdout.write(f"{cells[0]:<50}" + "".join(f"{cell:>10}" for cell in cells[1:]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
