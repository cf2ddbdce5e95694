"""Where the students of many sections stand: the numbers of ``term_register``, without its cells."""

import datetime
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from attendance.models import AttendanceRecord, Enrolment, MeetingState, Section, Status
from attendance.queries.planned_meetings import planned_after
from attendance.queries.section_rules import rules_by_section
from attendance.registers.dates import ALWAYS, DateRange
from attendance.rules.standing import Held, Result, stand


@dataclass(frozen=True)
class StudentStanding:
    """One student in one section in which at least one meeting was held with them on its roster.

    :ivar student: the student's key
    :ivar is_enrolled: whether the student is enrolled on the last day of the range
    :ivar result: its rows are in the order of the meetings
    """

    section: Section
    student: int
    is_enrolled: bool
    result: Result


def standings(
    sections: Collection[Section],
    *,
    today: datetime.date,
    dates: DateRange = ALWAYS,
    students: Collection[int] | None = None,
) -> Iterator[StudentStanding]:
    """Where each student stands in each of the sections, section by section, in five queries.

    The records are read as they are needed: a million of them never lie in memory at once.

    :param students: the keys of the students, by default all
    """
    last = dates.rule_day(today=today)
    rules = rules_by_section(sections)
    planned = planned_after(dates.remain_after(today=today), sections)
    enrolled = set(
        Enrolment.objects.holding_on(last).filter(section__in=sections).values_list("section", "student")
    )
    by_key = {section.pk: section for section in sections}
    held = AttendanceRecord.objects.filter(meeting__state=MeetingState.HELD, meeting__section__in=sections)
    if students is not None:
        held = held.filter(student__in=students)
    found = dates.limit(held, by="meeting__date").order_by(
        "meeting__section", "student", "meeting__starts_at", "meeting"
    )
    records = found.values_list("meeting__section", "student", "meeting__date", "status", "label")
    for (section_id, student_id), group in groupby(
        records.iterator(chunk_size=10_000), key=lambda row: row[:2]
    ):
        meetings = [_held(date, status, label) for _, _, date, status, label in group]
        yield StudentStanding(
            section=by_key[section_id],
            student=student_id,
            is_enrolled=(section_id, student_id) in enrolled,
            result=stand(meetings, rules[section_id], on=last, planned=planned[section_id]),
        )


# Students share the few different ones: making a million of them takes seconds.
@lru_cache(maxsize=4096)
def _held(date: datetime.date, status: str | None, label: int | None) -> Held:
    return Held(date, Status(status) if status else None, label)
