"""``python -m bench``: measure how fast the site is on this machine. See bench/README.md.

Exits with 1 and a reason if the site gave an unexpected answer.
"""

import argparse
import asyncio
import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.site import environment

if TYPE_CHECKING:
    from bench.report.measurement import Measurement
    from bench.report.results import Results
    from bench.site.context import Context
    from bench.site.sizes import Size

LATEST, BEFORE = environment.DATA_DIR / "latest.json", environment.DATA_DIR / "before.json"
QUIET_LOAD = 0.5


def main() -> None:
    """Measure, print the tables and save the results."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one round of short loops")
    parser.add_argument(
        "--tiny", action="store_true", help="a few requests of each kind, to check that the benchmark works"
    )
    parser.add_argument("--rounds", type=int, help="number of rounds (5)")
    parser.add_argument(
        "--only",
        default="",
        metavar="NAMES",
        help="scenarios to measure in addition to hello, separated by commas",
    )
    parser.add_argument("--connections", type=int, help="concurrent requests of a closed loop (64)")
    parser.add_argument("--workers", type=int, help="web processes (same default as make run)")
    parser.add_argument(
        "--json", type=Path, help=f"where to save the results ({LATEST.name} in the data folder)"
    )
    parser.add_argument("--page", type=Path, help="write the tables between the markers in this page")
    wanted = parser.parse_args()
    if wanted.page and not wanted.page.is_file():
        parser.error(f"there is no page {wanted.page} (bench/README.md is one)")
    with environment.fresh_environment() as site:
        _measure_and_report(site, wanted)


def _measure_and_report(site: Path, wanted: argparse.Namespace) -> None:
    from bench.client.load import UnexpectedAnswer, innermost_error  # noqa: PLC0415
    from bench.report import tables  # noqa: PLC0415 - needs the environment above
    from bench.site import sizes  # noqa: PLC0415

    size = sizes.TINY if wanted.tiny else sizes.SHORT if wanted.short else sizes.FULL
    given = {name: getattr(wanted, name) for name in ("rounds", "connections") if getattr(wanted, name)}
    size = dataclasses.replace(size, **given)
    failed = ""
    try:
        results = _run(site, size, workers=wanted.workers, only=wanted.only)
    except* UnexpectedAnswer as errors:
        failed = str(innermost_error(errors))
    if failed:
        sys.exit(f"The run failed: {failed}\nServer log: {environment.DATA_DIR / 'web.log'}")
    if not wanted.json and LATEST.exists():
        LATEST.replace(BEFORE)
    results.save(wanted.json or LATEST)
    text = tables.all_tables(results)
    if wanted.page:
        tables.into_page(wanted.page, text)
    say(f"\n{text}\n\nSaved in {wanted.json or LATEST}")


def _run(site: Path, size: "Size", *, workers: int | None, only: str) -> "Results":
    environment.set_up_django()
    from bench.report import machine  # noqa: PLC0415
    from bench.report.results import Results  # noqa: PLC0415
    from bench.site.context import Context  # noqa: PLC0415
    from bench.site.installation import Installation  # noqa: PLC0415
    from bench.site.school import build  # noqa: PLC0415
    from config.serving.web import workers as default_workers  # noqa: PLC0415

    if os.getloadavg()[0] > QUIET_LOAD:
        say(f"The machine is busy (load {os.getloadavg()[0]:.1f}): the results will not be reliable.")
    say("Starting the servers and creating the demo institution …")
    with Installation(site, workers=workers or default_workers()) as installation:
        school = build(installation, size)
        about = machine.describe(workers=installation.workers)
        installation.serve()
        # Only in this process, which prepares the next load between two loads while nothing else runs.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        results = Results(machine=about, size=dataclasses.asdict(size))
        asyncio.run(_measure(Context(installation, school, size), results, only=only))
        results.memory_per_worker = installation.memory_per_worker()
        results.logged = installation.logged()
    return results


async def _measure(context: "Context", results: "Results", *, only: str) -> None:
    from bench.query_counts import count_all  # noqa: PLC0415
    from bench.scenarios import SCENARIOS, open_sessions  # noqa: PLC0415

    sessions = open_sessions(context)
    wanted = [
        "hello",
        *(key for key in SCENARIOS if key != "hello" and key in (only.split(",") if only else SCENARIOS)),
    ]
    results.counted = count_all(context, sessions)
    for number in range(context.size.rounds):
        began = time.monotonic()
        # A different order in each round, so that no scenario always follows the same one.
        turn = number % len(wanted)
        figures: dict[str, Measurement] = {}
        for key in wanted[turn:] + wanted[:turn]:
            figures |= await SCENARIOS[key](context, sessions)
        results.rounds.append(figures)
        say(f"Round {number + 1} of {context.size.rounds}: {time.monotonic() - began:.0f} s")


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
