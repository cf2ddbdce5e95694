"""The arrivals at the latest class of a section, as its report shows them."""

import datetime

import pytest
from django.utils import timezone

from attendance.models import Meeting, MeetingState, Status
from attendance.registers.dates import DateRange
from qrsessions.models import SessionStatus
from qrsessions.queries.arrivals import Arrivals, latest_arrivals
from tests.support import factories

pytestmark = pytest.mark.django_db

MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)


def test_steps_are_evenly_spaced_from_the_first_to_the_last_moment():
    began = timezone.now()
    counts = list(range(61))

    steps = Arrivals(began, began + 60 * MINUTE, joined=counts, present=[0, *counts[:-1]]).steps

    assert steps == [(began + minute * MINUTE, minute, max(0, minute - 1)) for minute in range(0, 61, 10)]


def test_latest_class_is_the_last_one_held_with_phones_within_the_days():
    section = factories.make_section(students=1)
    (student,) = factories.students_of(section)
    at = timezone.now() - 9 * DAY
    first, second, cancelled = (
        factories.make_session(section=section, status=SessionStatus.ENDED, at=at + day * DAY)
        for day in range(3)
    )
    Meeting.objects.filter(pk=cancelled.pk).update(state=MeetingState.CANCELLED)
    typed = factories.make_meeting(section=section, starts_at=at + 4 * DAY, ended_at=at + 4 * DAY)
    for meeting in (first.meeting, typed):
        factories.make_record(meeting=meeting, student=student, status=Status.PRESENT)
    until = timezone.localdate(at)

    latest, before = (
        latest_arrivals(section, dates=DateRange()),
        latest_arrivals(section, dates=DateRange(last=until)),
    )

    assert (latest.session, latest.curve) == (second, None)
    assert (before.session, before.curve.present[-1]) == (first, 1)
    assert latest_arrivals(section, dates=DateRange(last=until - DAY)) is None
