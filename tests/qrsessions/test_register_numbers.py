"""Every number of the register, worked out again from what happened: over random histories of two sections."""

import datetime
import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attendance.models import AttendanceRule, Enrolment, LabelColour, Status, StatusLabel, Student
from attendance.queries.student_history import own_sections
from attendance.registers.dates import DateRange
from attendance.registers.standings import standings
from attendance.registers.term_register import term_register
from qrsessions.models import QRSession
from qrsessions.services import corrections, lifecycle, meetings
from tests.support import factories

pytestmark = pytest.mark.django_db

FIRST = datetime.date(2026, 9, 7)
STUDENTS = 4
# Present, late, excused, absent, and no mark.
MARKS = [Status.PRESENT, Status.LATE, Status.EXCUSED, Status.ABSENT, None]
RULES: dict[str, list[Any]] = {
    "minimum_percentage": [0, 50, 75, 90],
    "warn_below": [0, 80],
    "late_counts": [100, 50, 0],
    "lates_per_absence": [0, 2, 3],
    "excused": ["neutral", "attended"],
    "drop_lowest": [0, 1],
    "forecast_counts_planned": [True, False],
}

numbers = st.integers(0, 1000)
# Often enough, a rule changes after classes were held by another one.
KINDS = [*["hold"] * 4, *["rule"] * 3, "weight", "move", "correct", "reopen", "cancel", "restore"]
events = st.lists(st.tuples(st.sampled_from(KINDS), numbers, numbers), min_size=8, max_size=16)


@dataclass
class Held:
    """A class as the test remembers it."""

    section: int
    date: datetime.date
    session: QRSession
    statuses: dict[int, tuple[Status | None, int | None]] = field(default_factory=dict)
    cancelled: bool = False


