"""``python -m bench.compare [A B]``: two runs side by side; without names the last one and the one before it."""

import argparse
import sys
from pathlib import Path

from bench import tables
from bench.environment import DATA_DIR
from bench.results import load


def main() -> None:
    """Print the medians of both and their ratios."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("a", nargs="?", type=Path, default=DATA_DIR / "before.json")
    parser.add_argument("b", nargs="?", type=Path, default=DATA_DIR / "latest.json")
    wanted = parser.parse_args()
    for path in (wanted.a, wanted.b):
        if not path.exists():
            sys.exit(f"There is no file {path}. `make bench` writes one; give two of them.")
    sys.stdout.write(tables.comparison(load(wanted.a), load(wanted.b)) + "\n")


if __name__ == "__main__":
    main()
