"""One student over all courses: where they stand in each of their sections."""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Q, QuerySet

from attendance.lib.natural_order import natural_key
from attendance.models import Course, Section, Status, Student, Term
from attendance.registers.dates import ALWAYS, DateRange
from attendance.registers.standings import standings
from attendance.rules.standing import Result, Together
from attendance.rules.words import arithmetic, arithmetic_together, forecast, in_words


@dataclass(frozen=True)
class CoursePart:
    """One section of the student.

    :ivar is_enrolled: whether the student is enrolled on the last day of the range
    :ivar result: None if no meeting was held with the student on its roster
    """

    section: Section
    is_enrolled: bool
    result: Result | None

    @property
    def by_status(self) -> list[tuple[Status, int]]:
        """How often the student had each status."""
        numbers = Counter(row.meeting.status for row in self.result.rows) if self.result else Counter()
        return [(status, numbers[status]) for status in Status]

    @property
    def words(self) -> list[str]:
        return in_words(self.result.rule) if self.result else []

    @property
    def arithmetic(self) -> str:
        return arithmetic(self.result) if self.result else ""

    @property
    def forecast(self) -> str:
        return forecast(self.result) if self.result else ""


@dataclass(frozen=True)
class StudentCourse:
    """The sections of one course in one term: several, if the student moved between them."""

    course: Course
    term: Term | None
    parts: Sequence[CoursePart]

    @property
    def together(self) -> Together | None:
        """The sum of the parts, if there are several."""
        results = [part.result for part in self.parts if part.result]
        return Together(results) if len(results) > 1 else None

    @property
    def together_in_words(self) -> str:
        return arithmetic_together(self.together) if self.together else ""


def sections_of(student: Student, sections: QuerySet[Section]) -> QuerySet[Section]:
    """Those of the sections in which the student was ever enrolled, or is in a register."""
    return sections.filter(
        Q(pk__in=student.enrolments.values("section")) | Q(pk__in=student.records.values("meeting__section"))
    )


def student_courses(
    student: Student, sections: QuerySet[Section], *, today: datetime.date, dates: DateRange = ALWAYS
) -> list[StudentCourse]:
    """The student's courses among the sections, those of the latest term first, in seven queries.

    :param sections: with course and term
    """
    found = sorted(sections_of(student, sections), key=_order)
    by_section = {
        one.section.pk: one for one in standings(found, today=today, dates=dates, students=[student.pk])
    }
    enrolled = set(
        student.enrolments.holding_on(dates.rule_day(today=today)).values_list("section", flat=True)
    )
    return [
        StudentCourse(
            course=group[0].course,
            term=group[0].term,
            parts=[
                CoursePart(
                    section=section,
                    is_enrolled=section.pk in enrolled,
                    result=by_section[section.pk].result if section.pk in by_section else None,
                )
                for section in group
            ],
        )
        for _, sections_of_course in groupby(found, key=lambda one: (one.course_id, one.term_id))
        if (group := list(sections_of_course))
    ]


def _order(section: Section) -> tuple[object, ...]:
    """The latest term first; those without days come first of all."""
    first_day = section.term.first_day if section.term else None
    return (
        -(first_day or datetime.date.max).toordinal(),
        section.term_id or 0,
        natural_key(section.course.code),
        section.course_id,
        natural_key(section.name),
        section.pk,
    )
