"""Concurrent joins, marks and steps: the result fits some order of them, and every answer agrees with it."""

import functools
from typing import Any

import pytest
from django.utils import timezone

from qrsessions.models import JoinPolicy, QRSession
from qrsessions.services import groups
from tests.support.live_sets import assert_sets_match_database
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
    token_client,
)
from tests.support.waiting import wait_until


@pytest.fixture(params=["single", "group"])
def school(request) -> School:
    """12 students. In the group they are spread over three sections, and two of them are in all three."""
    if request.param == "single":
        return make_school(sections=1, students=12)
    return make_school(sections=3, students=12, in_every_section=2)


def own_section(hall: Hall, number: int) -> Any:
    """The section that a student of several sections chooses."""
    return hall.sections[number % len(hall.sections)]


def join_all(hall: Hall) -> None:
    for number in range(len(hall.students)):
        assert hall.join(number, own_section(hall, number)).status_code == 201


def joins(hall: Hall) -> list[Any]:
    return [
        functools.partial(hall.join, number, own_section(hall, number))
        for number in range(len(hall.students))
    ]


def then(call: Any, look: Any) -> Any:
    """Return the answer of the call, and what the caller reads right after it."""
    return lambda: (call(), look())


def test_join_during_lock_is_accepted_before_it_or_refused(school, rounds):
    for _ in range(rounds):
        hall = school.open()

        (locked, joined_at_lock), _, *answers = run_concurrently(
            then(functools.partial(hall.step, "lock"), hall.joined),
            block_writes,
            *joins(hall),
            spread_seconds=0.03,
        )

        assert locked.status_code == 200
        assert refusal_codes(answers) <= {"locked"}
        assert hall.joined() == joined_at_lock == succeeded(hall, answers)
        assert_consistent(hall)
        hall.end_if_open()


def test_mark_during_end_is_accepted_before_it_or_refused(school, rounds):
    for _ in range(rounds):
        hall = school.open()
        join_all(hall)
        hall.step("start")

        (ended, present_at_end), *answers = run_concurrently(
            then(functools.partial(hall.step, "end"), hall.present), *marks(hall), spread_seconds=0.04
        )

        assert ended.status_code == 200
        assert refusal_codes(answers) <= {"not_active"}
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert hall.present() == present_at_end == succeeded(hall, answers)
        assert_consistent(hall)


def test_start_during_unlock_ends_up_active(school, rounds):
    for _ in range(2 * rounds):
        hall = school.open()
        hall.step("lock")

        started, unlocked = run_concurrently(
            functools.partial(hall.step, "start"),
            functools.partial(hall.step, "unlock"),
            spread_seconds=0.005,
        )

        # Start is allowed in both states, so it succeeds in either order.
        assert started.status_code == 200
        assert unlocked.status_code == 200 or refusal_codes([unlocked]) == {"wrong_state"}
        assert {session.status for session in hall.sessions} == {"active"}
        assert all(session.locked_at for session in hall.sessions)
        hall.end_if_open()


def test_concurrent_ends_end_once(school, rounds):
    for _ in range(rounds):
        hall = school.open()

        answers = run_concurrently(*[functools.partial(hall.step, "end")] * 3)

        assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
        assert refusal_codes(answers) == {"wrong_state"}
        assert_consistent(hall)


@pytest.mark.parametrize("before", ["active", "ended"])
def test_concurrent_ends_and_reopens_alternate(school, before, rounds):
    for _ in range(rounds):
        hall = school.open()
        hall.step("start")
        if before == "ended":
            hall.step("end")

        answers = run_concurrently(
            *[functools.partial(hall.step, step) for step in ("end", "reopen", "end", "reopen")],
            spread_seconds=0.01,
        )

        # In any order, successful ends and reopens alternate.
        assert refusal_codes(answers) <= {"wrong_state"}
        ends, reopenings = (
            sum(answer.status_code == 200 for answer in half) for half in (answers[::2], answers[1::2])
        )
        assert ends - reopenings in ((0, 1) if before == "active" else (-1, 0))
        after = "active" if ends - reopenings == (0 if before == "active" else -1) else "ended"
        assert {session.status for session in hall.sessions} == {after}
        assert_consistent(hall)
        hall.end_if_open()


def test_same_mark_sent_20_times_concurrently_marks_once(school):
    hall = school.open()
    join_all(hall)
    hall.step("start")
    for number in range(3):
        answers = run_concurrently(*[functools.partial(hall.mark, number)] * 20)

        assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
        assert len({answer.json()["marked_at"] for answer in answers}) == 1
    assert hall.present() == hall.names(range(3))
    assert_consistent(hall)


