"""How the percentage of one student in one section comes about: each meeting, what it counts and why."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from attendance.models import Meeting, MeetingState, RecordChange, Section, Status, Student
from attendance.registers.dates import ALWAYS, DateRange
from attendance.registers.term_register import Cell, TermRegister, term_register
from attendance.rules.rule import Rule
from attendance.rules.standing import Result, Row
from attendance.rules.words import arithmetic, forecast, in_words, marks_in_words, why

# The newest ones are shown. Nobody has more, unless a mark is changed back and forth by a program.
MAX_CHANGES = 200


@dataclass(frozen=True)
class ExplainedMeeting:
    """One meeting that was opened or cancelled.

    :ivar cell: None if the student was not on its roster
    :ivar row: what it counts; None if it was not held with the student on its roster
    :ivar rule_in_words: what marks counted by the rule of its day, if this mark depends on it and the rule at the end of the
        range says something else
    :ivar note: of the change that made the status
    """

    meeting: Meeting
    cell: Cell | None
    row: Row | None
    rule_in_words: Sequence[str]
    note: str

    @property
    def why(self) -> str:
        return why(self.row) if self.row else ""


@dataclass(frozen=True)
class Explanation:
    """One student in one section within the register's range of days.

    :ivar meetings: the earliest first, without planned ones
    :ivar changes: of the student's records in these meetings, the newest first, at most ``MAX_CHANGES``
    """

    register: TermRegister
    student: Student
    roll_number: str
    is_enrolled: bool
    result: Result
    meetings: Sequence[ExplainedMeeting]
    changes: Sequence[RecordChange]

    @cached_property
    def words(self) -> list[str]:
        return in_words(self.result.rule)

    @property
    def arithmetic(self) -> str:
        return arithmetic(self.result)

    @property
    def forecast(self) -> str:
        return forecast(self.result)

    @property
    def excuses(self) -> list[ExplainedMeeting]:
        return [one for one in self.meetings if one.cell and one.cell.status is Status.EXCUSED]


def explain(
    section: Section, student: Student, *, today: datetime.date, dates: DateRange = ALWAYS
) -> Explanation:
    """Explain the student's numbers in the section: those of its register."""
    register = term_register(section, today=today, dates=dates, students=[student])
    (row,) = register.rows
    changes = _changes(section, student, dates)
    # A mark's note is that of the change which made it, also after a later change was undone.
    notes: dict[tuple[object, ...], str] = {
        (change.record_id, change.to_status, change.changed_at): change.note for change in changes
    }
    counted = iter(row.result.rows)
    meetings = []
    for meeting, cell in zip(register.meetings, row.cells, strict=True):
        if meeting.state == MeetingState.PLANNED:
            continue
        meetings.append(
            ExplainedMeeting(
                meeting=meeting,
                cell=cell,
                row=next(counted) if cell and meeting.state == MeetingState.HELD else None,
                rule_in_words=_other_rule(register, meeting, cell),
                note=notes.get((cell.record, cell.status, cell.marked_at), "")
                if cell and cell.record
                else "",
            )
        )
    return Explanation(register, student, row.roll_number, row.is_enrolled, row.result, meetings, changes)


def _changes(section: Section, student: Student, dates: DateRange) -> list[RecordChange]:
    found = RecordChange.objects.filter(record__meeting__section=section, record__student=student)
    within = dates.limit(found, by="record__meeting__date")
    related = within.select_related(
        "changed_by", "record__meeting", "from_label", "from_reason", "to_label", "to_reason"
    )
    return list(related[:MAX_CHANGES])


def _other_rule(register: TermRegister, meeting: Meeting, cell: Cell | None) -> list[str]:
    """What marks counted on the meeting's day, if the cell's depends on it and it is not what they count at the end."""
    if meeting.state != MeetingState.HELD or cell is None:
        return []
    if cell.label is None and cell.status not in {Status.LATE, Status.EXCUSED}:
        return []
    of_day = register.rules.on(meeting.date)
    differs = _marks(of_day) != _marks(register.rule)
    return marks_in_words(of_day) if differs else []


def _marks(rule: Rule) -> tuple[object, ...]:
    """What the rule of a meeting's day decides."""
    return rule.late_counts, rule.excused, rule.label_counts
