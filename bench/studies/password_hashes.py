"""``python -m bench.studies.password_hashes``: what one password check costs, for each way of hashing. See bench/README.md."""

import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from bench.site import environment

CHECKS = 20
PASSWORD = "a-long-password-of-a-student"  # noqa: S105


def main() -> None:
    """Print one line for each hasher: CPU and wall time of a right and of a wrong password."""
    with environment.fresh_environment():
        environment.set_up_django()
        from django.contrib.auth.hashers import get_hashers  # noqa: PLC0415 - needs the settings

        sys.stdout.write(f"{'hasher':<20}{'right: CPU ms':>15}{'ms':>8}{'wrong: CPU ms':>15}{'ms':>8}\n")
        for hasher in get_hashers():
            encoded = hasher.encode(PASSWORD, hasher.salt())
            cells = [_cost(partial(hasher.verify, typed, encoded)) for typed in (PASSWORD, "wrong")]
            figures = "".join(f"{cpu:>15.1f}{wall:>8.1f}" for cpu, wall in cells)
            sys.stdout.write(f"{hasher.algorithm:<20}{figures}\n")


def _cost(check: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall time of a check in milliseconds: the medians."""
    cpu, wall = [], []
    for _ in range(CHECKS):
        began = time.process_time(), time.perf_counter()
        check()
        cpu.append(1000 * (time.process_time() - began[0]))
        wall.append(1000 * (time.perf_counter() - began[1]))
    return median(cpu), median(wall)


if __name__ == "__main__":
    main()
