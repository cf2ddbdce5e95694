"""``python -m bench.studies.growth``: the cost of a mark as the register grows, and with more web processes."""

import argparse
import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.site.small_site import small_site

if TYPE_CHECKING:
    from bench.report.measurement import Measurement
    from bench.site.context import Context

ROWS = (1_000, 100_000, 5_000_000)
WORKERS = (1, 2, 4)
# Each row of the table is the median of this many halls.
REPEATS = 5
COUNTED = 100


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.studies.growth", description=__doc__)
    parser.add_argument(
        "--rows", default=",".join(map(str, ROWS)), help="sizes of the register, separated by commas"
    )
    parser.add_argument(
        "--workers", default=",".join(map(str, WORKERS)), help="numbers of web processes, separated by commas"
    )
    parser.add_argument("--hall", type=int, default=600, help="students per hall (600)")
    parser.add_argument("--json", type=Path, help="save the figures in this file")
    wanted = parser.parse_args()
    rows, workers = ([int(text) for text in one.split(",")] for one in (wanted.rows, wanted.workers))
    with small_site(hall=wanted.hall) as context:
        context.installation.serve(hello=False)
        # The database is prepared here while the connections are idle.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        found = asyncio.run(_measure(context, rows, workers))
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=1) + "\n")


async def _measure(context: "Context", sizes: list[int], workers: list[int]) -> list[dict[str, object]]:
    from bench.site.past_records import add_records_up_to  # noqa: PLC0415 - needs the environment above

    found: list[dict[str, object]] = []

    async def measure(what: dict[str, object]) -> None:
        times = [await _marks(context) for _ in range(REPEATS)]
        one = what | _figures(times) | _queries(context)
        if not found:
            _say("records", "web processes", *list(one)[2:])
        found.append(one)
        _say(*(f"{value:,}" if isinstance(value, int) else f"{value:.3f}" for value in one.values()))

    for rows in sizes:
        began = time.monotonic()
        add_records_up_to(rows)
        sys.stderr.write(f"{rows:,} records: filled in {time.monotonic() - began:.0f} s\n")
        await measure({"records": rows, "workers": context.installation.workers})
    for number in workers:
        context.installation.restart_with(number)
        await measure({"records": sizes[-1], "workers": number})
    return found


async def _marks(context: "Context") -> "Measurement":
    from bench.client.requests import Person  # noqa: PLC0415 - needs the environment above
    from bench.scenarios import mark_requests  # noqa: PLC0415

    async with context.halls_open(Person.by_page) as halls:
        return await context.loop(
            mark_requests(halls, Person.by_page), expected={201}, seconds=60, by_phones=True
        )


def _figures(times: "list[Measurement]") -> dict[str, float]:
    from bench.report.measurement import Spread  # noqa: PLC0415 - needs the environment above
    from bench.report.results import SERVERS  # noqa: PLC0415

    figures = {"marks/s": Spread.of([one.per_second for one in times]).median}
    for part in SERVERS:
        figures[f"{part} ms"] = Spread.of([one.cpu_ms[part] for one in times]).median
    return figures | {"p99 ms": Spread.of([one.p99_ms for one in times]).median}


def _queries(context: "Context") -> dict[str, float]:
    """Median queries of a mark and their milliseconds, one mark at a time."""
    from bench.client.requests import Person  # noqa: PLC0415 - needs the environment above
    from bench.scenarios import MARK, WAITING  # noqa: PLC0415
    from bench.site.in_process import call, counting  # noqa: PLC0415

    hall = context.school.mark_halls[0]
    session = context.open(hall.section)
    queries, milliseconds = [], []
    for person in hall.students[:COUNTED]:
        call(person.by_page("GET", WAITING))
        request = Person.by_page(person, "POST", MARK, json.dumps({"token": session.token()}).encode())
        with counting() as trips:
            call(request)
        queries.append(trips.queries)
        milliseconds.append(trips.query_seconds * 1000)
    context.take_step(session, "end")
    return {
        "queries": sorted(queries)[len(queries) // 2],
        "their ms": sorted(milliseconds)[len(milliseconds) // 2],
    }


def _say(*cells: str) -> None:
    sys.stdout.write("".join(f"{cell:>15}" for cell in cells) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
