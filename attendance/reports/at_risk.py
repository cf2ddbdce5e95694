"""Students who are at risk, and why."""

import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from attendance.lib.natural_order import natural_key
from attendance.models import Enrolment, Section, Student
from attendance.registers.dates import ALWAYS, DateRange
from attendance.registers.standings import StudentStanding, standings
from attendance.reports.words import reason_in_words
from attendance.rules.risk import ABSENCES_IN_A_ROW, Risk, latest_absences, risks
from attendance.rules.standing import Result
from attendance.rules.words import forecast, in_words


@dataclass(frozen=True)
class AtRisk:
    """One student in one section.

    :ivar reasons: the most serious first
    :ivar absences: at how many of the latest classes the student was absent
    """

    section: Section
    student: Student
    roll_number: str
    result: Result
    reasons: Sequence[Risk]
    absences: int

    @property
    def attended(self) -> float:
        """What the classes that count add up to."""
        return float(self.result.attended)

    @property
    def why(self) -> list[str]:
        """The reasons in words."""
        return [reason_in_words(reason, self.result, absences=self.absences) for reason in self.reasons]

    @property
    def forecast(self) -> str:
        return forecast(self.result)

    @property
    def rule_words(self) -> list[str]:
        """The rule in words."""
        return in_words(self.result.rule)


def students_at_risk(
    sections: Collection[Section],
    *,
    today: datetime.date,
    dates: DateRange = ALWAYS,
    absences: int = ABSENCES_IN_A_ROW,
) -> list[AtRisk]:
    """Who is enrolled at the end of the range and at risk, in seven queries: those with the most serious reason first.

    :param absences: how many absences in a row are a reason
    """
    found = [
        (one, reasons)
        for one in standings(sections, today=today, dates=dates)
        if one.is_enrolled and (reasons := risks(one.result, absences=absences))
    ]
    students = Student.objects.in_bulk({one.student for one, _reasons in found})
    roll_numbers = _roll_numbers(found, on=dates.rule_day(today=today))
    listed = [
        AtRisk(one.section, student, roll_number, one.result, reasons, latest_absences(one.result.rows))
        for one, reasons in found
        # Somebody else may have deleted the enrolment meanwhile.
        if (student := students.get(one.student))
        and (roll_number := roll_numbers.get((one.section.pk, one.student)))
    ]
    return sorted(listed, key=_order)


def _roll_numbers(
    found: Sequence[tuple[StudentStanding, Sequence[Risk]]], *, on: datetime.date
) -> dict[tuple[int, int], str]:
    """By section and student."""
    enrolments = Enrolment.objects.holding_on(on).filter(
        section__in={one.section.pk for one, _reasons in found},
        student__in={one.student for one, _reasons in found},
    )
    return {(one.section_id, one.student_id): one.roll_number for one in enrolments}


def _order(one: AtRisk) -> tuple[object, ...]:
    reasons = list(Risk)
    return (
        reasons.index(one.reasons[0]),
        # Nothing can be held for a student who is absent or below.
        one.result.share if one.result.share is not None else 1,
        natural_key(one.section.course.code),
        natural_key(one.section.name),
        one.section.pk,
        natural_key(one.roll_number),
    )