class History:
    """Does things through the application, and remembers them in plain dictionaries."""

    def __init__(self) -> None:
        self.day = 0
        self.teacher = factories.make_teacher()
        self.students = [factories.make_student(with_user=False) for _ in range(STUDENTS)]
        course = factories.make_course()
        self.sections = [factories.make_section(course=course, teachers=[self.teacher]) for _ in range(2)]
        self.label = StatusLabel.objects.create(
            name="left early", letter="V", colour=LabelColour.TEAL, meaning=Status.LATE
        )
        self.enrolled: dict[int, int] = {}
        self.held: list[Held] = []
        # For each section the versions: the first day, and every field.
        base = {name: values[0] for name, values in RULES.items()} | {"weight": None}
        self.versions: list[list[tuple[datetime.date, dict[str, Any]]]] = [
            [(datetime.date.min, dict(base))] for _ in self.sections
        ]
        for number in range(STUDENTS - 1):
            self.enrol(number, number % 2)

    @property
    def date(self) -> datetime.date:
        return FIRST + datetime.timedelta(days=self.day)

    @property
    def at(self) -> datetime.datetime:
        return timezone.make_aware(datetime.datetime.combine(self.date, datetime.time(10)))

    def enrol(self, student: int, section: int) -> None:
        factories.make_enrolment(
            section=self.sections[section],
            student=self.students[student],
            roll_number=str(student),
            from_date=self.date,
        )
        self.enrolled[student] = section

    # --- What can happen

    def hold(self, first: int, second: int) -> None:
        section = first % 2
        session = lifecycle.open_session(section=self.sections[section], by=self.teacher, at=self.at)
        lifecycle.take_step(session=session, step="start", by=self.teacher, at=self.at)
        held = Held(section, self.date, session)
        self.held.append(held)
        present = [student for student, its in self.enrolled.items() if its == section]
        for student in present:
            status = MARKS[(second + student * 3) % 5]
            self._mark(held, student, status, labelled=bool((first + student) % 3))
        self._end(held)

    def move(self, first: int, second: int) -> None:
        student, section = first % STUDENTS, second % 2
        if self.enrolled.get(student) == section:
            return
        Enrolment.objects.filter(student=self.students[student], to_date=None).update(to_date=self.date)
        self.enrol(student, section)

    def correct(self, first: int, second: int) -> None:
        if held := self._any(first):
            students = sorted(held.statuses)
            if students:
                self._mark(
                    held, students[second % len(students)], MARKS[second % 4], labelled=bool(first % 2)
                )

    def reopen(self, first: int, second: int) -> None:
        held = self._any(first)
        if held is None or held.cancelled:
            return
        lifecycle.take_step(session=held.session, step="reopen", by=self.teacher, at=self.at)
        held.statuses = {
            student: (None, None) if self._is_of_end(held, student) else was
            for student, was in held.statuses.items()
        }
        for student in sorted(held.statuses)[: second % 3]:
            self._mark(held, student, MARKS[second % 4], labelled=False)
        self._end(held)

    def cancel(self, first: int, _second: int) -> None:
        held = self._any(first)
        if held and not held.cancelled:
            meetings.cancel(meeting=held.session.meeting, reason="", by=self.teacher, at=self.at)
            held.cancelled = True

    def restore(self, first: int, _second: int) -> None:
        held = self._any(first)
        if held and held.cancelled:
            meetings.restore(meeting=held.session.meeting, by=self.teacher, at=self.at)
            held.cancelled = False

    def rule(self, first: int, second: int) -> None:
        name = sorted(RULES)[second % len(RULES)]
        self._change_rule(first % 2, {name: RULES[name][first % len(RULES[name])]})

    def weight(self, first: int, second: int) -> None:
        self._change_rule(first % 2, {"weight": [None, 80, 30][second % 3]})

    # --- How

    def _mark(self, held: Held, student: int, status: Status | None, *, labelled: bool) -> None:
        label = self.label if status is Status.LATE and labelled else None
        corrections.correct(
            session=held.session,
            student=self.students[student],
            status=status,
            label=label,
            by=self.teacher,
            at=self.at,
        )
        held.statuses[student] = (status, label.pk if label else None)

    def _end(self, held: Held) -> None:
        lifecycle.take_step(session=held.session, step="end", by=self.teacher, at=self.at)
        held.session = QRSession.objects.with_names().get(pk=held.session.pk)
        held.statuses = {
            student: (Status.ABSENT, None) if status is None else (status, label)
            for student, (status, label) in held.statuses.items()
        }

    def _is_of_end(self, held: Held, student: int) -> bool:
        return held.session.meeting.records.filter(student=self.students[student], method="end").exists()

    def _any(self, number: int) -> Held | None:
        return self.held[number % len(self.held)] if self.held else None

    def _change_rule(self, section: int, to: dict[str, Any]) -> None:
        versions = self.versions[section]
        latest = dict(versions[-1][1]) | to
        given = {name: value for name, value in latest.items() if name != "weight"}
        AttendanceRule.objects.set_for_section(
            self.sections[section],
            given | {"label_counts": {self.label.pk: latest["weight"]}},
            valid_from=self.date,
            by=self.teacher,
            at=self.at,
        )
        self.versions[section] = [one for one in versions if one[0] != self.date] + [(self.date, latest)]

    # --- Worked out again

    def rule_on(self, section: int, date: datetime.date) -> dict[str, Any]:
        return [says for first, says in self.versions[section] if first <= date][-1]

    def marks(
        self, student: int, section: int, dates: DateRange
    ) -> list[tuple[datetime.date, Status | None, int | None]]:
        return [
            (held.date, *held.statuses[student])
            for held in self.held
            if held.section == section
            and not held.cancelled
            and student in held.statuses
            and (dates.first is None or held.date >= dates.first)
            and (dates.last is None or held.date <= dates.last)
        ]


