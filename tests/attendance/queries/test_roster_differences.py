"""``manage.py roster_differences``: the numbers that were different while rosters followed later enrolments."""

import csv
import datetime
import io

import pytest
from django.core.management import call_command

from attendance.models import Status
from attendance.queries import roster_differences
from tests.support.factories import (
    fill_register,
    make_enrolment,
    make_group,
    make_meeting,
    make_record,
    make_section,
    make_student,
    students_of,
)

pytestmark = pytest.mark.django_db

STARTS_AT = datetime.datetime(2026, 10, 5, 9, tzinfo=datetime.UTC)


def listed() -> list[tuple[str, ...]]:
    out, summary = io.StringIO(), io.StringIO()
    call_command("roster_differences", stdout=out, stderr=summary)
    found = list(csv.DictReader(out.getvalue().removeprefix("\ufeff").splitlines()))
    assert summary.getvalue() == f"{len(found)} numbers differ.\n"
    return [
        tuple(row[name] for name in ("id", "kind", "number", "before", "after", "no_longer_listed"))
        for row in found
    ]


def held(section, *, group=None, present=()):
    """A meeting with the register of its end, at which these students were present."""
    meeting = make_meeting(section=section, starts_at=STARTS_AT, ended_at=STARTS_AT, group=group)
    for student in present:
        make_record(meeting=meeting, student=student, status=Status.PRESENT)
    fill_register(meeting)
    return meeting


def test_nothing_differs_without_later_enrolments():
    section = make_section(students=2)
    held(section, present=students_of(section)[:1])
    make_meeting(section=section, starts_at=STARTS_AT)

    assert listed() == []


def test_backdated_student_is_listed_with_the_numbers_that_changed(monkeypatch):
    monkeypatch.setattr(roster_differences, "_BATCH_SIZE", 1)
    section = make_section(students=2)
    first, second = (held(section, present=students_of(section)[:1]) for _ in range(2))
    student = make_student()
    make_enrolment(section=section, student=student)

    assert listed() == [
        (meeting.public_id, "session", number, *values)
        for meeting in (first, second)
        for number, *values in [
            ("students listed", "3", "2", student.student_id),
            ("students", "3", "2", ""),
            ("present in per cent", "33.3", "50.0", ""),
        ]
    ]


def test_student_backdated_into_a_lower_section_of_a_group_is_listed():
    group, (first, second) = make_group(), [make_section(students=1), make_section(students=2)]
    student = students_of(second)[0]
    lower = held(first, group=group)
    higher = held(second, group=group, present=[student])
    make_enrolment(section=first, student=student)

    assert listed() == [
        (lower.public_id, "session", "students listed", "2", "1", student.student_id),
        (lower.public_id, "session", "students", "2", "1", ""),
        (higher.public_id, "session", "students", "1", "2", ""),
        (higher.public_id, "session", "joined", "0", "1", ""),
        (higher.public_id, "session", "present", "0", "1", ""),
        (higher.public_id, "session", "present in per cent", "0.0", "50.0", ""),
        (group.public_id, "group", "students listed", "4", "3", ""),
        (group.public_id, "group", "joined", "0", "1", ""),
        (group.public_id, "group", "present", "0", "1", ""),
        (group.public_id, "group", "present in per cent", "0.0", "33.3", ""),
    ]
