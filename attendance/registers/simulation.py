"""Who would stand elsewhere if a section had another rule. Nothing is written."""

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from attendance.models import Section, Student
from attendance.queries.planned_meetings import planned_after
from attendance.queries.section_rules import versions_of
from attendance.registers.term_register import term_register
from attendance.rules.rule import Rule
from attendance.rules.standing import Result, Standing, stand


class ChangedStudent(NamedTuple):
    student: Student
    roll_number: str
    before: Result
    after: Result


@dataclass(frozen=True)
class Simulation:
    """What a change of the rule would do to the students of the section's register.

    :ivar on: the day it is about: today, or the first day of the change if that is later
    :ivar rule: the rule that would be in force on that day
    :ivar changed: those whose percentage or standing would change, in the order of the register
    :ivar before: how many students have each standing
    :ivar after: how many would have it
    """

    on: datetime.date
    rule: Rule
    total_students: int
    changed: Sequence[ChangedStudent]
    before: Counter[Standing]
    after: Counter[Standing]

    @property
    def counts(self) -> list[tuple[Standing, int, int]]:
        """Each standing with how many students have it before and after."""
        return [(standing, self.before[standing], self.after[standing]) for standing in Standing]


def simulate(
    section: Section, to: Mapping[str, Any], *, valid_from: datetime.date, today: datetime.date
) -> Simulation:
    """Compare the rule of the section as it is with what ``set_for_section`` would make of it, by the classes held so far.

    :param to: as for ``set_for_section``
    """
    on = max(today, valid_from)
    register = term_register(section, today=today)
    rules = versions_of(section).after(to, valid_from=valid_from)
    planned = planned_after(today, [section])[section.pk]
    changed, before, after = [], Counter[Standing](), Counter[Standing]()
    for row in register.rows:
        held = [counted.meeting for counted in row.result.rows]
        old = stand(held, register.rules, on=on, planned=planned)
        new = stand(held, rules, on=on, planned=planned)
        before[old.standing] += 1
        after[new.standing] += 1
        if (old.share, old.standing) != (new.share, new.standing):
            changed.append(ChangedStudent(row.student, row.roll_number, old, new))
    return Simulation(on, rules.on(on), len(register.rows), changed, before, after)
