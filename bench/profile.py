"""``python -m bench.profile mark|poll|stats|group|page``: where the time of one kind of request goes.

Calls the site inside this process with real PostgreSQL and Valkey. Under the profiler
everything in Python is slower than it is, and what waits for a server looks cheaper: compare lines, not sums.
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

from bench.site import small_site

if TYPE_CHECKING:
    from bench.asking import Request
    from bench.stage import Stage

WHAT = ("mark", "poll", "stats", "group", "page")
WARM = 20


def main() -> None:
    """Print the functions by cumulative and by own time."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--requests", type=int, default=500, help="how many are profiled (500)")
    parser.add_argument("--lines", type=int, default=45, help="functions in each list (45)")
    parser.add_argument("--save", type=Path, help="keep the profile for other viewers")
    wanted = parser.parse_args()
    with small_site(hall=wanted.requests + WARM) as stage:
        stage.installation.serve(hello=False)
        profile = _profiled(stage, wanted.what, wanted.requests)
    found = pstats.Stats(profile, stream=sys.stdout)
    if wanted.save:
        found.dump_stats(wanted.save)
    found.strip_dirs()
    for order in ("cumulative", "tottime"):
        found.sort_stats(order).print_stats(wanted.lines)


def _profiled(stage: "Stage", what: str, number: int) -> cProfile.Profile:
    from bench.in_process import call  # noqa: PLC0415 - the environment first

    requests = _requests(stage, what)
    for _ in range(WARM):
        call(next(requests))
    profile = cProfile.Profile()
    for request in itertools.islice(requests, number):
        profile.enable()
        call(request)
        profile.disable()
    return profile


def _requests(stage: "Stage", what: str) -> "Iterator[Request]":
    """So many as are asked for; what each needs beforehand is done when it is given."""
    from bench import scenarios  # noqa: PLC0415 - the environment first
    from bench.in_process import call  # noqa: PLC0415

    standing = scenarios.stand(stage)
    teacher = stage.school.teacher
    if what == "mark":
        hall = stage.school.mark_halls[0]
        session = stage.open(hall.section)
        for person in hall.students:
            call(person.by_page("GET", scenarios.WAITING))
            body = json.dumps({"token": session.token()}).encode()
            yield person.by_page("POST", scenarios.MARK, body)
    elif what == "poll":
        for person in itertools.cycle(stage.school.waiting.students):
            _status, headers, _body = call(person.by_page("GET", scenarios.WAITING))
            yield person.by_page("GET", scenarios.WAITING, etag=headers["etag"])
    elif what == "page":
        yield from itertools.cycle(scenarios.page_requests(stage, standing.page))
    else:
        session = standing.page if what == "stats" else standing.groups[max(standing.groups)]
        yield from itertools.repeat(teacher.by_page("GET", f"{session.path}stats/"))


if __name__ == "__main__":
    main()
