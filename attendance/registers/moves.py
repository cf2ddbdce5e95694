"""Students who moved between the sections of a course: a percentage is of one section, so both parts are shown."""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from attendance.models import Section
from attendance.registers.standings import StudentStanding, standings
from attendance.registers.term_register import TermRegister


@dataclass(frozen=True)
class Moved:
    """What a student attended in the course's sections of the term.

    :ivar parts: the other sections, in which at least one class counts
    :ivar attended: in all of the sections together
    :ivar held: likewise
    """

    parts: Sequence[StudentStanding]
    attended: Fraction
    held: int


def moved_students(register: TermRegister, *, today: datetime.date) -> dict[int, Moved]:
    """Those of the register's students who also have classes in another section of the course and term, by their keys.

    One query, or six if the course has other sections.
    """
    section = register.section
    others = Section.objects.filter(course=section.course_id, term=section.term_id).exclude(pk=section.pk)
    others = others.select_related("course", "term")
    rows = {row.student.pk: row for row in register.rows}
    parts: defaultdict[int, list[StudentStanding]] = defaultdict(list)
    if rows and (found := list(others)):
        for part in standings(found, today=today, dates=register.dates, students=rows):
            if part.result.held:
                parts[part.student].append(part)
    return {
        student: Moved(
            parts=elsewhere,
            attended=sum((part.result.attended for part in elsewhere), rows[student].result.attended),
            held=sum((part.result.held for part in elsewhere), rows[student].result.held),
        )
        for student, elsewhere in parts.items()
    }
