"""What is missing in a register: classes nobody took, and students without a status."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from attendance.models import Meeting, MeetingState
from attendance.registers.term_register import TermRegister


@dataclass(frozen=True)
class Gap:
    """A meeting that is over and whose register is not complete.

    :ivar without_status: how many students on its roster have no status
    :ivar is_not_taken: whether nobody has one
    """

    meeting: Meeting
    without_status: int
    is_not_taken: bool


def gaps(register: TermRegister, *, at: datetime.datetime) -> Sequence[Gap]:
    """The gaps in the order of the meetings. Planned meetings are missing once they are over."""
    found = []
    for number, meeting in enumerate(register.meetings):
        cells = [cell for row in register.rows if (cell := row.cells[number]) is not None]
        without = sum(cell.status is None for cell in cells)
        is_not_taken = meeting.is_not_taken(at=at)
        if is_not_taken or (meeting.state == MeetingState.HELD and without):
            found.append(Gap(meeting, without, is_not_taken or without == len(cells)))
    return found