@pytest.mark.parametrize("sections", [1, 4])
def test_200_marks_in_flight_during_end_match_the_register(sections):
    school = make_school(sections=sections, students=200, in_every_section=10 if sections > 1 else 0)
    hall = school.open(join_policy="open")
    hall.step("start")
    crowd = [functools.partial(mark_some, hall, list(range(first, 200, 25))) for first in range(25)]

    (ended, present_at_end), *several = run_concurrently(
        then(functools.partial(end_when_60_are_marked, hall), hall.present), *crowd
    )

    answers: list[Any] = [None] * 200
    for first, group in enumerate(several):
        answers[first::25] = group
    assert ended.status_code == 200
    assert refusal_codes(answers) == {"not_active"}
    assert hall.present() == present_at_end == succeeded(hall, answers)
    # assert_consistent: every enrolled student has exactly one record, and the sets are the register's.
    assert_consistent(hall)


def mark_some(hall: Hall, numbers: list[int]) -> list[Any]:
    return [hall.mark(number) for number in numbers]


def end_when_60_are_marked(hall: Hall) -> Any:
    wait_until(lambda: len(hall.present()) >= 60)
    return hall.step("end")


# --- Groups only ------------------------------------------------------------------------------------------


@pytest.fixture
def lecture() -> School:
    return make_school(sections=3, students=9, in_every_section=3)


def leave(hall: Hall, session: QRSession) -> Any:
    return teacher_posts(hall, f"/api/v1/sessions/{session.public_id}/leave/")


def add(hall: Hall, section: Any) -> Any:
    return teacher_posts(hall, f"{hall.address}sections/", {"section": section.pk})


def teacher_posts(hall: Hall, address: str, body: dict[str, Any] | None = None) -> Any:
    return token_client(hall.teacher).post(address, body or {}, format="json")


def test_joins_of_one_student_to_different_sections_join_one(lecture, rounds):
    for _ in range(rounds):
        hall = lecture.open()
        for number in range(3):
            answers = run_concurrently(
                *[functools.partial(hall.join, number, section) for section in hall.sections]
            )

            assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
            (joined,) = {answer.json()["session"] for answer in answers}
            assert [
                session.public_id
                for session in hall.sessions
                if hall.register().get((session.meeting.section_id, hall.students[number].student_id))
            ] == [joined]
        assert hall.stats()["total_joined"] == 3
        assert_consistent(hall)
        hall.end_if_open()


@pytest.mark.parametrize("in_group", [False, True], ids=["alone", "with their group"])
def test_admitting_during_end_marks_everyone(lecture, in_group, rounds):
    for _ in range(rounds):
        # Add the first section last, so that its meeting's lock is not the first of the group.
        hall = lecture.open(sections=lecture.sections[1:])
        assert add(hall, lecture.sections[0]).status_code == 201
        hall.sections = lecture.sections
        hall.step("start")
        for number in range(9):
            assert refusal_codes([hall.mark(number)]) == {"not_joined"}
        waiting = [None] if in_group else hall.sessions

        ended, *admitted = run_concurrently(
            functools.partial(hall.step, "end"),
            *[functools.partial(hall.admit, session) for session in waiting],
            spread_seconds=0.01,
        )

        assert ended.status_code == 200
        assert sum(answer.json()["admitted"] for answer in admitted) == 9
        assert hall.present() == hall.names(range(9))
        assert_consistent(hall)


def test_leaving_during_marks_and_end_loses_no_mark(lecture, rounds):
    for _ in range(rounds):
        hall = lecture.open()
        join_all(hall)
        hall.step("start")
        leaving = hall.sessions[2]

        left, ended, *answers = run_concurrently(
            functools.partial(leave, hall, leaving),
            functools.partial(hall.step, "end"),
            *marks(hall),
            spread_seconds=0.04,
        )

        assert ended.status_code == 200
        assert refusal_codes([left]) <= {"wrong_state"}
        assert refusal_codes(answers) <= {"not_active", "not_enrolled", "not_joined"}
        assert hall.present() == succeeded(hall, answers)
        if left.status_code == 200:
            assert [session.status for session in hall.sessions] == ["ended", "ended", "active"]
            assert left.json()["group"] is None
            assert teacher_posts(hall, f"/api/v1/sessions/{leaving.public_id}/end/").status_code == 200
        assert {session.status for session in hall.sessions} == {"ended"}
        assert set(hall.register()) == hall.enrolled()
        assert_sets_match_database(hall.sessions)


