"""What was seen during one fault: every acknowledgement, every count that was read, and the register at the end."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

# The group's own id, or the id of one of its sessions.
Scope = str


@dataclass
class Mark:
    """One phone's way to its mark. Moments are seconds of this machine's clock."""

    student: str
    session: Scope
    sent_at: float | None = None
    acknowledged_at: float | None = None
    errors: Counter[str] = field(default_factory=Counter)
    # Whether a request ended without an answer that tells what became of it.
    in_flight: bool = False


@dataclass(frozen=True)
class Sample:
    """One answer with counts of those who are present: of the group with its sessions, or of one session."""

    began_at: float
    ended_at: float
    present: Mapping[Scope, int]


@dataclass(frozen=True)
class Row:
    """A mark as the register has it."""

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
    # Errors that the teacher's pages saw: reading counts, reading the code to show.
    teacher_errors: Counter[str] = field(default_factory=Counter)
    fault_began_at: float = 0.0
    fault_ended_at: float = 0.0
    register: dict[str, Row] = field(default_factory=dict)
    # The cardinalities of the sets, and the API's last answer, when all was quiet for ten seconds.
    set_sizes: dict[Scope, int] = field(default_factory=dict)
    final: dict[Scope, int] = field(default_factory=dict)
