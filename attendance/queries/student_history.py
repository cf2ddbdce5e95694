"""A student's own attendance, as shown to the student."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from attendance.lib.natural_order import natural_key
from attendance.models import ATTENDED, MeetingState, RosterEntry, Section, Status, Student
from attendance.queries.not_enrolled_then import meetings_not_enrolled_then
from attendance.queries.planned_meetings import planned_after
from attendance.queries.section_rules import rules_by_section
from attendance.rules.rule import Rules
from attendance.rules.standing import Counted, Held, Result, Row, stand
from attendance.rules.words import arithmetic, in_words, why


@dataclass(frozen=True)
class OwnSection:
    """One section of a student with its ended meetings, newest first.

    :ivar result: where the student stands by the section's rule
    """

    section: int
    course: str
    course_title: str
    name: str
    term: str
    # Whether the term is past: the student's page then shows the section in a fold.
    is_past: bool
    result: Result
    meetings: list[dict[str, object]] = field(default_factory=list)

    @property
    def minimum_percentage(self) -> int | None:
        return self.result.rule.minimum_percentage or None

    @property
    def words(self) -> list[str]:
        return in_words(self.result.rule)

    @property
    def arithmetic(self) -> str:
        return arithmetic(self.result)

    @property
    def attended(self) -> float:
        return float(self.result.attended)

    @property
    def total_meetings(self) -> int:
        """Without those for which the student has no status: the register was not taken, or "not enrolled then"."""
        return sum(meeting["status"] is not None for meeting in self.meetings)

    @property
    def total_present(self) -> int:
        return sum(meeting["status"] in ATTENDED for meeting in self.meetings)

    @property
    def total_excused(self) -> int:
        return sum(meeting["status"] == Status.EXCUSED for meeting in self.meetings)


def own_sections(student: Student, *, on: datetime.date) -> list[OwnSection]:
    """The student's attendance by section, at meetings that have ended, in four queries.

    The sections of past terms come last, those of the latest term first.

    :param on: today, whose rules decide, and which terms are past
    """
    found = RosterEntry.objects.filter(student=student, meeting__state=MeetingState.HELD)
    missed = meetings_not_enrolled_then(student).select_related("section__course", "section__term")
    entries = [
        *found.with_labels().select_related("meeting__section__course", "meeting__section__term"),
        *(RosterEntry(meeting=meeting, student=student) for meeting in missed),
    ]
    entries.sort(key=lambda entry: (entry.meeting.starts_at, entry.meeting.pk), reverse=True)
    entries.sort(key=_section_order)
    entries.sort(key=lambda entry: _age_of_term(entry.meeting.section, on))
    sections = {entry.meeting.section for entry in entries}
    rules, planned = rules_by_section(sections), planned_after(on, sections)
    return [
        _own_section(section, list(group), rules[section.pk], on=on, planned=planned[section.pk])
        for section, group in groupby(entries, key=lambda entry: entry.meeting.section)
    ]


def _own_section(
    section: Section, entries: Sequence[RosterEntry], rules: Rules, *, on: datetime.date, planned: int
) -> OwnSection:
    # Newest first. What a late mark counts can depend on those before it.
    result = stand([_held(entry) for entry in reversed(entries)], rules, on=on, planned=planned)
    return OwnSection(
        section=section.pk,
        course=section.course.code,
        course_title=section.course.title,
        name=section.name,
        term=section.term_name,
        is_past=section.term is not None and section.term.is_past(on),
        result=result,
        meetings=[
            _own_meeting(entry, row) for entry, row in zip(entries, reversed(result.rows), strict=True)
        ],
    )


def _held(entry: RosterEntry) -> Held:
    record = entry.record
    if record is None or record.status is None:
        return Held(entry.meeting.date, None)
    return Held(entry.meeting.date, Status(record.status), record.label_id)


def _section_order(entry: RosterEntry) -> tuple[object, ...]:
    section = entry.meeting.section
    return natural_key(section.course.code), natural_key(section.name), section.pk


def _age_of_term(section: Section, on: datetime.date) -> datetime.timedelta:
    """How long ago the section's term ended if it is past, otherwise nothing."""
    term = section.term
    if term is None or term.last_day is None or not term.is_past(on):
        return datetime.timedelta()
    return on - term.last_day


def _own_meeting(entry: RosterEntry, row: Row) -> dict[str, object]:
    record = entry.record
    return {
        "session": entry.meeting.public_id,
        "date": entry.meeting.date,
        "starts_at": entry.meeting.starts_at,
        "not_enrolled_then": record is None,
        "status": record.status if record else None,
        "label": record.label if record else None,
        "reason": record.excused_reason if record else None,
        "marked_at": record.marked_at if record else None,
        "method": record.method if record else None,
        "counts": row.counts,
        "counted": row.counted,
        # The page says "not enrolled then" or "not recorded" instead.
        "why": "" if row.counted is Counted.NO_STATUS else why(row),
    }
