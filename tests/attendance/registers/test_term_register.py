"""The register of a term and the standings of many sections: whole results, and the same numbers in both."""

import datetime

import pytest
from django.utils import timezone

from attendance.models import LabelColour, MeetingState, Status, StatusLabel
from attendance.registers.dates import DateRange
from attendance.registers.standings import standings
from attendance.registers.term_register import term_register
from tests.support import factories

pytestmark = pytest.mark.django_db

FIRST = datetime.date(2026, 9, 7)
TODAY = FIRST + datetime.timedelta(days=60)


def moment(day: int) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(FIRST, datetime.time(10))) + datetime.timedelta(
        days=day
    )


def held(section, day, statuses):
    """A meeting this many days after the first, with the statuses by student."""
    meeting = factories.make_meeting(section=section, starts_at=moment(day), ended_at=moment(day))
    rolls = dict(section.enrolments.values_list("student", "roll_number"))
    for student, status in statuses.items():
        factories.make_record(
            meeting=meeting,
            student=student,
            status=status,
            roll_number=rolls.get(student.pk, f"was {student.pk}"),
        )
    return meeting


def letters(register):
    """Each row as a text: a letter for each cell, "-" for no status, "." for not on the roster."""
    return {
        row.roll_number: "".join("." if cell is None else cell.letter or "-" for cell in row.cells)
        for row in register.rows
    }


def test_register_shows_each_student_at_each_meeting():
    section = factories.make_section(students=2)
    first, second = factories.students_of(section)
    late_comer, leaver = factories.make_student(), factories.make_student()
    factories.make_enrolment(
        section=section, student=late_comer, roll_number="10", from_date=FIRST + datetime.timedelta(days=5)
    )
    factories.make_enrolment(
        section=section, student=leaver, roll_number="9", to_date=FIRST + datetime.timedelta(days=5)
    )
    left_early = StatusLabel.objects.create(
        name="left early", letter="V", colour=LabelColour.ORANGE, meaning=Status.LATE
    )
    held(section, 0, {first: Status.PRESENT, second: Status.ABSENT, leaver: Status.LATE})
    held(section, 7, {first: Status.EXCUSED, second: None, late_comer: Status.PRESENT})
    cancelled = held(section, 14, {first: Status.PRESENT, second: Status.PRESENT, late_comer: Status.ABSENT})
    cancelled.state = MeetingState.CANCELLED
    cancelled.save()
    last = held(section, 21, {first: Status.LATE, second: Status.PRESENT, late_comer: Status.ABSENT})
    last.records.filter(student=first).update(label=left_early)
    factories.make_planned(section=section, starts_at=moment(70))
    discarded = factories.make_meeting(section=section, starts_at=moment(3), state=MeetingState.DISCARDED)

    register = term_register(section, today=TODAY)

    assert letters(register) == {"01": "PEPV-", "02": "A-PP-", "9": "L....", "10": ".PAA-"}
    assert discarded not in register.meetings
    assert [(row.roll_number, row.result.percentage, row.is_enrolled) for row in register.rows] == [
        ("01", 100.0, True),
        ("02", 50.0, True),
        ("9", 100.0, False),
        ("10", 50.0, True),
    ]


def test_range_of_days_limits_meetings_and_numbers():
    section = factories.make_section(students=1)
    (student,) = factories.students_of(section)
    held(section, 0, {student: Status.ABSENT})
    held(section, 7, {student: Status.PRESENT})
    dates = DateRange(FIRST + datetime.timedelta(days=1), FIRST + datetime.timedelta(days=8))

    register = term_register(section, today=TODAY, dates=dates)

    assert letters(register) == {"01": "P"}
    assert register.rows[0].result.percentage == 100.0


def test_standings_of_many_sections_agree_with_their_registers(django_assert_num_queries):
    factories.make_rule(minimum_percentage=0)
    sections = [factories.make_section(students=3, minimum_percentage=50) for _ in range(3)]
    for number, section in enumerate(sections):
        for day, status in enumerate([Status.PRESENT, Status.LATE, Status.ABSENT, Status.EXCUSED]):
            held(section, day + number, dict.fromkeys(factories.students_of(section)[: day + 1], status))
        factories.make_planned(section=section, starts_at=moment(70))

    with django_assert_num_queries(5):
        found = list(standings(sections, today=TODAY))

    of_registers = [
        (section, row.student.pk, row.is_enrolled, row.result)
        for section in sections
        for row in sorted(term_register(section, today=TODAY).rows, key=lambda row: row.student.pk)
    ]
    assert [(one.section, one.student, one.is_enrolled, one.result) for one in found] == of_registers


def test_queries_of_a_register_do_not_grow(django_assert_num_queries):
    factories.make_rule(minimum_percentage=0)
    section = factories.make_section(students=1)
    held(section, 0, dict.fromkeys(factories.students_of(section), Status.PRESENT))
    with django_assert_num_queries(9):
        term_register(section, today=TODAY)
    for _ in range(3):
        factories.make_enrolment(section=section)
    for day in range(1, 4):
        held(section, day, dict.fromkeys(factories.students_of(section), Status.LATE))
    with django_assert_num_queries(9):
        term_register(section, today=TODAY)
