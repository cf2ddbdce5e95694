"""``python -m bench.report.compare [A B]``: compare two runs, by default the last two."""

import argparse
import sys
from pathlib import Path

from bench.report import tables
from bench.report.results import load
from bench.site.environment import DATA_DIR


def main() -> None:
    """Print the medians of both runs and their ratios."""
    parser = argparse.ArgumentParser(prog="python -m bench.report.compare", description=__doc__)
    parser.add_argument("a", nargs="?", type=Path, default=DATA_DIR / "before.json")
    parser.add_argument("b", nargs="?", type=Path, default=DATA_DIR / "latest.json")
    wanted = parser.parse_args()
    for path in (wanted.a, wanted.b):
        if not path.exists():
            sys.exit(f"{path} does not exist. `make bench` writes such a file.")
    sys.stdout.write(tables.comparison(load(wanted.a), load(wanted.b)) + "\n")


if __name__ == "__main__":
    main()
