"""The results of a run, saved as JSON."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.report.measurement import Measurement, Spread

TITLES = {
    "hello": "hello (Django that does nothing)",
    "mark_api": "mark, by API token",
    "mark_page": "mark, by the phone's page",
    "mark_joined": "mark, by the page, joined before",
    "join": "join, by the page",
    "stats": "stats of one session",
    "phone": "waiting phone's poll",
    "page": "teacher's page of a hall",
    "dashboards": "dashboards of the largest group",
    "burst": "hall at once",
    "burst_cold": "hall at once, cache empty",
    "mixed_marks": "full hall: marks",
    "mixed_phones": "full hall: waiting phones",
    "mixed_dashboards": "full hall: dashboards",
}
# These send at a fixed pace, so their rate says nothing about capacity.
PACED = {"dashboards", "mixed_marks", "mixed_phones", "mixed_dashboards"}
AT_ONCE = ("burst", "burst_cold", "mixed_marks", "mixed_phones", "mixed_dashboards")
# Measured together, so their CPU can't be told apart.
WITHOUT_CPU = {"mixed_marks", "mixed_phones", "mixed_dashboards"}
SERVERS = ("web", "postgres", "redis")


def title(key: str) -> str:
    """The scenario's name in the tables."""
    group, _, number = key.partition("_")
    return f"stats of a group of {number}" if group == "group" else TITLES[key]


@dataclass
class Results:
    """A whole run. ``rounds`` maps scenarios to measurements; for ``counted`` see bench/query_counts.py."""

    machine: dict[str, str]
    size: dict[str, Any]
    rounds: list[dict[str, Measurement]] = field(default_factory=list)
    counted: dict[str, dict[str, float]] = field(default_factory=dict)
    memory_per_worker: list[int] = field(default_factory=list)
    # How often the web processes logged each event.
    logged: dict[str, int] = field(default_factory=dict)

    def scenarios(self) -> list[str]:
        """The measured scenarios, in the order of the table."""
        found = {key: None for one in self.rounds for key in one}
        order = list(TITLES)
        position = {key: order.index(key) if key in order else order.index("stats") for key in found}
        return sorted(found, key=position.__getitem__)

    def rounds_of(self, key: str) -> list[Measurement]:
        """The measurements of one scenario in all rounds."""
        return [one[key] for one in self.rounds if key in one]

    def per_second(self, key: str) -> Spread:
        """Requests per second."""
        return Spread.of([one.per_second for one in self.rounds_of(key)])

    def of_hello(self, key: str) -> float:
        """Median over rounds of the ratio to hello in the same round; 0 without hello."""
        ratios = [
            one[key].per_second / one["hello"].per_second
            for one in self.rounds
            if key in one and "hello" in one
        ]
        return Spread.of(ratios).median if ratios else 0.0

    def cpu_ms(self, key: str, parts: Sequence[str]) -> float:
        """CPU of a request in these parts, in milliseconds.

        The mean over all requests, because the check of the live counts every ten seconds belongs to it.
        """
        used = sum(one.cpu_ms[part] * one.requests for one in self.rounds_of(key) for part in parts)
        return used / max(1, sum(one.requests for one in self.rounds_of(key)))

    def latency(self, key: str, name: str) -> Spread:
        """Spread of ``p50_ms``, ``p99_ms`` or ``seconds``."""
        return Spread.of([getattr(one, name) for one in self.rounds_of(key)])

    def save(self, path: Path) -> None:
        """Write the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")


def load(path: Path) -> Results:
    """Read a file written by :meth:`Results.save`."""
    found = json.loads(path.read_text())
    rounds = [{key: Measurement(**one) for key, one in each.items()} for each in found.pop("rounds")]
    return Results(**found, rounds=rounds)
