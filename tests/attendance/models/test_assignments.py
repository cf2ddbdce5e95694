"""What assignments let teachers see and run, day by day."""

import datetime

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from attendance.models import Meeting, Section, TeachingAssignment
from qrsessions.models import GroupSession, QRSession, SessionStatus
from tests.support.factories import (
    make_admin,
    make_assignment,
    make_group_session,
    make_meeting,
    make_section,
    make_session,
    make_teacher,
    make_user,
)

pytestmark = pytest.mark.django_db

FIRST_DAY, END = datetime.date(2026, 8, 17), datetime.date(2026, 10, 16)
DAY = datetime.timedelta(days=1)


def noon(date):
    return datetime.datetime.combine(date, datetime.time(12), tzinfo=datetime.UTC)


def ended_session(section, date):
    return make_session(section=section, status=SessionStatus.ENDED, at=noon(date))


@pytest.fixture
def assignment():
    return make_assignment(section=make_section(), from_date=FIRST_DAY, to_date=END)


def test_assignment_gives_nothing_before_it_begins(assignment):
    ended_session(assignment.section, FIRST_DAY)
    day_before = FIRST_DAY - DAY

    for model in (Section, Meeting, QRSession):
        assert not model.objects.visible_to(assignment.user, on=day_before).exists()
        assert not model.objects.run_by(assignment.user, on=day_before).exists()


@pytest.mark.parametrize("today", [FIRST_DAY, END - DAY])
def test_while_it_lasts_the_teacher_runs_all_meetings_of_the_section(assignment, today):
    before = ended_session(assignment.section, FIRST_DAY - DAY)
    own = ended_session(assignment.section, FIRST_DAY)

    assert set(QRSession.objects.visible_to(assignment.user, on=today)) == {before, own}
    assert set(QRSession.objects.run_by(assignment.user, on=today)) == {before, own}
    assert list(Section.objects.run_by(assignment.user, on=today)) == [assignment.section]


def test_after_its_end_the_teacher_reads_the_meetings_of_their_time_and_runs_none(assignment):
    dates = [FIRST_DAY - DAY, FIRST_DAY, END - DAY, END]
    _before, first, last, _after = (ended_session(assignment.section, date) for date in dates)

    assert set(QRSession.objects.visible_to(assignment.user, on=END)) == {first, last}
    assert set(Meeting.objects.visible_to(assignment.user, on=END)) == {first.meeting, last.meeting}
    assert list(Section.objects.visible_to(assignment.user, on=END)) == [assignment.section]
    for model in (Section, Meeting, QRSession):
        assert not model.objects.run_by(assignment.user, on=END).exists()
        rights = model.objects.with_rights(assignment.user, on=END).values_list("may_run", "may_correct")
        assert set(rights) == {(False, False)}


def test_assignment_without_first_day_reads_all_earlier_meetings_after_its_end(assignment):
    TeachingAssignment.objects.update(from_date=None)
    early = ended_session(assignment.section, FIRST_DAY - 100 * DAY)
    ended_session(assignment.section, END)

    assert list(QRSession.objects.visible_to(assignment.user, on=END + DAY)) == [early]


def test_removed_assignment_gives_nothing(assignment):
    ended_session(assignment.section, FIRST_DAY)
    TeachingAssignment.objects.update(removed_by_hand=True)

    for today in (FIRST_DAY, END):
        for model in (Section, Meeting, QRSession):
            assert not model.objects.visible_to(assignment.user, on=today).exists()
            assert not model.objects.run_by(assignment.user, on=today).exists()


def test_several_assignments_of_one_teacher_give_their_rights_together_and_each_row_once(assignment):
    again = END + 80 * DAY
    make_assignment(section=assignment.section, user=assignment.user, from_date=again)
    first, between, second = (ended_session(assignment.section, date) for date in (FIRST_DAY, END, again))

    assert list(Section.objects.visible_to(assignment.user, on=again)) == [assignment.section]
    assert list(QRSession.objects.run_by(assignment.user, on=again)) == [second, between, first]
    assert list(QRSession.objects.visible_to(assignment.user, on=END)) == [first]


def test_group_is_seen_and_run_only_with_all_of_its_sections(assignment):
    other = make_section(teachers=[assignment.user])
    group = make_group_session(sections=[assignment.section, other], at=noon(FIRST_DAY))

    assert list(GroupSession.objects.run_by(assignment.user, on=END - DAY)) == [group]
    assert list(GroupSession.objects.visible_to(assignment.user, on=END)) == [group]
    assert not GroupSession.objects.run_by(assignment.user, on=END).exists()
    (found,) = GroupSession.objects.with_rights(assignment.user, on=END)
    assert (found.may_run, found.may_correct) == (False, False)

    Meeting.objects.filter(section=assignment.section).update(date=END)
    assert not GroupSession.objects.visible_to(assignment.user, on=END).exists()


def test_role_decides_before_assignments_do():
    section = make_section()
    nobody, admin = make_user(), make_admin()
    make_assignment(section=section, user=nobody)
    make_assignment(section=section, user=admin, to_date=END)
    make_meeting(section=section)
    today = timezone.localdate()

    assert not Meeting.objects.visible_to(nobody, on=today).exists()
    assert Meeting.objects.run_by(admin, on=today).exists()
    assert not Section.objects.taught_by(admin, on=END).exists()
    for user, may in ((nobody, False), (admin, True)):
        assert Section.objects.with_rights(user, on=today).get().may_run is may


@pytest.mark.parametrize("from_date", [None, FIRST_DAY])
def test_database_refuses_a_second_assignment_from_one_day_unless_one_was_removed(from_date):
    section, teacher = make_section(), make_teacher()
    first = make_assignment(section=section, user=teacher, from_date=from_date)
    with pytest.raises(IntegrityError, match="teaching_assignment_once"), transaction.atomic():
        make_assignment(section=section, user=teacher, from_date=from_date)

    first.removed_by_hand = True
    first.save()
    make_assignment(section=section, user=teacher, from_date=from_date)


def test_database_refuses_an_unknown_role_and_an_end_before_the_beginning():
    with pytest.raises(IntegrityError, match="teaching_assignment_role"), transaction.atomic():
        make_assignment(section=make_section(), role="janitor")
    with pytest.raises(IntegrityError, match="teaching_assignment_from_before_to"), transaction.atomic():
        make_assignment(section=make_section(), from_date=END, to_date=FIRST_DAY)