def worked_out(
    history: History, student: int, section: int, *, today: datetime.date, dates: DateRange
) -> tuple[Any, ...]:
    """Attended, held, percentage and standing, one mark after another."""
    last = dates.last or today
    rule = history.rule_on(section, last)
    hundredths, lates = [], 0
    for date, status, label in history.marks(student, section, dates):
        of_day = history.rule_on(section, date)
        lates += status is Status.LATE
        if status is Status.LATE and rule["lates_per_absence"] and lates % rule["lates_per_absence"] == 0:
            hundredths.append(0)
        elif label is not None and of_day["weight"] is not None:
            hundredths.append(of_day["weight"])
        elif status is Status.PRESENT or (status is Status.EXCUSED and of_day["excused"] == "attended"):
            hundredths.append(100)
        elif status is Status.LATE:
            hundredths.append(of_day["late_counts"])
        elif status is Status.ABSENT:
            hundredths.append(0)
    if rule["drop_lowest"] and len(hundredths) > 1:
        hundredths.remove(min(hundredths))
    if not hundredths:
        return Fraction(0), 0, None, "ok"
    total, number = sum(hundredths), len(hundredths)
    tenths = math.floor(Fraction(total * 10, number) + Fraction(1, 2))
    for limit in (rule["minimum_percentage"], rule["warn_below"]):
        if total < limit * number and tenths >= limit * 10:
            tenths = math.floor(Fraction(total * 10, number))
    standing = "ok"
    if total < rule["minimum_percentage"] * number:
        standing = "below or lost"
    elif total < rule["warn_below"] * number:
        standing = "warned"
    return Fraction(total, 100), number, tenths / 10, standing


def shown(result: Any) -> tuple[Any, ...]:
    standing = result.standing.value
    words = {"below": "below or lost", "lost": "below or lost"}
    return result.attended, result.held, result.percentage, words.get(standing, standing)


def histories(number: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a test to run with this many random histories, first and last days."""
    limited = settings(max_examples=number, deadline=None, suppress_health_check=[*HealthCheck])
    random = given(events, st.sampled_from([None, 3, 6]), st.sampled_from([None, 7, 9]))
    return lambda test: limited(random(test))


@histories(6)
def test_every_number_is_what_happened(happened, first, last):
    replay(happened, first, last)


@pytest.mark.slow
@histories(100)
def test_every_number_is_what_happened_in_many_more_histories(happened, first, last):
    replay(happened, first, last)


def replay(happened, first, last):
    with transaction.atomic():
        history = History()
        for name, one, two in happened:
            history.day += 1
            getattr(history, name)(one, two)
        today = FIRST + datetime.timedelta(days=40)
        for dates in (
            DateRange(),
            DateRange(
                first and FIRST + datetime.timedelta(days=first),
                last and FIRST + datetime.timedelta(days=last),
            ),
        ):
            check(history, today=today, dates=dates)
        transaction.set_rollback(True)


def check(history: History, *, today: datetime.date, dates: DateRange) -> None:
    expected: defaultdict[int, dict[Student, Any]] = defaultdict(dict)
    for number, section in enumerate(history.sections):
        for student in range(STUDENTS):
            if history.marks(student, number, dates):
                found = worked_out(history, student, number, today=today, dates=dates)
                expected[section.pk][history.students[student]] = found

    for section in history.sections:
        register = term_register(section, today=today, dates=dates)
        with_marks = {row.student: shown(row.result) for row in register.rows if row.result.rows}
        assert with_marks == expected[section.pk]
    by_section: defaultdict[int, dict[int, Any]] = defaultdict(dict)
    for one in standings(history.sections, today=today, dates=dates):
        by_section[one.section.pk][one.student] = shown(one.result)
    assert dict(by_section) == {
        section: {student.pk: numbers for student, numbers in of_section.items()}
        for section, of_section in expected.items()
        if of_section
    }
    if dates == DateRange():
        for person in history.students:
            own = {
                one.section: shown(one.result) for one in own_sections(person, on=today) if one.result.rows
            }
            assert {section: numbers for section, numbers in own.items() if numbers[1]} == {
                section: of_section[person]
                for section, of_section in expected.items()
                if person in of_section and of_section[person][1]
            }
