"""Giving meetings to substitutes, adding assistants, and taking both back."""

import datetime

import pytest
from django.utils import timezone

from attendance.models import Meeting, MeetingState, Section, TeachingAssignment, TeachingRole
from attendance.timetable import planning, substitutes
from tests.support import factories

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)
TODAY = datetime.date(2026, 10, 5)


@pytest.fixture
def teacher():
    return factories.make_teacher()


@pytest.fixture
def meeting(teacher):
    section = factories.make_section(teachers=[teacher])
    starts_at = datetime.datetime(2026, 10, 7, 10, tzinfo=datetime.UTC)
    return factories.make_planned(section=section, starts_at=starts_at)


def given() -> list[tuple[object, ...]]:
    """What is in force, besides the teachers."""
    found = TeachingAssignment.objects.in_force().exclude(role=TeachingRole.TEACHER).order_by("pk")
    return list(found.values_list("user", "role", "meeting", "from_date", "to_date", "given_by"))


def give_days(meeting, teacher, to, **fields):
    wanted = {
        "role": TeachingRole.SUBSTITUTE,
        "from_date": meeting.date,
        "to_date": meeting.date + DAY,
        "on": TODAY,
        **fields,
    }
    return substitutes.give_days(section=meeting.section, to=to, by=teacher, **wanted)


def test_meeting_is_given_and_taken_back(meeting, teacher):
    colleague = factories.make_teacher()

    assignment = substitutes.give_meeting(meeting=meeting, to=colleague, by=teacher, on=TODAY)

    assert given() == [(colleague.pk, "substitute", meeting.pk, None, None, teacher.pk)]
    assert list(Meeting.objects.run_by(colleague, on=TODAY)) == [meeting]

    substitutes.take_back(assignment=assignment)

    assert given() == []
    assert not Meeting.objects.visible_to(colleague, on=TODAY).exists()
    # Who had it, and who gave it, is still known.
    assert TeachingAssignment.objects.filter(user=colleague, given_by=teacher, removed_by_hand=True).exists()
    substitutes.give_meeting(meeting=meeting, to=factories.make_teacher(), by=teacher, on=TODAY)


def test_second_substitute_of_a_meeting_is_refused_by_name(meeting, teacher):
    first = factories.make_teacher(first_name="Asha", last_name="Rao")
    substitutes.give_meeting(meeting=meeting, to=first, by=teacher, on=TODAY)

    for to in (factories.make_teacher(), first):
        with pytest.raises(substitutes.AlreadyGiven) as refused:
            substitutes.give_meeting(meeting=meeting, to=to, by=teacher, on=TODAY)
        assert str(refused.value.detail) == "This class has already been given to Asha Rao."
    assert len(given()) == 1


def test_colleague_who_teaches_the_section_anyway_is_refused(meeting, teacher):
    with pytest.raises(substitutes.AlreadyAssigned):
        substitutes.give_meeting(meeting=meeting, to=teacher, by=teacher, on=TODAY)
    for role in (TeachingRole.SUBSTITUTE, TeachingRole.ASSISTANT):
        with pytest.raises(substitutes.AlreadyAssigned):
            give_days(meeting, teacher, teacher, role=role)
    # The days of a colleague who left are free.
    TeachingAssignment.objects.update(to_date=meeting.date)
    give_days(meeting, teacher, teacher)

    assert len(given()) == 1


def test_overlapping_days_are_refused_and_others_are_not(meeting, teacher):
    colleague = factories.make_teacher()
    give_days(meeting, teacher, colleague)

    for first, end in ((meeting.date, meeting.date + DAY), (meeting.date - 5 * DAY, meeting.date + 5 * DAY)):
        with pytest.raises(substitutes.AlreadyAssigned):
            give_days(meeting, teacher, colleague, from_date=first, to_date=end)
    with pytest.raises(substitutes.AlreadyAssigned):
        substitutes.give_meeting(meeting=meeting, to=colleague, by=teacher, on=TODAY)
    assert len(given()) == 1

    give_days(meeting, teacher, colleague, from_date=meeting.date + DAY, to_date=meeting.date + 2 * DAY)
    give_days(meeting, teacher, colleague, role=TeachingRole.ASSISTANT, from_date=None, to_date=None)
    assert len(given()) == 3


