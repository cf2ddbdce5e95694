"""``python -m bench``: how fast the site is on this machine. See bench/README.md.

Ends with 1, and says why, if an answer came that should not have come.
"""

import argparse
import asyncio
import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import environment

if TYPE_CHECKING:
    from bench.measured import Measured
    from bench.results import Results
    from bench.sizes import Size
    from bench.stage import Stage

LATEST, BEFORE = environment.DATA_DIR / "latest.json", environment.DATA_DIR / "before.json"
QUIET_LOAD = 0.5


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one round of short loops")
    parser.add_argument(
        "--tiny", action="store_true", help="a few requests of each kind, to see that it works"
    )
    parser.add_argument("--rounds", type=int, help="how often everything is measured (5)")
    parser.add_argument(
        "--only", default="", metavar="NAMES", help="scenarios to measure beside hello, with commas"
    )
    parser.add_argument(
        "--connections", type=int, help="how many of a closed loop are under way at a time (64)"
    )
    parser.add_argument("--workers", type=int, help="web processes (as make run)")
    parser.add_argument(
        "--json", type=Path, help=f"where the results are kept ({LATEST.name} in the data folder)"
    )
    parser.add_argument("--page", type=Path, help="write the tables between the marks of this page")
    wanted = parser.parse_args()
    with environment.from_nothing() as site:
        _do(site, wanted)


def _do(site: Path, wanted: argparse.Namespace) -> None:
    from bench import sizes, tables  # noqa: PLC0415 - the environment first
    from bench.load import Unexpected, first_of  # noqa: PLC0415

    size = sizes.TINY if wanted.tiny else sizes.SHORT if wanted.short else sizes.FULL
    given = {name: getattr(wanted, name) for name in ("rounds", "connections") if getattr(wanted, name)}
    size = dataclasses.replace(size, **given)
    failed = ""
    try:
        results = _run(site, size, workers=wanted.workers, only=wanted.only)
    except* Unexpected as errors:
        failed = str(first_of(errors))
    if failed:
        sys.exit(f"The run is void: {failed}\nWhat the servers said: {environment.DATA_DIR / 'web.log'}")
    if not wanted.json and LATEST.exists():
        LATEST.replace(BEFORE)
    results.save(wanted.json or LATEST)
    text = tables.all_tables(results)
    if wanted.page:
        tables.into_page(wanted.page, text)
    say(f"\n{text}\n\nKept in {wanted.json or LATEST}")


def _run(site: Path, size: "Size", *, workers: int | None, only: str) -> "Results":
    environment.set_up_django()
    from bench import machine  # noqa: PLC0415
    from bench.installation import Installation  # noqa: PLC0415
    from bench.results import Results  # noqa: PLC0415
    from bench.school import build  # noqa: PLC0415
    from bench.stage import Stage  # noqa: PLC0415

    if os.getloadavg()[0] > QUIET_LOAD:
        say(f"The machine is busy (load {os.getloadavg()[0]:.1f}): these figures will not mean much.")
    say("Starting the servers and making the demo institution …")
    with Installation(site, workers=workers or _workers_of_a_run()) as installation:
        school = build(installation, size)
        about = machine.describe(workers=installation.workers)
        installation.serve()
        # Of this process alone: between two loads it prepares the next, and nothing else waits meanwhile.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        results = Results(machine=about, size=dataclasses.asdict(size))
        asyncio.run(_measure(Stage(installation, school, size), results, only=only))
        results.memory_per_worker = installation.memory_per_worker()
        results.logged = installation.logged()
    return results


async def _measure(stage: "Stage", results: "Results", *, only: str) -> None:
    from bench.counted import count_all  # noqa: PLC0415
    from bench.scenarios import SCENARIOS, stand  # noqa: PLC0415

    standing = stand(stage)
    wanted = [
        "hello",
        *(key for key in SCENARIOS if key != "hello" and key in (only.split(",") if only else SCENARIOS)),
    ]
    results.counted = count_all(stage, standing)
    for number in range(stage.size.rounds):
        began = time.monotonic()
        # In another order each time: nobody always comes after the same one.
        turn = number % len(wanted)
        figures: dict[str, Measured] = {}
        for key in wanted[turn:] + wanted[:turn]:
            figures |= await SCENARIOS[key](stage, standing)
        results.rounds.append(figures)
        say(f"Round {number + 1} of {stage.size.rounds}: {time.monotonic() - began:.0f} s")


def _workers_of_a_run() -> int:
    from config.run import _workers  # noqa: PLC0415

    return _workers()


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
