"""The record of one fault: every acknowledgement, every count that was read, and the final register."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

# The group's own id, or the id of one of its sessions.
Scope = str


@dataclass
class Mark:
    """One phone's attempts to mark. Times are in seconds of this machine's clock."""

    student: str
    session: Scope
    sent_at: float | None = None
    acknowledged_at: float | None = None
    errors: Counter[str] = field(default_factory=Counter)
    # Whether a request ended without an answer that says what became of it.
    in_flight: bool = False


@dataclass(frozen=True)
class Sample:
    """One answer with present counts, either of the group and its sessions or of one session."""

    began_at: float
    ended_at: float
    present: Mapping[Scope, int]


@dataclass(frozen=True)
class Row:
    """A mark in the register."""

    session: Scope
    marked_at: float


@dataclass
class History:
    """One burst of marks with a fault in its middle."""

    fault: str
    group: Scope
    marks: list[Mark]
    errors_are_allowed: bool
    samples: list[Sample] = field(default_factory=list)
    # Errors that the teacher's pages saw while reading counts or the code.
    teacher_errors: Counter[str] = field(default_factory=Counter)
    fault_began_at: float = 0.0
    fault_ended_at: float = 0.0
    register: dict[str, Row] = field(default_factory=dict)
    # The sizes of the sets, and the API's counts, when they should be right again.
    set_sizes: dict[Scope, int] = field(default_factory=dict)
    final: dict[Scope, int] = field(default_factory=dict)
