"""A forgotten session is ended automatically while someone uses it again."""

import datetime
import functools
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from attendance.models import AttendanceRecord
from qrsessions.models import Action, GroupSession, QRSession, SessionEvent
from qrsessions.services import auto_end, groups, joining, lifecycle
from tests.support.races import (
    Hall,
    School,
    assert_consistent,
    block_writes,
    make_school,
    marks,
    refusal_codes,
    run_concurrently,
    succeeded,
)

ROUNDS = 5
AFTER = datetime.timedelta(hours=6)


@pytest.fixture(params=["single", "group"])
def school(request) -> School:
    if request.param == "single":
        return make_school(sections=1, students=6)
    return make_school(sections=3, students=6, in_every_section=2)


def forgotten_hall(school: School) -> Hall:
    """Everyone joined and attendance started yesterday. Nothing has happened since."""
    long_ago = timezone.now() - datetime.timedelta(days=1)
    source: QRSession | GroupSession
    if len(school.sections) == 1:
        source = lifecycle.open_session(section=school.sections[0], by=school.teacher, at=long_ago)
    else:
        source = groups.open_group(sections=school.sections, by=school.teacher, at=long_ago)
    hall = Hall(source, school.teacher, school.sections, school.students)
    for number, student in enumerate(school.students):
        own = school.sections[number % len(school.sections)]
        chosen = {"section": own.pk} if isinstance(source, GroupSession) else {}
        joining.join(session_or_group=source, student=student, at=long_ago, **chosen)
    if isinstance(source, GroupSession):
        groups.take_group_step(group_session=source, step="start", by=school.teacher, at=long_ago)
    else:
        lifecycle.take_step(session=source, step="start", by=school.teacher, at=long_ago)
    return hall


def end_forgotten() -> Any:
    return auto_end.end_forgotten(at=timezone.now(), after=AFTER)


def test_mark_during_auto_end_keeps_session_open_or_is_refused(school):
    for _ in range(ROUNDS):
        hall = forgotten_hall(school)

        ended, _, *answers = run_concurrently(end_forgotten, block_writes, *marks(hall), spread_seconds=0.02)

        assert refusal_codes(answers) <= {"not_active"}
        assert hall.present() == succeeded(hall, answers)
        if ended:
            assert not hall.present()
            assert {session.status for session in hall.sessions} == {"ended"}
        else:
            assert {session.status for session in hall.sessions} == {"active"}
        assert_consistent(hall)
        hall.end_if_open()


def test_session_that_teacher_and_auto_end_both_end_ends_once(school):
    for _ in range(ROUNDS):
        hall = forgotten_hall(school)

        _ended, answer = run_concurrently(
            end_forgotten, functools.partial(hall.step, "end"), spread_seconds=0.01
        )

        assert answer.status_code in (200, 409)
        assert {session.status for session in hall.sessions} == {"ended"}
        ends = SessionEvent.objects.filter(action=Action.END, meeting__session__in=hall.sessions)
        assert ends.count() == len(hall.sessions)
        assert ends.filter(done_by=None).exists() is (answer.status_code == 409)
        assert_consistent(hall)


def test_concurrent_auto_end_runs_end_each_session_once(school):
    hall = forgotten_hall(school)

    found = run_concurrently(end_forgotten, end_forgotten, end_forgotten)

    assert sorted(len(ended) for ended in found) == [0, 0, len(hall.sessions)]
    assert SessionEvent.objects.filter(action=Action.END).count() == len(hall.sessions)
    late = AttendanceRecord.objects.filter(marked_at__gt=F("meeting__ended_at"))
    assert not late.exists()
    assert_consistent(hall)
