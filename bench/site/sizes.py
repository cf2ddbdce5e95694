"""The sizes of a run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """How much is measured.

    :param hall: students per hall
    :param halls: halls whose students mark
    :param polling: waiting phones in the poll scenario
    :param past_records: records of past meetings
    :param waiting: waiting phones in a full hall
    :param groups: number of sections of each group
    :param per_section: students per section of a group
    :param seconds: maximum duration of a closed loop
    :param connections: concurrent requests of a closed loop
    """

    rounds: int
    hall: int = 600
    halls: int = 1
    polling: int = 300
    past_records: int = 50_000
    waiting: int = 1000
    groups: tuple[int, ...] = (1, 10, 100)
    per_section: int = 60
    seconds: float = 1.0
    connections: int = 64
    dashboards: int = 50
    dashboard_seconds: float = 4.0
    mixed_seconds: float = 5.0


FULL = Size(rounds=5, halls=3)
SHORT = Size(
    rounds=1, hall=300, waiting=300, per_section=10, seconds=0.5, dashboard_seconds=2.0, mixed_seconds=3.0
)
TINY = Size(
    rounds=1, hall=12, waiting=10, groups=(1, 2, 4), per_section=3, seconds=0.2, connections=4,
    dashboards=3, dashboard_seconds=1.2, mixed_seconds=1.0,
    past_records=500,
)  # fmt: skip
