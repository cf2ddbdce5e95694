"""A session is discarded while students join and scan and the teacher ends or corrects: the result fits some order."""

import functools
from typing import Any

import pytest

from attendance.models import AttendanceRecord, Meeting, MeetingGroup, MeetingState
from attendance.stats import reconcile
from qrsessions.models import Action, GroupSession, QRSession, SessionEvent
from tests.support.races import (
    Call,
    Hall,
    School,
    assert_consistent,
    block_writes,
    make_school,
    marks,
    refusal_codes,
    run_concurrently,
    succeeded,
    token_client,
)


@pytest.fixture(params=["single", "group"])
def school(request) -> School:
    if request.param == "single":
        return make_school(sections=1, students=8)
    return make_school(sections=3, students=8, in_every_section=2)


def discard(hall: Hall) -> Call:
    return functools.partial(hall.step, "discard")


def joins(hall: Hall) -> list[Call]:
    sections = hall.sections
    return [
        functools.partial(hall.join, number, sections[number % len(sections)])
        for number in range(len(hall.students))
    ]


def assert_gone(hall: Hall) -> None:
    """Nothing but the meetings and their audit log is left."""
    assert not hall.sessions
    if isinstance(hall.source, GroupSession):
        assert not GroupSession.objects.filter(pk=hall.source.pk).exists()
        assert not MeetingGroup.objects.filter(pk=hall.source.pk).exists()
    meetings = Meeting.objects.filter(section__in=hall.sections).order_by("-pk")[: len(hall.sections)]
    assert {(one.state, one.ended_at, one.group_id) for one in meetings} == {
        (MeetingState.DISCARDED, None, None)
    }
    assert not AttendanceRecord.objects.filter(meeting__in=list(meetings)).exists()
    discarded = SessionEvent.objects.filter(meeting__in=list(meetings), action=Action.DISCARD)
    assert discarded.count() == len(hall.sections)
    # A join that was committed just before may have been added to a set just after.
    reconcile()
    assert reconcile().orphans == []


def test_mark_during_discard_keeps_the_session_or_is_refused(school, rounds):
    outcomes = set()
    for _ in range(rounds):
        hall = school.open(join_policy="open")
        hall.step("start")

        discarded, _, *answers = run_concurrently(
            discard(hall), block_writes, *marks(hall), spread_seconds=0.03
        )

        outcomes.add(discarded.status_code)
        if discarded.status_code == 204:
            assert succeeded(hall, answers) == set()
            assert refusal_codes(answers) <= {"not_active", "token_invalid"}
            assert_gone(hall)
        else:
            assert (discarded.status_code, discarded.json()["code"]) == (409, "has_marks")
            assert succeeded(hall, answers) == hall.present() == hall.names(range(len(hall.students)))
            assert_consistent(hall)
            hall.end_if_open()
    assert outcomes <= {204, 409}


def test_join_during_discard_is_deleted_or_refused(school, rounds):
    for _ in range(rounds):
        hall = school.open()

        discarded, _, *answers = run_concurrently(
            discard(hall), block_writes, *joins(hall), spread_seconds=0.03
        )

        assert discarded.status_code == 204
        assert {answer.status_code for answer in answers} <= {201, 404, 409}
        assert refusal_codes(answers) <= {"not_active", "not_found"}
        assert_gone(hall)


@pytest.mark.parametrize("step", ["end", "lock", "start"])
def test_step_during_discard_comes_before_it_or_is_refused(school, step, rounds):
    for _ in range(rounds):
        hall = school.open()

        discarded, stepped = run_concurrently(
            discard(hall), functools.partial(hall.step, step), spread_seconds=0.01
        )

        assert discarded.status_code == 204
        assert stepped.status_code == 200 or refusal_codes([stepped]) <= {"not_active", "not_found"}
        assert_gone(hall)


def test_concurrent_discards_discard_once(school, rounds):
    for _ in range(rounds):
        hall = school.open()

        answers = run_concurrently(*[discard(hall)] * 3)

        assert sorted(answer.status_code for answer in answers)[0] == 204
        assert sorted(answer.status_code for answer in answers)[1] in (404, 409)
        assert refusal_codes([one for one in answers if one.status_code != 204]) <= {
            "not_active",
            "not_found",
        }
        assert_gone(hall)


def test_actions_of_the_teacher_during_discard_break_nothing(school, rounds):
    for _ in range(rounds):
        hall = school.open()
        teacher = token_client(hall.teacher)
        member = hall.sessions[0]
        calls: list[Any] = [
            functools.partial(teacher.patch, hall.address, {"code_enabled": False}, format="json"),
            functools.partial(
                token_client(hall.teacher).post,
                f"{hall.address}records/bulk/",
                {"of": "joined", "status": "present"},
                format="json",
            ),
            hall.admit,
            functools.partial(hall.correct, 0, None, member),
        ]

        discarded, *answers = run_concurrently(discard(hall), *calls, spread_seconds=0.02)

        assert discarded.status_code == 204
        assert {answer.status_code for answer in answers} <= {200, 404, 409}
        assert_gone(hall)


def test_last_two_meetings_of_a_group_deleted_at_once_leave_no_group(rounds):
    school = make_school(sections=2, students=2)
    for _ in range(rounds):
        hall = school.open()
        meetings = [session.meeting for session in hall.sessions]

        run_concurrently(*(meeting.delete for meeting in meetings))

        assert not QRSession.objects.exists()
        assert not MeetingGroup.objects.exists()
