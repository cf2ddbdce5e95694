"""``python -m bench.growth``: what a mark costs as the register grows, and with more web processes."""

import argparse
import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.site import small_site

if TYPE_CHECKING:
    from bench.measured import Measured
    from bench.stage import Stage

ROWS = (1_000, 100_000, 5_000_000)
WORKERS = (1, 2, 4)
# Each row of the table is the median of so many halls.
REPEATED = 5
COUNTED = 100


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--rows", default=",".join(map(str, ROWS)), help="sizes of the register, with commas")
    parser.add_argument(
        "--workers", default=",".join(map(str, WORKERS)), help="numbers of web processes, with commas"
    )
    parser.add_argument("--hall", type=int, default=600, help="students who mark at a time (600)")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    wanted = parser.parse_args()
    rows, workers = ([int(text) for text in one.split(",")] for one in (wanted.rows, wanted.workers))
    with small_site(hall=wanted.hall, workers=2) as stage:
        stage.installation.serve(hello=False)
        # Connections wait for their next load while the database is prepared here.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        found = asyncio.run(_measure(stage, rows, workers))
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=1) + "\n")


async def _measure(stage: "Stage", sizes: list[int], workers: list[int]) -> list[dict[str, object]]:
    from bench.filling import fill_up_to  # noqa: PLC0415 - the environment first

    found: list[dict[str, object]] = []

    async def measure(what: dict[str, object]) -> None:
        times = [await _marks(stage) for _ in range(REPEATED)]
        one = what | _figures(times) | _queries(stage)
        if not found:
            _say("records", "web processes", *list(one)[2:])
        found.append(one)
        _say(*(f"{value:,}" if isinstance(value, int) else f"{value:.3f}" for value in one.values()))

    for rows in sizes:
        began = time.monotonic()
        fill_up_to(rows)
        sys.stderr.write(f"{rows:,} records: filled in {time.monotonic() - began:.0f} s\n")
        await measure({"records": rows, "workers": stage.installation.workers})
    for number in workers:
        stage.installation.serve_with(number)
        await measure({"records": sizes[-1], "workers": number})
    return found


async def _marks(stage: "Stage") -> "Measured":
    from bench.asking import Person  # noqa: PLC0415 - the environment first
    from bench.scenarios import mark_sendings  # noqa: PLC0415

    async with stage.halls_open(Person.by_page) as halls:
        return await stage.loop(
            mark_sendings(halls, Person.by_page), expected={201}, seconds=60, by_phones=True
        )


def _figures(times: "list[Measured]") -> dict[str, float]:
    from bench.measured import Spread  # noqa: PLC0415 - the environment first
    from bench.results import SERVERS  # noqa: PLC0415

    figures = {"marks/s": Spread.of([one.per_second for one in times]).median}
    for part in SERVERS:
        figures[f"{part} ms"] = Spread.of([one.cpu_ms[part] for one in times]).median
    return figures | {"p99 ms": Spread.of([one.p99_ms for one in times]).median}


def _queries(stage: "Stage") -> dict[str, float]:
    """Queries of a mark and the milliseconds that they take, one mark at a time."""
    from bench.asking import Person  # noqa: PLC0415 - the environment first
    from bench.in_process import call, counting  # noqa: PLC0415
    from bench.scenarios import MARK, WAITING  # noqa: PLC0415

    hall = stage.school.mark_halls[0]
    session = stage.open(hall.section)
    queries, milliseconds = [], []
    for person in hall.students[:COUNTED]:
        call(person.by_page("GET", WAITING))
        request = Person.by_page(person, "POST", MARK, json.dumps({"token": session.token()}).encode())
        with counting() as asked:
            call(request)
        queries.append(asked.queries)
        milliseconds.append(asked.query_seconds * 1000)
    stage.take_step(session, "end")
    return {
        "queries": sorted(queries)[len(queries) // 2],
        "their ms": sorted(milliseconds)[len(milliseconds) // 2],
    }


def _say(*cells: str) -> None:
    sys.stdout.write("".join(f"{cell:>15}" for cell in cells) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
