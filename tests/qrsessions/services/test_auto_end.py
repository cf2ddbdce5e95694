"""Forgotten sessions end automatically: with a register, as a whole group, and never while they are in use."""

import datetime
import io
import os
import signal
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from attendance.lib import advisory_locks
from attendance.models import AttendanceRecord, Meeting, MeetingState, Method, RecordChange, Status
from qrsessions.models import Action, GroupSession, QRSession, RefusedScan, SessionEvent, SessionStatus
from qrsessions.queries.groups import members_of
from qrsessions.services import auto_end, corrections, groups, joining, lifecycle
from tests.support.factories import make_enrolment, make_section, make_student, make_teacher, students_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SIX_HOURS = datetime.timedelta(hours=6)
A_MOMENT = datetime.timedelta(seconds=1)
NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)


@pytest.fixture
def teacher():
    return make_teacher()


@pytest.fixture
def section(teacher):
    return make_section(students=3, teachers=[teacher])


@pytest.fixture
def session(section, teacher) -> QRSession:
    """A session opened at noon, which the first student has joined."""
    opened = lifecycle.open_session(section=section, by=teacher, at=NOON)
    joining.join(session_or_group=opened, student=students_of(section)[0], at=NOON)
    return opened


def end_forgotten(at: datetime.datetime) -> list[str]:
    return [session.public_id for session in auto_end.end_forgotten(at=at, after=SIX_HOURS)]


def statuses() -> set[str]:
    return set(QRSession.objects.values_list("status", flat=True))


def test_session_ends_with_a_register_and_an_event_without_user(session, teacher, section):
    lifecycle.take_step(session=session, step="start", by=teacher, at=NOON)
    mark_in_it(session, students_of(section)[2], NOON)
    at = NOON + SIX_HOURS

    ended = end_forgotten(at)

    assert ended == [session.public_id]
    assert QRSession.objects.get().status == SessionStatus.ENDED
    assert Meeting.objects.get().ended_at == at
    records = AttendanceRecord.objects.order_by("roll_number").values_list("status", "method", "marked_at")
    assert list(records) == [
        (Status.ABSENT, Method.END, at),
        (Status.ABSENT, Method.END, at),
        (Status.PRESENT, Method.MANUAL, NOON),
    ]
    last = SessionEvent.objects.first()
    assert last is not None
    assert (last.action, last.done_by, last.done_at) == (Action.END, None, at)


def test_session_does_not_end_before_its_time_and_ends_once(session):
    assert end_forgotten(NOON + SIX_HOURS - A_MOMENT) == []
    assert statuses() == {"created"}
    assert end_forgotten(NOON + SIX_HOURS) == [session.public_id]
    assert end_forgotten(NOON + 2 * SIX_HOURS) == []
    assert SessionEvent.objects.filter(action=Action.END).count() == 1


def lock_it(session, student, at):
    lifecycle.take_step(session=session, step="lock", by=session.opened_by, at=at)


def join_it(session, student, at):
    joining.join(session_or_group=session, student=students_of(session.meeting.section)[1], at=at)


def mark_in_it(session, student, at):
    corrections.correct(session=session, student=student, status=Status.PRESENT, by=session.opened_by, at=at)


def take_a_mark_back_in_it(session, student, at):
    mark_in_it(session, student, at - datetime.timedelta(hours=1))
    corrections.correct(session=session, student=student, status=None, by=session.opened_by, at=at)


def scan_in_vain(session, student, at):
    RefusedScan.objects.create(session=session, student=student, scanned_at=at, method=Method.QR)


@pytest.mark.parametrize("happens", [lock_it, join_it, mark_in_it, take_a_mark_back_in_it, scan_in_vain])
def test_time_counts_from_the_last_activity(session, section, happens):
    later = NOON + datetime.timedelta(hours=5)
    happens(session, students_of(section)[0], later)
    before = list(QRSession.objects.values())

    assert end_forgotten(later + SIX_HOURS - A_MOMENT) == []
    assert list(QRSession.objects.values()) == before
    assert end_forgotten(later + SIX_HOURS) == [session.public_id]