def test_what_a_substitute_would_have_no_rights_in_is_not_given(meeting, teacher):
    colleague = factories.make_teacher()
    rights_end = meeting.date + 29 * DAY
    for too_late in (rights_end + DAY, rights_end + 400 * DAY):
        with pytest.raises(substitutes.TooLongAgo):
            substitutes.give_meeting(meeting=meeting, to=colleague, by=teacher, on=too_late)
        with pytest.raises(substitutes.TooLongAgo):
            give_days(meeting, teacher, colleague, on=too_late)
    assert given() == []
    give_days(meeting, teacher, colleague, role=TeachingRole.ASSISTANT, on=rights_end + DAY)

    substitutes.give_meeting(meeting=meeting, to=colleague, by=teacher, on=rights_end)

    assert list(Meeting.objects.run_by(colleague, on=rights_end)) == [meeting]
    assert not Meeting.objects.run_by(colleague, on=rights_end + DAY).exists()
    give_days(meeting, teacher, factories.make_teacher(), on=rights_end)


def test_meeting_that_is_gone_is_not_given(meeting, teacher):
    Meeting.objects.filter(pk=meeting.pk).update(state=MeetingState.DISCARDED)
    with pytest.raises(substitutes.ClassGone):
        substitutes.give_meeting(meeting=meeting, to=factories.make_teacher(), by=teacher, on=TODAY)
    Meeting.objects.filter(pk=meeting.pk).delete()
    with pytest.raises(substitutes.ClassGone):
        substitutes.give_meeting(meeting=meeting, to=factories.make_teacher(), by=teacher, on=TODAY)
    assert given() == []


def test_meeting_that_the_timetable_removes_takes_its_substitute_with_it(teacher):
    section = factories.make_section(teachers=[teacher], term=None)
    first_day = timezone.localdate() + DAY
    pattern = factories.make_pattern(
        section=section, weekday=first_day.weekday(), first_day=first_day, last_day=first_day + 8 * DAY
    )
    planning.replan([section.pk], at=timezone.now())
    first, second = Meeting.objects.order_by("date")
    colleague = factories.make_teacher()
    for meeting in (first, second):
        substitutes.give_meeting(meeting=meeting, to=colleague, by=teacher, on=TODAY)

    pattern.last_day = first_day
    pattern.save()
    planning.replan([section.pk], at=timezone.now())

    assert list(Meeting.objects.run_by(colleague, on=timezone.localdate())) == [first]
    assert [row[2] for row in given()] == [first.pk]


def test_substitutes_change_places_with_the_plans_of_their_meetings(meeting, teacher):
    other = factories.make_planned(section=meeting.section, starts_at=meeting.starts_at + DAY)
    one, two = factories.make_teacher(), factories.make_teacher()
    substitutes.give_meeting(meeting=meeting, to=one, by=teacher, on=TODAY)
    substitutes.give_meeting(meeting=other, to=two, by=teacher, on=TODAY)

    substitutes.exchange(meeting, other)

    assert {row[0]: row[2] for row in given()} == {one.pk: other.pk, two.pk: meeting.pk}


def test_only_single_meetings_are_told_apart_from_days(meeting, teacher):
    colleague = factories.make_teacher()
    substitutes.give_meeting(meeting=meeting, to=colleague, by=teacher, on=TODAY)
    singly = Section.objects.given_singly_to(colleague, on=meeting.date)
    assert list(singly) == [meeting.section]

    assignment = give_days(meeting, teacher, colleague)

    assert not singly.all().exists()
    substitutes.take_back(assignment=assignment)
    assert singly.all().exists()
