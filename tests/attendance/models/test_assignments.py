"""What assignments let teachers see and run, day by day."""

import datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from attendance.models import Meeting, Section, TeachingAssignment, TeachingRole
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


# --- Assistants ---------------------------------------------------------------------------------------


def rights(rows, user, on):
    """What the user may do with each of these rows on the day, as one set."""
    names = ("may_run", "may_correct", "may_manage")
    return set(rows.with_rights(user, on=on).values_list(*names))


def test_assistant_has_a_teachers_days_and_manages_nothing(assignment):
    TeachingAssignment.objects.update(role=TeachingRole.ASSISTANT)
    own = ended_session(assignment.section, FIRST_DAY)
    ended_session(assignment.section, END)
    user = assignment.user

    assert not Meeting.objects.visible_to(user, on=FIRST_DAY - DAY).exists()
    assert Meeting.objects.run_by(user, on=END - DAY).count() == 2
    assert list(QRSession.objects.visible_to(user, on=END)) == [own]
    for rows in (Section.objects, Meeting.objects, QRSession.objects):
        assert rights(rows, user, FIRST_DAY) == {(True, True, False)}
        assert rights(rows, user, END) == {(False, False, False)}
    TeachingAssignment.objects.update(role=TeachingRole.TEACHER)
    assert rights(Section.objects, user, FIRST_DAY) == {(True, True, True)}


def test_assistant_corrects_after_the_end_of_the_term_as_a_teacher_does(assignment):
    TeachingAssignment.objects.update(role=TeachingRole.ASSISTANT)
    assignment.section.term.last_day = END - DAY
    assignment.section.term.save()
    ended_session(assignment.section, FIRST_DAY)

    assert rights(Meeting.objects, assignment.user, END + 28 * DAY) == {(False, True, False)}
    assert rights(Meeting.objects, assignment.user, END + 29 * DAY) == {(False, False, False)}


# --- Substitutes --------------------------------------------------------------------------------------


@pytest.fixture
def days():
    """Four classes of a section, of which a substitute was given the second and the third by their days."""
    section = make_section()
    meetings = [ended_session(section, FIRST_DAY + n * DAY).meeting for n in range(4)]
    given = make_assignment(
        section=section,
        role=TeachingRole.SUBSTITUTE,
        from_date=FIRST_DAY + DAY,
        to_date=FIRST_DAY + 3 * DAY,
    )
    return meetings, given.user


@pytest.mark.parametrize("today", [FIRST_DAY - 90 * DAY, FIRST_DAY + DAY, FIRST_DAY + 31 * DAY])
def test_substitute_runs_and_manages_the_meetings_of_the_days_from_when_they_were_given(days, today):
    meetings, user = days
    own = {meetings[1], meetings[2]}

    assert set(Meeting.objects.visible_to(user, on=today)) == own
    assert set(Meeting.objects.run_by(user, on=today)) == own
    assert {session.meeting for session in QRSession.objects.run_by(user, on=today)} == own
    assert rights(Meeting.objects.visible_to(user, on=today), user, today) == {(True, True, True)}
    assert rights(QRSession.objects.visible_to(user, on=today), user, today) == {(True, True, True)}


def test_substitute_only_reads_from_29_days_after_the_last_one(days):
    meetings, user = days
    later = FIRST_DAY + 32 * DAY

    assert set(Meeting.objects.visible_to(user, on=later)) == {meetings[1], meetings[2]}
    assert rights(Meeting.objects.visible_to(user, on=later), user, later) == {(False, False, False)}
    assert not Meeting.objects.run_by(user, on=later).exists()


def test_substitute_runs_the_section_on_these_days_only_and_never_manages_it(days):
    meetings, user = days
    section = meetings[0].section

    for today, may_run, is_substitute in (
        (FIRST_DAY, False, True),
        (FIRST_DAY + DAY, True, True),
        (FIRST_DAY + 2 * DAY, True, True),
        (FIRST_DAY + 3 * DAY, False, False),
    ):
        assert list(Section.objects.visible_to(user, on=today)) == [section]
        assert list(Section.objects.run_by(user, on=today)) == [section] * may_run
        (found,) = Section.objects.with_rights(user, on=today)
        assert (found.may_run, found.may_manage, found.is_substitute) == (may_run, False, is_substitute)


