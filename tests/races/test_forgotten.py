"""The end of a forgotten session against those who come back to it at that moment."""

import datetime
import functools
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from attendance.models import AttendanceRecord
from attendance.together import finished
from qrsessions import closing, groups, joining, lifecycle
from qrsessions.models import Action, GroupSession, QRSession, SessionEvent
from tests.races.conftest import Hall, School, assert_sound, at_once, make_school
from tests.races.test_steps_and_marks import accepted, codes, hold_up_writes, marks

ROUNDS = 5
AFTER = datetime.timedelta(hours=6)


@pytest.fixture(params=["single", "group"])
def school(request) -> School:
    if request.param == "single":
        return make_school(sections=1, students=6)
    return make_school(sections=3, students=6, in_all=2)


def forgotten_hall(school: School) -> Hall:
    """Everybody joined and attendance was started yesterday; nothing has happened since."""
    long_ago = timezone.now() - datetime.timedelta(days=1)
    source: QRSession | GroupSession
    if len(school.sections) == 1:
        source = lifecycle.open_session(section=school.sections[0], by=school.teacher, at=long_ago)
    else:
        source = groups.open_group(sections=school.sections, by=school.teacher, at=long_ago)
    hall = Hall(source, school.teacher, school.sections, school.students)
    for place, student in enumerate(school.students):
        own = school.sections[place % len(school.sections)]
        chosen = {"section": own.pk} if isinstance(source, GroupSession) else {}
        finished(joining.join(source=source, student=student, at=long_ago, **chosen))
    if isinstance(source, GroupSession):
        groups.take_group_step(group_session=source, step="start", by=school.teacher, at=long_ago)
    else:
        lifecycle.take_step(session=source, step="start", by=school.teacher, at=long_ago)
    return hall


def end_forgotten() -> Any:
    return closing.end_forgotten(at=timezone.now(), after=AFTER)


def test_a_mark_keeps_the_session_open_or_comes_too_late(school):
    for _ in range(ROUNDS):
        hall = forgotten_hall(school)

        ended, _, *answers = at_once(end_forgotten, hold_up_writes, *marks(hall), spread_seconds=0.02)

        assert codes(answers) <= {"not_active"}
        assert hall.present() == accepted(hall, answers)
        if ended:
            assert not hall.present()
            assert {session.status for session in hall.sessions} == {"ended"}
        else:
            assert {session.status for session in hall.sessions} == {"active"}
        assert_sound(hall)
        hall.end_if_open()


def test_teacher_and_the_time_end_it_once(school):
    for _ in range(ROUNDS):
        hall = forgotten_hall(school)

        _ended, answer = at_once(end_forgotten, functools.partial(hall.step, "end"), spread_seconds=0.01)

        assert answer.status_code in (200, 409)
        assert {session.status for session in hall.sessions} == {"ended"}
        ends = SessionEvent.objects.filter(action=Action.END, session__in=hall.sessions)
        assert ends.count() == len(hall.sessions)
        assert ends.filter(done_by=None).exists() is (answer.status_code == 409)
        assert_sound(hall)


def test_two_that_end_forgotten_sessions_end_each_once(school):
    hall = forgotten_hall(school)

    found = at_once(end_forgotten, end_forgotten, end_forgotten)

    assert sorted(len(ended) for ended in found) == [0, 0, len(hall.sessions)]
    assert SessionEvent.objects.filter(action=Action.END).count() == len(hall.sessions)
    late = AttendanceRecord.objects.filter(marked_at__gt=F("meeting__ended_at"))
    assert not late.exists()
    assert_sound(hall)
