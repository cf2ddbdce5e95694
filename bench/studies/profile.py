"""``python -m bench.studies.profile mark|poll|stats|group|page``: profile one kind of request.

Calls the site inside this process with real PostgreSQL and Valkey. The profiler slows down Python code but not
waiting, so compare lines with each other and ignore the totals.
"""

import argparse
import cProfile
import itertools
import json
import pstats
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.site.small_site import small_site

if TYPE_CHECKING:
    from bench.client.requests import Request
    from bench.site.context import Context

WHAT = ("mark", "poll", "stats", "group", "page")
WARM = 20


def main() -> None:
    """Print the functions by cumulative time and by their own time."""
    parser = argparse.ArgumentParser(prog="python -m bench.studies.profile", description=__doc__)
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--requests", type=int, default=500, help="requests to profile (500)")
    parser.add_argument("--lines", type=int, default=45, help="functions in each list (45)")
    parser.add_argument("--save", type=Path, help="save the profile for other viewers")
    wanted = parser.parse_args()
    with small_site(hall=wanted.requests + WARM) as context:
        context.installation.serve(hello=False)
        profile = _profiled(context, wanted.what, wanted.requests)
    found = pstats.Stats(profile, stream=sys.stdout)
    if wanted.save:
        found.dump_stats(wanted.save)
    found.strip_dirs()
    for order in ("cumulative", "tottime"):
        found.sort_stats(order).print_stats(wanted.lines)


def _profiled(context: "Context", what: str, number: int) -> cProfile.Profile:
    from bench.site.in_process import call  # noqa: PLC0415 - needs the environment above

    requests = _requests(context, what)
    for _ in range(WARM):
        call(next(requests))
    profile = cProfile.Profile()
    for request in itertools.islice(requests, number):
        profile.enable()
        call(request)
        profile.disable()
    return profile


def _requests(context: "Context", what: str) -> "Iterator[Request]":
    """Generate requests, preparing each just before it is returned."""
    from bench import scenarios  # noqa: PLC0415 - needs the environment above
    from bench.site.in_process import call  # noqa: PLC0415

    sessions = scenarios.open_sessions(context)
    teacher = context.school.teacher
    if what == "mark":
        hall = context.school.mark_halls[0]
        session = context.open(hall.section)
        for person in hall.students:
            call(person.by_page("GET", scenarios.WAITING))
            body = json.dumps({"token": session.token()}).encode()
            yield person.by_page("POST", scenarios.MARK, body)
    elif what == "poll":
        for person in itertools.cycle(context.school.waiting.students):
            _status, headers, _body = call(person.by_page("GET", scenarios.WAITING))
            yield person.by_page("GET", scenarios.WAITING, etag=headers["etag"])
    elif what == "page":
        yield from itertools.cycle(scenarios.page_requests(context, sessions.page))
    else:
        session = sessions.page if what == "stats" else sessions.groups[max(sessions.groups)]
        yield from itertools.repeat(teacher.by_page("GET", f"{session.path}stats/"))


if __name__ == "__main__":
    main()