def test_single_meeting_gives_its_own_rights_wherever_it_moves(days):
    meetings, _user = days
    section, day = meetings[3].section, meetings[3].date
    user = make_assignment(section=section, role=TeachingRole.SUBSTITUTE, meeting=meetings[3]).user

    for today in (day - 100 * DAY, day, day + 29 * DAY):
        assert list(Meeting.objects.run_by(user, on=today)) == [meetings[3]]
        assert list(Section.objects.run_by(user, on=today)) == [section] * (today == day)
    assert not Meeting.objects.run_by(user, on=day + 30 * DAY).exists()
    assert list(Meeting.objects.visible_to(user, on=day + 30 * DAY)) == [meetings[3]]

    Meeting.objects.filter(pk=meetings[3].pk).update(date=day + 7 * DAY)
    assert list(Meeting.objects.run_by(user, on=day + 35 * DAY)) == [meetings[3]]
    assert list(Section.objects.run_by(user, on=day + 7 * DAY)) == [section]
    assert not Section.objects.run_by(user, on=day).exists()


def test_removed_substitute_has_nothing(days):
    meetings, user = days
    make_assignment(section=meetings[0].section, user=user, role=TeachingRole.SUBSTITUTE, meeting=meetings[0])
    TeachingAssignment.objects.update(removed_by_hand=True)

    for model in (Section, Meeting, QRSession):
        assert not model.objects.visible_to(user, on=FIRST_DAY + DAY).exists()
        assert rights(model.objects, user, FIRST_DAY + DAY) == {(False, False, False)}


def test_group_needs_the_rights_in_each_of_its_meetings(days):
    meetings, user = days
    other = make_section()
    group = make_group_session(sections=[meetings[1].section, other], at=noon(FIRST_DAY + 2 * DAY))
    today = FIRST_DAY + 2 * DAY
    assert not GroupSession.objects.visible_to(user, on=today).exists()

    given = Meeting.objects.get(section=other)
    make_assignment(section=other, user=user, role=TeachingRole.SUBSTITUTE, meeting=given)
    assert list(GroupSession.objects.run_by(user, on=today)) == [group]
    assert rights(GroupSession.objects, user, today) == {(True, True, True)}

    make_assignment(section=other, user=user, role=TeachingRole.ASSISTANT)
    TeachingAssignment.objects.filter(meeting=given).delete()
    assert rights(GroupSession.objects, user, today) == {(True, True, False)}


def test_single_meetings_are_not_days():
    meeting = make_meeting()
    make_assignment(section=meeting.section, role=TeachingRole.SUBSTITUTE, meeting=meeting)

    assert not TeachingAssignment.objects.holding_on(meeting.date).exists()
    assert not TeachingAssignment.objects.begun(meeting.date).exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "substitute"},
        {"role": "substitute", "from_date": FIRST_DAY},
        {"role": "substitute", "to_date": END},
        {"role": "substitute", "meeting": True, "from_date": FIRST_DAY},
        {"role": "substitute", "meeting": True, "to_date": END},
        {"role": "teacher", "meeting": True},
        {"role": "assistant", "meeting": True},
    ],
)
def test_substitute_has_a_meeting_or_both_days_and_others_have_no_meeting(fields):
    meeting = make_meeting()
    fields = fields | ({"meeting": meeting} if "meeting" in fields else {})

    with pytest.raises(ValidationError):
        TeachingAssignment(section=meeting.section, user=make_teacher(), **fields).full_clean()
    with pytest.raises(IntegrityError, match="teaching_assignment_meeting_or_days"), transaction.atomic():
        make_assignment(section=meeting.section, **fields)


def test_single_meeting_must_be_one_of_the_section():
    meeting, section = make_meeting(), make_section()
    wrong = TeachingAssignment(section=section, user=make_teacher(), role="substitute", meeting=meeting)

    with pytest.raises(ValidationError, match="to another section"):
        wrong.full_clean()

    # Where it is stored all the same, it gives nothing.
    wrong.save()
    assert not Meeting.objects.visible_to(wrong.user, on=meeting.date).exists()


def test_database_refuses_a_second_substitute_of_one_meeting_but_one_may_have_many():
    section, user = make_section(), make_teacher()
    first, second = (make_meeting(section=section, ended_at=timezone.now()) for _ in range(2))
    given = [
        make_assignment(section=section, user=user, role="substitute", meeting=one) for one in (first, second)
    ]
    with pytest.raises(IntegrityError, match="teaching_assignment_one_substitute"), transaction.atomic():
        make_assignment(section=section, role="substitute", meeting=first)

    given[0].removed_by_hand = True
    given[0].save()
    make_assignment(section=section, role="substitute", meeting=first)
