"""``python -m bench.studies.forged_tokens``: the CPU time that checking a forged token takes.

The session is a day old, and the MAC fits none of its steps: the check looks back as far as it ever does.
"""

import datetime
import statistics
import sys
import time

from bench.site import environment

CHECKS = 2000


def main() -> None:
    """Print the median and the highest CPU time of a check, in milliseconds."""
    with environment.fresh_environment():
        environment.set_up_django()
        took = sorted(_checks())
    sys.stdout.write(
        f"checking a forged token: median {statistics.median(took):.3f} ms, "
        f"99% below {took[CHECKS * 99 // 100]:.3f} ms of CPU\n"
    )


def _checks() -> list[float]:
    from qrsessions.codes import tokens  # noqa: PLC0415 - the environment first
    from qrsessions.models import new_secret  # noqa: PLC0415
    from qrsessions.refusals import TokenInvalid  # noqa: PLC0415

    at = datetime.datetime.now(datetime.UTC)
    since, secret = at - datetime.timedelta(days=1), new_secret()
    took = []
    for _ in range(CHECKS):
        began = time.thread_time_ns()
        token = tokens.parse("7GK2QM9X000000000000")
        try:
            tokens.step_of(token, secret=secret, since=since, at=at)
        except TokenInvalid:
            took.append((time.thread_time_ns() - began) / 1e6)
    return took


if __name__ == "__main__":
    main()
