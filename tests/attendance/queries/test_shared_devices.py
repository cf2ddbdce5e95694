"""Several students marked from one phone are found in one query."""

import pytest
from django.utils import timezone

from attendance.models import Method, Status
from attendance.queries.shared_devices import Sharer, shared_devices
from tests.support import factories

PHONE = "a" * 32
OTHER_PHONE = "b" * 32


@pytest.fixture
def section(db):
    return factories.make_section(students=4)


def marked(meeting, student, device, status=Status.PRESENT, roll_number="1", **fields):
    return factories.make_record(
        meeting=meeting, student=student, status=status, device=device, roll_number=roll_number, **fields
    )


def sharer(student, roll_number: str) -> Sharer:
    return Sharer(student.student_id, roll_number, student.name)


def test_each_of_three_students_with_one_phone_gets_the_others_in_roll_order(
    section, django_assert_num_queries
):
    meeting = factories.make_meeting(section=section)
    ada, bob, cyd, dan = factories.students_of(section)
    marked(meeting, ada, PHONE, roll_number="10")
    marked(meeting, bob, PHONE, roll_number="2", status=Status.LATE)
    marked(meeting, cyd, PHONE, roll_number="1", method=Method.CODE)
    marked(meeting, dan, OTHER_PHONE, roll_number="3")

    with django_assert_num_queries(1):
        found = shared_devices(meeting)

    assert found == {
        ada.pk: [sharer(cyd, "1"), sharer(bob, "2")],
        bob.pk: [sharer(cyd, "1"), sharer(ada, "10")],
        cyd.pk: [sharer(bob, "2"), sharer(ada, "10")],
    }


def test_unknown_devices_do_not_match(section):
    meeting = factories.make_meeting(section=section)
    for number, student in enumerate(factories.students_of(section)):
        marked(meeting, student, "", roll_number=str(number))

    assert shared_devices(meeting) == {}


@pytest.mark.parametrize("status", [None, Status.ABSENT, Status.EXCUSED])
def test_only_marks_that_count_as_present_matter(section, status):
    meeting = factories.make_meeting(section=section)
    ada, bob, *_ = factories.students_of(section)
    marked(meeting, ada, PHONE, roll_number="1")
    marked(meeting, bob, PHONE, roll_number="2", status=status)

    assert shared_devices(meeting) == {}


def test_other_meetings_are_ignored(section):
    ada, bob, *_ = factories.students_of(section)
    at = timezone.now()
    yesterday = factories.make_meeting(section=section, starts_at=at, ended_at=at)
    today = factories.make_meeting(section=section)
    marked(yesterday, ada, PHONE)
    marked(today, bob, PHONE)

    assert shared_devices(yesterday) == shared_devices(today) == {}


def test_meetings_of_a_group_are_searched_together(section):
    group = factories.make_group()
    ada, bob, *_ = factories.students_of(section)
    here = factories.make_meeting(section=section, group=group)
    there = factories.make_meeting(group=group)
    elsewhere = factories.make_meeting()
    marked(here, ada, PHONE, roll_number="1")
    # Ada is in both sections; she does not share the phone with herself.
    marked(there, ada, PHONE, roll_number="7")
    marked(there, bob, PHONE, roll_number="8")
    marked(elsewhere, factories.make_student(), PHONE)

    assert shared_devices(here) == {ada.pk: [sharer(bob, "8")], bob.pk: [sharer(ada, "1")]}
    assert shared_devices(there) == {ada.pk: [sharer(bob, "8")], bob.pk: [sharer(ada, "7")]}
    assert shared_devices(elsewhere) == {}