def test_session_ended_automatically_can_be_reopened_and_gets_its_full_time_again(session, teacher):
    ended_at = NOON + SIX_HOURS
    end_forgotten(ended_at)
    evening = ended_at + datetime.timedelta(hours=1)

    lifecycle.take_step(session=session, step="reopen", by=teacher, at=evening)

    assert QRSession.objects.get().status == SessionStatus.ACTIVE
    assert not AttendanceRecord.objects.exclude(status=None).exists()
    assert end_forgotten(evening + SIX_HOURS - A_MOMENT) == []
    assert end_forgotten(evening + SIX_HOURS) == [session.public_id]


def test_group_ends_as_a_whole_and_not_while_one_section_is_active(teacher):
    sections = [make_section(students=1, teachers=[teacher]) for _ in range(3)]
    both = make_student()
    for place in (0, 1):
        make_enrolment(section=sections[place], student=both)
    group = groups.open_group(sections=sections, by=teacher, at=NOON)
    later = NOON + datetime.timedelta(hours=5)
    joining.join(session_or_group=group, student=students_of(sections[2])[0], at=later)
    mark_in_it(members_of(group)[2], students_of(sections[2])[0], later)

    assert end_forgotten(NOON + SIX_HOURS) == []
    assert statuses() == {"created"}

    ended = end_forgotten(later + SIX_HOURS)

    assert set(ended) == {member.public_id for member in members_of(group)}
    assert statuses() == {"ended"}
    assert set(SessionEvent.objects.filter(action=Action.END).values_list("done_by", "done_at")) == {
        (None, later + SIX_HOURS)
    }
    assert SessionEvent.objects.filter(action=Action.END).count() == 3
    assert AttendanceRecord.objects.filter(method=Method.END).count() == 4


def test_session_removed_from_its_group_ends_automatically(teacher):
    sections = [make_section(students=1, teachers=[teacher]) for _ in range(2)]
    group = groups.open_group(sections=sections, by=teacher, at=NOON)
    for section in sections:
        joining.join(session_or_group=group, student=students_of(section)[0], at=NOON)
    alone = QRSession.objects.get(meeting__section=sections[0])
    later = NOON + datetime.timedelta(hours=1)
    groups.leave_group(session=alone, by=teacher, at=later)

    assert end_forgotten(NOON + SIX_HOURS) == [
        QRSession.objects.get(meeting__section=sections[1]).meeting.public_id
    ]
    assert end_forgotten(later + SIX_HOURS) == [alone.public_id]


def test_end_fills_only_empty_records(session, section, teacher):
    student = students_of(section)[0]
    mark_in_it(session, student, NOON)
    end_forgotten(NOON + SIX_HOURS)
    assert AttendanceRecord.objects.get(student=student).status == Status.PRESENT
    assert RecordChange.objects.count() == 1


def test_session_that_nobody_joined_is_discarded(section, teacher):
    session = lifecycle.open_session(section=section, by=teacher, at=NOON)
    at = NOON + SIX_HOURS

    assert end_forgotten(at) == [session.public_id]

    meeting = Meeting.objects.get()
    assert (meeting.state, meeting.ended_at) == (MeetingState.DISCARDED, None)
    assert not QRSession.objects.exists()
    assert not AttendanceRecord.objects.exists()
    last = SessionEvent.objects.first()
    assert last is not None
    assert (last.action, last.done_by, last.done_at) == (Action.DISCARD, None, at)


def test_session_with_joins_and_no_marks_ends_without_absences(session):
    at = NOON + SIX_HOURS

    end_forgotten(at)

    meeting = Meeting.objects.get()
    assert (meeting.state, meeting.ended_at, meeting.roster_fixed_at) == (MeetingState.HELD, at, at)
    assert statuses() == {"ended"}
    # The roster is fixed, and nobody is absent.
    joined = AttendanceRecord.objects.order_by("joined_at").values_list("joined_at", "status", "method")
    others = students_of(session.meeting.section)[1:]
    assert list(joined) == [(NOON, None, None), *((None, None, None) for _ in others)]


