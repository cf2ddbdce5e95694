"""The register of one section: students × meetings, with where each student stands.

The page, the exports and the API show this. Reports over many sections use ``standings``, with the same numbers.
"""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from attendance.lib.natural_order import natural_key
from attendance.models import (
    Enrolment,
    ExcuseReason,
    Meeting,
    MeetingState,
    Method,
    RosterEntry,
    Section,
    Status,
    StatusLabel,
    Student,
)
from attendance.queries.planned_meetings import planned_after
from attendance.queries.section_rules import rules_by_section
from attendance.registers.dates import ALWAYS, DateRange
from attendance.rules.rule import Rule, Rules
from attendance.rules.standing import Held, Result, stand


class Cell(NamedTuple):
    """One student at one meeting while on its roster.

    :ivar record: the key of the record, if there is one
    :ivar status: None if no status stands
    """

    record: int | None
    status: Status | None
    label: StatusLabel | None
    excused_reason: ExcuseReason | None
    method: Method | None
    marked_at: datetime.datetime | None

    @property
    def letter(self) -> str:
        """As the register shows it; empty without a status."""
        if self.label:
            return self.label.letter
        return self.status.letter if self.status else ""


@dataclass(frozen=True)
class RegisterRow:
    """One student of the register.

    :ivar roll_number: of the latest enrolment in the section, else of the latest record
    :ivar is_enrolled: whether the student is enrolled on the last day of the range
    :ivar cells: one for each meeting of the register; None where the student was not on its roster
    :ivar result: where the student stands, by the meetings that were held
    """

    student: Student
    roll_number: str
    is_enrolled: bool
    cells: Sequence[Cell | None]
    result: Result


@dataclass(frozen=True)
class TermRegister:
    """:ivar rule: the rule in force at the end of the range
    :ivar meetings: all but discarded ones, the earliest first
    :ivar rows: in natural order of the roll numbers
    """

    section: Section
    dates: DateRange
    rules: Rules
    rule: Rule
    meetings: Sequence[Meeting]
    rows: Sequence[RegisterRow]


def term_register(
    section: Section,
    *,
    today: datetime.date,
    dates: DateRange = ALWAYS,
    students: Sequence[Student] | None = None,
) -> TermRegister:
    """The register of the section within the range of days, in eight queries.

    :param students: these and nobody else; by default everybody who is on the roster of a meeting, or enrolled at the end
        of the range
    """
    last = dates.rule_day(today=today)
    rules = rules_by_section([section])[section.pk]
    planned = planned_after(dates.remain_after(today=today), [section])[section.pk]
    meetings = _meetings(section, dates)
    cells, roll_numbers = _cells(meetings, students)
    enrolments = _latest_enrolments(section, students)
    on_last_day = {student for student, enrolment in enrolments.items() if enrolment.covers(last)}
    if students is None:
        students = list(Student.objects.in_bulk(cells.keys() | on_last_day).values())
    rows = []
    for student in students:
        pk, of_student = student.pk, cells[student.pk]
        held = [
            Held(meeting.date, cell.status, cell.label.pk if cell.label else None)
            for meeting in meetings
            if meeting.state == MeetingState.HELD and (cell := of_student.get(meeting.pk))
        ]
        enrolment = enrolments.get(pk)
        rows.append(
            RegisterRow(
                student=student,
                roll_number=enrolment.roll_number if enrolment else roll_numbers.get(pk, ""),
                is_enrolled=pk in on_last_day,
                cells=[of_student.get(meeting.pk) for meeting in meetings],
                result=stand(held, rules, on=last, planned=planned),
            )
        )
    rows.sort(key=lambda row: (natural_key(row.roll_number), row.student.student_id))
    return TermRegister(section, dates, rules, rules.on(last), meetings, rows)


def _meetings(section: Section, dates: DateRange) -> list[Meeting]:
    meetings = dates.limit(Meeting.objects.filter(section=section).not_discarded())
    found = list(meetings.order_by("starts_at", "pk"))
    for meeting in found:
        meeting.section = section
    return found


def _cells(
    meetings: Sequence[Meeting], students: Sequence[Student] | None
) -> tuple[defaultdict[int, dict[int, Cell]], dict[int, str]]:
    """The cells by student and meeting, and the roll number of each student's latest record."""
    labels, reasons = StatusLabel.objects.in_bulk(), ExcuseReason.objects.in_bulk()
    entries = RosterEntry.objects.filter(meeting__in=[meeting.pk for meeting in meetings])
    if students is not None:
        entries = entries.filter(student__in=students)
    order = {meeting.pk: number for number, meeting in enumerate(meetings)}
    cells: defaultdict[int, dict[int, Cell]] = defaultdict(dict)
    latest: dict[int, tuple[int, str]] = {}
    for (
        meeting,
        student,
        roll_number,
        record,
        status,
        label,
        reason,
        method,
        marked_at,
    ) in entries.values_list(
        "meeting_id",
        "student_id",
        "roll_number",
        "record_id",
        "record__status",
        "record__label_id",
        "record__excused_reason_id",
        "record__method",
        "record__marked_at",
    ).iterator(chunk_size=10_000):
        cells[student][meeting] = Cell(
            record,
            Status(status) if status else None,
            labels[label] if label else None,
            reasons[reason] if reason else None,
            Method(method) if method else None,
            marked_at,
        )
        latest[student] = max(latest.get(student, (-1, "")), (order[meeting], roll_number))
    return cells, {student: roll_number for student, (_number, roll_number) in latest.items()}


def _latest_enrolments(section: Section, students: Sequence[Student] | None) -> dict[int, Enrolment]:
    enrolments = Enrolment.objects.filter(section=section)
    if students is not None:
        enrolments = enrolments.filter(student__in=students)
    return {enrolment.student_id: enrolment for enrolment in enrolments.order_by("from_date", "pk")}
