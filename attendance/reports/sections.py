"""The figures of sections, and their sums for courses and departments."""

import datetime
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby

from django.db.models import Count, Q

from attendance.lib.natural_order import natural_key
from attendance.models import Course, Enrolment, Meeting, MeetingState, Section
from attendance.queries.section_rules import rules_by_section
from attendance.registers.dates import ALWAYS, DateRange
from attendance.registers.standings import StudentStanding, standings
from attendance.rules.percentage import percentage_beside
from attendance.rules.risk import risks
from attendance.rules.rule import Rule
from attendance.rules.standing import Standing
from attendance.rules.words import in_words

# Ten per cent each; the last one has 100 % as well.
BINS = 10


@dataclass(frozen=True)
class Figures:
    """Of one section, or the sums of several: then a student counts in each section.

    :ivar students: how many are enrolled at the end of the range; of a section that all have left, how many there were
    :ivar held: how many classes were held
    :ivar not_taken: at how many planned classes nobody took attendance
    :ivar at_risk: how many students are at risk for any reason
    :ivar standings: how many students stand where, without those who have no percentage yet
    :ivar distribution: how many students have a percentage from 0, from 10, …, by the number of the bin
    :ivar shares: the sum of all students' shares, from 0 to 1 each
    """

    students: int = 0
    held: int = 0
    not_taken: int = 0
    at_risk: int = 0
    standings: Counter[Standing] = field(default_factory=Counter)
    distribution: Counter[int] = field(default_factory=Counter)
    shares: Fraction = Fraction()

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.students + other.students,
            self.held + other.held,
            self.not_taken + other.not_taken,
            self.at_risk + other.at_risk,
            self.standings + other.standings,
            self.distribution + other.distribution,
            self.shares + other.shares,
        )

    @property
    def with_percentage(self) -> int:
        """How many students have a percentage: a class counted for them."""
        return self.standings.total()

    @property
    def without_percentage(self) -> int:
        return self.students - self.with_percentage

    @property
    def mean_percentage(self) -> float | None:
        """The mean of the students' percentages, to one decimal; None if nobody has one."""
        number = self.with_percentage
        return percentage_beside(self.shares / number, limits=()) if number else None

    @property
    def ok(self) -> int:
        return self.standings[Standing.OK]

    @property
    def warned(self) -> int:
        return self.standings[Standing.WARNED]

    @property
    def below(self) -> int:
        """Below the minimum, also those who can no longer reach it."""
        return self.standings[Standing.BELOW] + self.standings[Standing.LOST]

    @property
    def lost(self) -> int:
        return self.standings[Standing.LOST]


@dataclass(frozen=True)
class SectionReport:
    """:ivar rule: the rule in force at the end of the range"""

    section: Section
    rule: Rule
    figures: Figures

    @property
    def rule_words(self) -> list[str]:
        """The rule in words."""
        return in_words(self.rule)


@dataclass(frozen=True)
class CourseReport:
    course: Course
    sections: Sequence[SectionReport]

    @property
    def figures(self) -> Figures:
        return total(self.sections)


@dataclass(frozen=True)
class DepartmentReport:
    """:ivar name: empty for courses without a department"""

    name: str
    courses: Sequence[CourseReport]

    @property
    def figures(self) -> Figures:
        return total(self.courses)


def section_reports(
    sections: Collection[Section],
    *,
    today: datetime.date,
    at: datetime.datetime,
    dates: DateRange = ALWAYS,
) -> list[SectionReport]:
    """The figures of each section, in natural order of departments, courses and names: nine queries.

    :param sections: with their courses
    """
    last = dates.rule_day(today=today)
    rules = rules_by_section(sections)
    classes = _classes(sections, at=at, dates=dates)
    enrolled = _enrolled(sections, on=last)
    found = standings(sections, today=today, dates=dates)
    students = {
        section: _of_students(some, enrolled[section])
        for section, some in groupby(found, key=lambda one: one.section.pk)
    }
    reports = [
        SectionReport(
            section,
            rules[section.pk].on(last),
            students.get(section.pk, Figures(students=enrolled[section.pk]))
            + classes.get(section.pk, Figures()),
        )
        for section in sections
    ]
    return sorted(reports, key=lambda one: report_order(one.section))


def total(parts: Iterable[SectionReport | CourseReport | DepartmentReport]) -> Figures:
    return sum((part.figures for part in parts), start=Figures())


def by_department(reports: Iterable[SectionReport]) -> list[DepartmentReport]:
    """The sections by department and course.

    :param reports: in the order of ``section_reports``
    """
    return [
        DepartmentReport(
            name,
            [
                CourseReport(sections[0].section.course, sections)
                for _code, some in groupby(of_department, key=lambda one: one.section.course.code)
                if (sections := list(some))
            ],
        )
        for name, of_department in groupby(reports, key=lambda one: one.section.course.department)
    ]


def _of_students(people: Iterable[StudentStanding], enrolled: int) -> Figures:
    """The figures about the students of a section."""
    number, at_risk, shares = enrolled, 0, []
    stand: Counter[Standing] = Counter()
    for one in people:
        # After a term all have left; their figures stay.
        if enrolled and not one.is_enrolled:
            continue
        number += not enrolled
        at_risk += one.is_enrolled and bool(risks(one.result))
        if one.result.share is not None:
            shares.append(one.result.share)
            stand[one.result.standing] += 1
    return Figures(
        students=number,
        at_risk=at_risk,
        standings=stand,
        distribution=Counter(min(int(share * BINS), BINS - 1) for share in shares),
        shares=sum(shares, start=Fraction()),
    )


def _classes(sections: Collection[Section], *, at: datetime.datetime, dates: DateRange) -> dict[int, Figures]:
    """The figures about the classes of each section, by its key."""
    not_taken = Q(state=MeetingState.PLANNED, ends_at__lt=at)
    meetings = dates.limit(Meeting.objects.filter(section__in=sections)).order_by()
    counted = meetings.values("section").annotate(
        held=Count("pk", filter=Q(state=MeetingState.HELD)), missing=Count("pk", filter=not_taken)
    )
    return {row["section"]: Figures(held=row["held"], not_taken=row["missing"]) for row in counted}


def _enrolled(sections: Collection[Section], *, on: datetime.date) -> Counter[int]:
    enrolments = Enrolment.objects.holding_on(on).filter(section__in=sections).order_by()
    return Counter(dict(enrolments.values_list("section").annotate(Count("pk"))))


def report_order(section: Section) -> tuple[object, ...]:
    """A sort key: departments, courses and names in natural order, sections without a department last."""
    course = section.course
    return (
        not course.department,
        natural_key(course.department),
        course.department,
        natural_key(course.code),
        course.code,
        natural_key(section.name),
        section.pk,
    )
