"""``python -m tests.chaos``: kill and stop real servers under load, and report lost marks and wrong counts.

Exits with 1 if a promise was broken. ``make test`` runs the short form, ``make chaos`` the long one.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from config.embedded import PRODUCTION_VARIABLES
from tests.chaos import bursts, report
from tests.chaos.faults import FAULTS

# Every installation has its own servers. They are durable, unlike those of the other tests.
CLEARED_VARIABLES = (*PRODUCTION_VARIABLES, "ROLLCALL_TEST_SERVERS")
ENVIRONMENT = dict.fromkeys(CLEARED_VARIABLES, "") | {"STATIC_COLLECTED": "false"}
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Run every fault and report the results."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--marks", type=int, default=200, help="marks for each fault (200)")
    parser.add_argument("--per-second", type=int, default=100, help="marks sent in a second (100)")
    parser.add_argument(
        "--right-seconds",
        type=float,
        default=1,
        help="how long all counts must have been right before the next fault, 10 s at most (1)",
    )
    parser.add_argument(
        "--only", default="", metavar="WORDS", help="only the faults whose names contain this"
    )
    parser.add_argument("--page", type=Path, help="write the results to this Markdown page")
    parser.add_argument("--log", type=Path, help="write what the servers log to this file")
    parser.add_argument("--json", type=Path, help="write the verdicts to this file")
    options = parser.parse_args()
    for number in STOP_SIGNALS:
        signal.signal(number, _stop)
    os.environ.update(ENVIRONMENT)
    if options.log:
        with options.log.open("wb") as log:
            os.dup2(log.fileno(), sys.stderr.fileno())
    size = bursts.Size(
        marks=options.marks, marks_per_second=options.per_second, right_seconds=options.right_seconds
    )
    faults = [fault for fault in FAULTS if options.only.casefold() in fault.name.casefold()]
    verdicts = bursts.run(size, faults)
    if options.json:
        options.json.write_text(json.dumps([verdict.as_json() for verdict in verdicts]))
    if options.page:
        options.page.write_text(report.page(verdicts, size))
    sys.stdout.write(f"{report.table(verdicts)}\n\nPromises broken:\n{report.problems(verdicts)}\n")
    sys.exit(any(verdict.problems for verdict in verdicts))


def _stop(number: int, _frame: object) -> None:
    # Without this, Python would exit immediately and leave the servers behind. A second Ctrl-C must not interrupt it.
    for each in STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
