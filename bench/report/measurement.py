"""The figures of one load, and statistics over rounds."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.client.load import Load

PARTS = ("web", "postgres", "redis", "client")


@dataclass(frozen=True)
class Measurement:
    """One load in one round. Latencies and CPU are in milliseconds; CPU is per request."""

    requests: int
    seconds: float
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: dict[str, float] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, load: Load, cpu_seconds: dict[str, float]) -> "Measurement":
        """The figures of a load during which each part used this much CPU."""
        count = max(1, len(load.latencies))
        return cls(
            requests=len(load.latencies),
            seconds=load.seconds,
            per_second=len(load.latencies) / load.seconds if load.seconds else 0.0,
            p50_ms=percentile(load.latencies, 50) * 1000,
            p99_ms=percentile(load.latencies, 99) * 1000,
            cpu_ms={part: cpu_seconds[part] / count * 1000 for part in PARTS},
            statuses={str(status): number for status, number in sorted(load.statuses.items())},
        )


@dataclass(frozen=True)
class Spread:
    """Median and range of one figure over all rounds."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """At least one value is required."""
        return cls(statistics.median(values), min(values), max(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest-rank percentile; 0 if there are no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0
