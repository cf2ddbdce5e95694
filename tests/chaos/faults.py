"""The faults, each done to an installation in the middle of a burst of marks."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.installation import Installation

PAUSE_SECONDS = 5.0
AWAY_SECONDS = 1.0

Step = Callable[[Installation], None]


@dataclass(frozen=True)
class Fault:
    """Steps, with ``pause_seconds`` between one and the next."""

    name: str
    steps: tuple[Step, ...]
    pause_seconds: float = AWAY_SECONDS
    # Only where a process dies or stops that holds a user's connection or every mark. Phones then try again.
    errors_are_allowed: bool = False

    @property
    def lasts_seconds(self) -> float:
        """The shortest time it lasts."""
        return self.pause_seconds * (len(self.steps) - 1)

    async def apply(self, installation: Installation) -> None:
        """Take every step. At the end all servers run again."""
        for number, step in enumerate(self.steps):
            if number:
                await asyncio.sleep(self.pause_seconds)
            await asyncio.to_thread(step, installation)


def _start_valkey(installation: Installation) -> None:
    installation.valkey.ensure()


def _start_valkey_empty(installation: Installation) -> None:
    installation.empty_valkey()
    installation.valkey.ensure()


FAULTS = (
    Fault("Valkey killed, started empty", (Installation.kill_valkey, _start_valkey_empty)),
    Fault("Valkey killed, started with its file", (Installation.kill_valkey, _start_valkey)),
    Fault(
        "Valkey paused for 5 s",
        (Installation.pause_valkey, Installation.resume),
        pause_seconds=PAUSE_SECONDS,
    ),
    Fault("FLUSHALL", (Installation.flush_valkey,)),
    Fault("random keys deleted", (Installation.delete_keys,)),
    Fault("web worker killed", (Installation.kill_web_worker,), errors_are_allowed=True),
    Fault(
        "PostgreSQL backend killed",
        (Installation.kill_postgres_backend, Installation.await_postgres),
        pause_seconds=0.0,
        errors_are_allowed=True,
    ),
    Fault(
        "PostgreSQL killed and started",
        (Installation.kill_postgres, Installation.await_postgres),
        errors_are_allowed=True,
    ),
    Fault(
        "PostgreSQL paused for 5 s",
        (Installation.pause_postgres, Installation.resume),
        pause_seconds=PAUSE_SECONDS,
        errors_are_allowed=True,
    ),
    Fault(
        "web worker paused for 5 s",
        (Installation.pause_web_worker, Installation.resume),
        pause_seconds=PAUSE_SECONDS,
        errors_are_allowed=True,
    ),
)
