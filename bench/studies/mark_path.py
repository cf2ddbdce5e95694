"""``python -m bench.studies.mark_path``: the files that one mark passes through, in order.

Traces the function calls of one mark inside this process, in the request's thread and in the batch's, and those of a student's
plain API request (``GET me/records/``). What both pass is the same for every view: middleware, sign-in, permission. A *return* is
a step from one file to another that had been visited before, each kind counted once.
"""

import json
import sys
import threading
import time
from itertools import groupby, pairwise
from types import FrameType
from typing import Any

from bench.site.environment import PROJECT
from bench.site.small_site import small_site

WARM = 20


def main() -> None:
    """Print the files and how many returns there are."""
    with small_site(hall=WARM + 1) as context:
        context.installation.serve(hello=False)
        mark, plain = _files_of(context)
    own = [file for file in mark if file not in plain]
    for file in dict.fromkeys(mark):
        sys.stdout.write(f"{'every request' if file in plain else 'mark':14}{file}\n")
    sys.stdout.write(f"in all: {_count(mark)}; of the mark alone: {_count(own)}\n")


def _count(files: list[str]) -> str:
    without_repeats = [file for file, _group in groupby(files)]
    visited, steps = set(files), set(pairwise(without_repeats))
    return f"{len(visited)} files, {len(steps) - len(visited) + 1} returns"


def _files_of(context: Any) -> tuple[list[str], list[str]]:
    """The project's files in the order in which a mark enters them, and a plain request of the same student."""
    from bench import scenarios  # noqa: PLC0415 - the environment first
    from bench.site.in_process import call  # noqa: PLC0415

    files: list[str] = []
    is_tracing = False

    def trace(frame: FrameType, event: str, _argument: object) -> None:
        path = frame.f_code.co_filename
        ours = path.startswith(f"{PROJECT}/") and not path.startswith(
            (f"{PROJECT}/.venv", f"{PROJECT}/bench")
        )
        if is_tracing and event == "call" and ours:
            name = path.removeprefix(f"{PROJECT}/")
            if not files or files[-1] != name:
                files.append(name)

    hall = context.school.mark_halls[0]
    session = context.open(hall.section)
    # Also in the batch thread, which starts with the first mark.
    threading.setprofile(trace)
    sys.setprofile(trace)
    for number, person in enumerate(hall.students[: WARM + 1]):
        request = person.by_token("POST", scenarios.MARK, json.dumps({"token": session.token()}).encode())
        is_tracing = number == WARM
        call(request)
    # The batch thread may still be looking for its next batch.
    time.sleep(1)
    mark, files = files, []
    call(person.by_token("GET", "/api/v1/me/records/"))
    sys.setprofile(None)
    threading.setprofile(None)
    return mark, files


if __name__ == "__main__":
    main()
