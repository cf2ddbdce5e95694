"""What a run found: kept as JSON, read by people as tables."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.measured import Measured, Spread

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
# Their rate is what was sent, not what can be borne.
PACED = {"dashboards", "mixed_marks", "mixed_phones", "mixed_dashboards"}
AT_ONCE = ("burst", "burst_cold", "mixed_marks", "mixed_phones", "mixed_dashboards")
# The CPU of a full hall is that of all of it together.
WITHOUT_CPU = {"mixed_marks", "mixed_phones", "mixed_dashboards"}
SERVERS = ("web", "postgres", "redis")


def title(key: str) -> str:
    """A scenario's name for people."""
    group, _, number = key.partition("_")
    return f"stats of a group of {number}" if group == "group" else TITLES[key]


@dataclass
class Results:
    """A whole run. ``rounds`` holds what each scenario measured, by its key; ``counted`` see bench/counted.py."""

    machine: dict[str, str]
    size: dict[str, Any]
    rounds: list[dict[str, Measured]] = field(default_factory=list)
    counted: dict[str, dict[str, float]] = field(default_factory=dict)
    memory_per_worker: list[int] = field(default_factory=list)
    # What the web processes logged meanwhile, by the name of the event.
    logged: dict[str, int] = field(default_factory=dict)

    def measured(self) -> list[str]:
        """The scenarios that were measured, in the order of the table."""
        found = {key: None for one in self.rounds for key in one}
        order = list(TITLES)
        place = {key: order.index(key) if key in order else order.index("stats") for key in found}
        return sorted(found, key=place.__getitem__)

    def of(self, key: str) -> list[Measured]:
        """What one scenario measured in all rounds."""
        return [one[key] for one in self.rounds if key in one]

    def per_second(self, key: str) -> Spread:
        """Requests in a second."""
        return Spread.of([one.per_second for one in self.of(key)])

    def of_hello(self, key: str) -> float:
        """The median of the rounds' ratios to the hello of the same round; 0 where there was none."""
        ratios = [
            one[key].per_second / one["hello"].per_second
            for one in self.rounds
            if key in one and "hello" in one
        ]
        return Spread.of(ratios).median if ratios else 0.0

    def cpu_ms(self, key: str, parts: Sequence[str]) -> float:
        """The CPU of a request in these parts together, in milliseconds.

        The mean of all requests of all rounds: a comparison of the sets comes every ten seconds and is part of it.
        """
        used = sum(one.cpu_ms[part] * one.requests for one in self.of(key) for part in parts)
        return used / max(1, sum(one.requests for one in self.of(key)))

    def latency(self, key: str, name: str) -> Spread:
        """``p50_ms`` or ``p99_ms``, or ``seconds`` until the last answer."""
        return Spread.of([getattr(one, name) for one in self.of(key)])

    def save(self, path: Path) -> None:
        """Write the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")


def load(path: Path) -> Results:
    """Read what :meth:`Results.save` wrote."""
    found = json.loads(path.read_text())
    rounds = [{key: Measured(**one) for key, one in each.items()} for each in found.pop("rounds")]
    return Results(**found, rounds=rounds)