def test_session_in_which_a_scan_waits_ends_without_absences(section, teacher):
    session = lifecycle.open_session(section=section, by=teacher, at=NOON)
    scan_in_vain(session, students_of(section)[1], NOON)

    end_forgotten(NOON + SIX_HOURS)

    assert statuses() == {"ended"}
    assert RefusedScan.objects.exists()
    assert not AttendanceRecord.objects.exclude(status=None).exists()


def test_group_that_nobody_joined_is_discarded_as_a_whole_and_one_join_keeps_all_of_it(teacher):
    sections = [make_section(students=1, teachers=[teacher]) for _ in range(2)]
    empty = groups.open_group(sections=sections, by=teacher, at=NOON)
    members = {member.public_id for member in members_of(empty)}

    assert set(end_forgotten(NOON + SIX_HOURS)) == members
    assert set(Meeting.objects.values_list("state", "group")) == {(MeetingState.DISCARDED, None)}
    assert not GroupSession.objects.exists()

    joined = groups.open_group(sections=sections, by=teacher, at=NOON)
    joining.join(session_or_group=joined, student=students_of(sections[0])[0], at=NOON)
    end_forgotten(NOON + SIX_HOURS)
    assert statuses() == {"ended"}
    assert QRSession.objects.count() == 2
    assert not AttendanceRecord.objects.exclude(status=None).exists()


# --- The command ------------------------------------------------------------------------------------------


def run_command(**options) -> list[str]:
    out = io.StringIO()
    call_command("end_forgotten_sessions", stdout=out, **options)
    return out.getvalue().splitlines()


@pytest.fixture
def forgotten(section, teacher) -> QRSession:
    opened = lifecycle.open_session(section=section, by=teacher, at=timezone.now() - SIX_HOURS)
    joining.join(session_or_group=opened, student=students_of(section)[0], at=opened.created_at)
    return opened


def test_command_lists_what_it_ended(forgotten, settings):
    settings.SESSION_ENDS_AFTER_HOURS = 7
    assert run_command() == []
    settings.SESSION_ENDS_AFTER_HOURS = 6
    assert run_command() == [f"{forgotten.public_id} ({forgotten.meeting.section}) ended automatically."]
    assert run_command() == []


def test_command_says_what_it_discarded(section, teacher, settings):
    settings.SESSION_ENDS_AFTER_HOURS = 6
    opened = lifecycle.open_session(section=section, by=teacher, at=timezone.now() - SIX_HOURS)
    assert run_command() == [f"{opened.public_id} ({section}) discarded automatically."]


def test_command_ends_nothing_when_switched_off(forgotten, settings):
    settings.SESSION_ENDS_AFTER_HOURS = 0
    assert run_command() == ["SESSION_ENDS_AFTER_HOURS is 0: no session is ended automatically."]
    assert statuses() == {"created"}


def while_the_command_lock_is_held(call):
    """Run the call while another thread holds the command's lock."""
    holds, done = threading.Event(), threading.Event()

    def hold():
        with advisory_locks.only_one(advisory_locks.END_FORGOTTEN) as mine:
            assert mine
            holds.set()
            done.wait(30)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert holds.wait(30)
    try:
        return call(done)
    finally:
        done.set()
        other.join()


def test_second_command_fails_and_ends_nothing(forgotten):
    def second(done):
        with pytest.raises(CommandError, match="Another end_forgotten_sessions is already running"):
            run_command()

    while_the_command_lock_is_held(second)
    assert statuses() == {"created"}


def stop_when_the_session_has_ended():
    try:
        wait_until(lambda: statuses() == {"ended"})
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        connection.close()


def test_second_loop_takes_over_when_the_first_stops(forgotten):
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def second(done):
        # The loop first finds the lock taken a few times.
        release = threading.Timer(0.4, done.set)
        stop = threading.Thread(target=stop_when_the_session_has_ended)
        for thread in (release, stop):
            thread.start()
        lines = run_command(loop=0.1)
        for thread in (release, stop):
            thread.join()
        return lines

    try:
        lines = while_the_command_lock_is_held(second)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert lines == [f"{forgotten.public_id} ({forgotten.meeting.section}) ended automatically."]
