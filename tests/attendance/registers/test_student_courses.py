"""One student over all courses: parts of a course after a move, and their sum."""

import datetime

import pytest

from attendance.models import Section, Status
from attendance.registers.dates import DateRange
from attendance.registers.student_courses import student_courses
from tests.support import factories

pytestmark = pytest.mark.django_db

FIRST = datetime.date(2026, 9, 7)
DAY = datetime.timedelta(days=1)
TODAY = FIRST + 60 * DAY
NOON = datetime.datetime(2026, 9, 7, 12, tzinfo=datetime.UTC)
P, L, E, A = Status.PRESENT, Status.LATE, Status.EXCUSED, Status.ABSENT


def attended(section, student, statuses, *, from_day=0):
    for day, status in enumerate(statuses, start=from_day):
        at = NOON + day * DAY
        meeting = factories.make_meeting(section=section, starts_at=at, ended_at=at)
        factories.make_record(meeting=meeting, student=student, status=status, roll_number="01")


def all_sections():
    return Section.objects.select_related("course", "term")


def shown(courses):
    return [
        (
            one.course.code,
            one.term and one.term.name,
            [
                (part.section.name, part.is_enrolled, part.result and part.result.percentage)
                for part in one.parts
            ],
            one.together and one.together.percentage,
        )
        for one in courses
    ]


def test_parts_of_a_course_stand_together_with_their_sum():
    student = factories.make_student()
    algorithms, geometry = factories.make_course(code="CS2"), factories.make_course(code="CS10")
    left = factories.make_section(course=algorithms, name="A")
    factories.make_enrolment(
        section=left, student=student, roll_number="01", from_date=FIRST, to_date=FIRST + 4 * DAY
    )
    joined = factories.make_section(course=algorithms, name="B", students=[student], minimum_percentage=60)
    new = factories.make_section(course=geometry, name="A", students=[student])
    last_year = factories.make_term(
        name="Autumn 2025", first_day=FIRST - 365 * DAY, last_day=FIRST - 265 * DAY
    )
    old = factories.make_section(course=algorithms, name="A", term=last_year, students=[student])
    factories.make_section(course=algorithms, name="C", students=1)
    attended(left, student, [P, P, A])
    attended(joined, student, [A, L, E], from_day=4)
    attended(old, student, [P], from_day=-300)

    courses = student_courses(student, all_sections(), today=TODAY)

    assert shown(courses) == [
        ("CS2", "Autumn 2026", [("A", False, 66.7), ("B", True, 50.0)], 60.0),
        ("CS10", "Autumn 2026", [("A", True, None)], None),
        ("CS2", "Autumn 2025", [("A", True, 100.0)], None),
    ]
    (moved, untaught, _) = courses
    assert moved.together_in_words == "2 + 1 = 3 of 5 classes = 60%"
    assert [part.by_status for part in moved.parts] == [
        [(P, 2), (L, 0), (E, 0), (A, 1)],
        [(P, 0), (L, 1), (E, 1), (A, 1)],
    ]
    assert moved.parts[1].forecast == "Reaches 60% by attending the next class."
    assert (untaught.parts[0].section, untaught.parts[0].arithmetic) == (new, "")


def test_only_the_given_sections_and_days_are_shown():
    student = factories.make_student()
    section, other = (factories.make_section(students=[student]) for _ in range(2))
    attended(section, student, [A, P])
    attended(other, student, [P])

    (course,) = student_courses(
        student, all_sections().filter(pk=section.pk), today=TODAY, dates=DateRange(FIRST + DAY)
    )

    assert [(part.section, part.result.percentage) for part in course.parts] == [(section, 100.0)]


def test_numbers_of_classmates_are_not_mixed_in():
    section = factories.make_section(students=2)
    first, second = factories.students_of(section)
    at = NOON
    meeting = factories.make_meeting(section=section, starts_at=at, ended_at=at)
    factories.make_record(meeting=meeting, student=first, status=P, roll_number="01")
    factories.make_record(meeting=meeting, student=second, status=A, roll_number="02")

    found = [student_courses(student, all_sections(), today=TODAY) for student in (first, second)]

    assert [course.parts[0].result.percentage for (course,) in found] == [100.0, 0.0]


def test_queries_do_not_grow(django_assert_num_queries):
    student = factories.make_student()
    for number in (1, 3):
        for _ in range(number):
            attended(factories.make_section(students=[student]), student, [P, A])
        with django_assert_num_queries(7):
            student_courses(student, all_sections(), today=TODAY)
