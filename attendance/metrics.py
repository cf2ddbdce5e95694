"""Prometheus metrics of taking attendance. ``config/monitoring/metrics.py`` serves them.

Counted in each process and added up over all workers where ``PROMETHEUS_MULTIPROC_DIR`` names a folder (``make run``
does). What it may lose: everything, when the site is started again; Prometheus reckons with that.
"""

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram, values

from attendance.lib.circuit_breaker import CircuitBreaker
from attendance.lib.refusals import Refused


class _Process:
    """Prometheus' own way is to ask the system at each count which process this is."""

    pid = os.getpid()

    @classmethod
    def look_again(cls) -> None:
        cls.pid = os.getpid()


os.register_at_fork(after_in_child=_Process.look_again)
if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    values.ValueClass = values.MultiProcessValue(lambda: _Process.pid)  # type: ignore[no-untyped-call]

MARKS = Counter(
    "rollcall_marks",
    "Marks requested, by outcome: marked, already_marked, or why the mark was refused.",
    ["outcome", "method"],
)
MARK_SECONDS = Histogram(
    "rollcall_mark_seconds",
    "How long a mark took, from the service's call to its answer.",
    buckets=[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
)
COUNTS = Counter("rollcall_counts", "Live counts of a session, by where they came from.", ["source"])
REPAIRS = Counter("rollcall_repairs", "Comparisons that found the sets of a session wrong and repaired them.")
REPAIRED_MEMBERS = Counter("rollcall_repaired_members", "Members added or removed by repairs.", ["set"])
REPLACED_KEYS = Counter("rollcall_replaced_keys", "Keys of a wrong type that a repair replaced.", ["set"])
ORPHANS = Counter("rollcall_orphans_removed", "Sessions that Redis knew and the database did not.")
# The worst of the living workers: each of them finds out for itself.
BREAKER_OPEN = Gauge(
    "rollcall_redis_breaker_open",
    "1 while a web process does without Redis after a failure.",
    multiprocess_mode="livemax",
)

# So that a rate is there from the first scrape.
for _source in ("redis", "database"):
    COUNTS.labels(_source)
for _set in ("joined", "attended"):
    REPAIRED_MEMBERS.labels(_set)
    REPLACED_KEYS.labels(_set)


@dataclass
class CountedMark:
    """The outcome of one attempt to mark. The caller sets ``created``."""

    method: str
    created: bool | None = None


@contextmanager
def mark_counted(method: str) -> Iterator[CountedMark]:
    """Count one try to mark, and how long it took. A refusal counts under its code.

    ``created`` of what is given is to be set to whether the mark is new; ``method`` may be corrected.
    """
    mark = CountedMark(method)
    started = time.perf_counter()
    try:
        yield mark
    except Refused as refusal:
        _count_mark(refusal.code, mark, started)
        raise
    except Exception:
        _count_mark("failed", mark, started)
        raise
    _count_mark("marked" if mark.created else "already_marked", mark, started)


def _count_mark(outcome: str, mark: CountedMark, started: float) -> None:
    MARK_SECONDS.observe(time.perf_counter() - started)
    MARKS.labels(outcome, mark.method).inc()


def counted(source: str, times: int) -> None:
    """This many sessions were counted from this source."""
    if times:
        COUNTS.labels(source).inc(times)


def sets_repaired(*, joined: int, attended: int, wrong_type: Collection[str]) -> None:
    """The sets of one session were repaired: how many members of each, and which keys were not sets."""
    REPAIRS.inc()
    REPAIRED_MEMBERS.labels("joined").inc(joined)
    REPAIRED_MEMBERS.labels("attended").inc(attended)
    for name in wrong_type:
        REPLACED_KEYS.labels(name).inc()


def orphans_removed(sessions: int) -> None:
    """Redis held keys of this many sessions that do not exist."""
    ORPHANS.inc(sessions)


def redis_breaker_changed(breaker: CircuitBreaker) -> None:
    """The breaker of this process opened or closed."""
    BREAKER_OPEN.set(breaker.is_open)
