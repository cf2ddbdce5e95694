"""Sessions that were left open end by themselves: with a register, as a whole group, and never while something happens."""

import datetime
import io
import os
import signal
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from attendance import locks
from attendance.models import AttendanceRecord, Meeting, Method, RecordChange, Status
from attendance.together import finished
from qrsessions import closing, correcting, groups, joining, lifecycle
from qrsessions.models import Action, QRSession, RefusedScan, SessionEvent, SessionStatus
from tests.factories import make_enrolment, make_section, make_student, make_teacher, students_of

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
    """Opened at noon."""
    return lifecycle.open_session(section=section, by=teacher, at=NOON)


def end_forgotten(at: datetime.datetime) -> list[str]:
    return [session.public_id for session in closing.end_forgotten(at=at, after=SIX_HOURS)]


def statuses() -> set[str]:
    return set(QRSession.objects.values_list("status", flat=True))


def test_session_ends_with_a_register_and_an_event_of_nobody(session, teacher, section):
    finished(joining.join(source=session, student=students_of(section)[0], at=NOON))
    lifecycle.take_step(session=session, step="start", by=teacher, at=NOON)
    at = NOON + SIX_HOURS

    ended = end_forgotten(at)

    assert ended == [session.public_id]
    assert QRSession.objects.get().status == SessionStatus.ENDED
    assert Meeting.objects.get().ended_at == at
    records = AttendanceRecord.objects.values_list("status", "method", "marked_at")
    assert set(records) == {(Status.ABSENT, Method.END, at)}
    assert len(records) == 3
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
    finished(joining.join(source=session, student=student, at=at))


def mark_in_it(session, student, at):
    correcting.correct(session=session, student=student, status=Status.PRESENT, by=session.opened_by, at=at)


def take_a_mark_back_in_it(session, student, at):
    mark_in_it(session, student, at - datetime.timedelta(hours=1))
    correcting.correct(session=session, student=student, status=None, by=session.opened_by, at=at)


def scan_in_vain(session, student, at):
    RefusedScan.objects.create(session=session, student=student, scanned_at=at, method=Method.QR)


@pytest.mark.parametrize("happens", [lock_it, join_it, mark_in_it, take_a_mark_back_in_it, scan_in_vain])
def test_time_is_counted_from_what_happened_last(session, section, happens):
    later = NOON + datetime.timedelta(hours=5)
    happens(session, students_of(section)[0], later)
    before = list(QRSession.objects.values())

    assert end_forgotten(later + SIX_HOURS - A_MOMENT) == []
    assert list(QRSession.objects.values()) == before
    assert end_forgotten(later + SIX_HOURS) == [session.public_id]


def test_session_that_ended_by_itself_can_be_reopened_and_has_its_time_anew(session, teacher):
    ended_at = NOON + SIX_HOURS
    end_forgotten(ended_at)
    evening = ended_at + datetime.timedelta(hours=1)

    lifecycle.take_step(session=session, step="reopen", by=teacher, at=evening)

    assert QRSession.objects.get().status == SessionStatus.ACTIVE
    assert not AttendanceRecord.objects.exists()
    assert end_forgotten(evening + SIX_HOURS - A_MOMENT) == []
    assert end_forgotten(evening + SIX_HOURS) == [session.public_id]


def test_group_ends_as_a_whole_and_not_while_something_happens_in_one_section(teacher):
    sections = [make_section(students=1, teachers=[teacher]) for _ in range(3)]
    both = make_student()
    for place in (0, 1):
        make_enrolment(section=sections[place], student=both)
    group = groups.open_group(sections=sections, by=teacher, at=NOON)
    later = NOON + datetime.timedelta(hours=5)
    finished(joining.join(source=group, student=students_of(sections[2])[0], at=later))

    assert end_forgotten(NOON + SIX_HOURS) == []
    assert statuses() == {"created"}

    ended = end_forgotten(later + SIX_HOURS)

    assert set(ended) == {member.public_id for member in groups.members_of(group)}
    assert statuses() == {"ended"}
    assert set(SessionEvent.objects.filter(action=Action.END).values_list("done_by", "done_at")) == {
        (None, later + SIX_HOURS)
    }
    assert SessionEvent.objects.filter(action=Action.END).count() == 3
    assert AttendanceRecord.objects.filter(method=Method.END).count() == 5


def test_session_that_was_taken_out_of_its_group_ends_by_itself(teacher):
    sections = [make_section(students=1, teachers=[teacher]) for _ in range(2)]
    groups.open_group(sections=sections, by=teacher, at=NOON)
    alone = QRSession.objects.get(meeting__section=sections[0])
    later = NOON + datetime.timedelta(hours=1)
    groups.leave_group(session=alone, by=teacher, at=later)

    assert end_forgotten(NOON + SIX_HOURS) == [
        QRSession.objects.get(meeting__section=sections[1]).meeting.public_id
    ]
    assert end_forgotten(later + SIX_HOURS) == [alone.public_id]


def test_nothing_of_the_register_is_touched_but_what_was_empty(session, section, teacher):
    student = students_of(section)[0]
    mark_in_it(session, student, NOON)
    end_forgotten(NOON + SIX_HOURS)
    assert AttendanceRecord.objects.get(student=student).status == Status.PRESENT
    assert RecordChange.objects.count() == 1


# --- The command ------------------------------------------------------------------------------------------


def run_command(**options) -> list[str]:
    out = io.StringIO()
    call_command("end_forgotten_sessions", stdout=out, **options)
    return out.getvalue().splitlines()


@pytest.fixture
def forgotten(section, teacher) -> QRSession:
    return lifecycle.open_session(section=section, by=teacher, at=timezone.now() - SIX_HOURS)


def test_command_says_what_it_ended(forgotten, settings):
    settings.SESSION_ENDS_AFTER_HOURS = 7
    assert run_command() == []
    settings.SESSION_ENDS_AFTER_HOURS = 6
    assert run_command() == [f"{forgotten.public_id} ({forgotten.meeting.section}) ended by itself."]
    assert run_command() == []


def test_command_ends_nothing_where_it_is_switched_off(forgotten, settings):
    settings.SESSION_ENDS_AFTER_HOURS = 0
    assert run_command() == ["SESSION_ENDS_AFTER_HOURS is 0: no session ends by itself."]
    assert statuses() == {"created"}


def in_another_process_that_runs(call):
    """Call while somebody else holds the command's lock; then it is given back."""
    holds, done = threading.Event(), threading.Event()

    def hold():
        with locks.only_one(locks.END_FORGOTTEN) as mine:
            assert mine
            holds.set()
            done.wait(20)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert holds.wait(10)
    try:
        return call(done)
    finally:
        done.set()
        other.join()


def test_second_one_says_so_and_ends_nothing(forgotten):
    def second(done):
        with pytest.raises(CommandError, match="Another end_forgotten_sessions is running"):
            run_command()

    in_another_process_that_runs(second)
    assert statuses() == {"created"}


def test_second_loop_goes_on_when_the_first_is_gone(forgotten):
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def second(done):
        timers = [
            threading.Timer(0.4, done.set),
            threading.Timer(1.5, os.kill, [os.getpid(), signal.SIGTERM]),
        ]
        for timer in timers:
            timer.start()
        lines = run_command(loop=0.1)
        for timer in timers:
            timer.join()
        return lines

    try:
        lines = in_another_process_that_runs(second)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert lines == [f"{forgotten.public_id} ({forgotten.meeting.section}) ended by itself."]