def test_sections_that_leave_concurrently_leave_one_behind(lecture):
    hall = lecture.open()

    answers = run_concurrently(*[functools.partial(leave, hall, session) for session in hall.sessions])

    assert sorted(answer.status_code for answer in answers) == [200, 200, 409]
    assert refusal_codes(answers) == {"last_section"}
    assert hall.stats()["total_sections"] == 1


def test_end_of_a_member_works_only_after_it_left(lecture, rounds):
    for _ in range(rounds):
        hall = lecture.open()
        session = hall.sessions[0]

        left, ended = run_concurrently(
            functools.partial(leave, hall, session),
            functools.partial(teacher_posts, hall, f"/api/v1/sessions/{session.public_id}/end/"),
            spread_seconds=0.01,
        )

        assert left.status_code == 200
        assert refusal_codes([ended]) <= {"in_group"}
        statuses = [session.status for session in hall.sessions]
        assert statuses == ["ended" if ended.status_code == 200 else "created", "created", "created"]
        for one in hall.sessions:
            teacher_posts(hall, f"/api/v1/sessions/{one.public_id}/end/")
        hall.step("end")


def test_section_added_during_end_ends_too_or_is_refused(lecture, rounds):
    for _ in range(rounds):
        hall = lecture.open(sections=lecture.sections[:2])
        late = lecture.sections[2]
        hall.sections = lecture.sections

        added, ended = run_concurrently(
            functools.partial(add, hall, late), functools.partial(hall.step, "end"), spread_seconds=0.02
        )

        assert ended.status_code == 200
        assert refusal_codes([added]) <= {"wrong_state"}
        assert len(hall.sessions) == (3 if added.status_code == 201 else 2)
        assert {session.status for session in hall.sessions} == {"ended"}
        if added.status_code == 201:
            assert_consistent(hall)


def test_marks_of_a_section_added_during_end_match_the_register(lecture, rounds):
    """When the request arrives, the student's section is not in the group yet. The lock must cover it all the same."""
    for _ in range(rounds):
        hall = open_group_of_one(lecture, join_policy="open")
        hall.step("start")
        hall.sections = lecture.sections[:2]

        (ended, present_at_end), added, *answers = run_concurrently(
            then(functools.partial(hall.step, "end"), hall.present),
            functools.partial(add, hall, lecture.sections[1]),
            *marks(hall),
            spread_seconds=0.03,
        )

        assert ended.status_code == 200
        assert refusal_codes([added]) <= {"wrong_state"}
        assert refusal_codes(answers) <= {"not_active", "not_enrolled"}
        assert hall.present() == present_at_end == succeeded(hall, answers)


def open_group_of_one(lecture: School, *, join_policy: str) -> Hall:
    at = timezone.now()
    source = groups.open_group(
        sections=lecture.sections[:1], by=lecture.teacher, at=at, join_policy=JoinPolicy(join_policy)
    )
    return Hall(source, lecture.teacher, lecture.sections, lecture.students)


def test_concurrent_group_steps_keep_sections_in_the_same_state(lecture, rounds):
    for _ in range(rounds):
        hall = lecture.open()

        answers = run_concurrently(
            *[functools.partial(hall.step, step) for step in ("lock", "start", "unlock", "lock", "start")],
            functools.partial(leave, hall, hall.sessions[1]),
            spread_seconds=0.01,
        )

        assert refusal_codes(answers) <= {"wrong_state"}
        first, left, last = hall.sessions
        assert first.status == last.status
        teacher_posts(hall, f"/api/v1/sessions/{left.public_id}/end/")
        hall.step("end")


def test_marked_student_is_not_absent_in_a_section_added_later(lecture):
    hall = lecture.open(sections=lecture.sections[1:])
    hall.sections = lecture.sections
    hall.join(0, lecture.sections[2])
    hall.step("start")
    hall.mark(0)
    hall.correct(1, "late", hall.sessions[1])

    assert add(hall, lecture.sections[0]).status_code == 201

    hall.step("end")
    for number, mark in ((0, ("present", "qr")), (1, ("late", "manual")), (2, ("absent", "end"))):
        student = hall.students[number].student_id
        assert {hall.register()[section.pk, student][1:] for section in hall.sections} == {mark}
    assert_consistent(hall)


def test_mark_by_hand_counts_immediately_in_the_section_the_student_joins(lecture):
    hall = lecture.open()
    hall.stats()
    hall.correct(0, "present", hall.sessions[0])

    hall.join(0, lecture.sections[2])

    sections = hall.stats()["sections"]
    assert [(one["total_joined"], one["total_present"]) for one in sections] == [(0, 0), (0, 0), (1, 1)]
