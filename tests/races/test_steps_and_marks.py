"""Joins, marks and steps at once: the outcome is one of the orders, and agrees with what each caller was told."""

import functools
import time
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from qrsessions import groups
from qrsessions.models import JoinPolicy, QRSession
from tests.races.conftest import (
    Hall,
    School,
    assert_sound,
    at_once,
    compare_sets,
    make_school,
    phone_of,
)

ROUNDS = 4


@pytest.fixture(params=["single", "group"])
def school(request) -> School:
    """12 students; in the group they are in three sections, two of them in all three."""
    if request.param == "single":
        return make_school(sections=1, students=12)
    return make_school(sections=3, students=12, in_all=2)


def own_section(hall: Hall, place: int) -> Any:
    """What a student of several sections chooses."""
    return hall.sections[place % len(hall.sections)]


def join_all(hall: Hall) -> None:
    for place in range(len(hall.students)):
        assert hall.join(place, own_section(hall, place)).status_code == 201


def joins(hall: Hall) -> list[Any]:
    return [
        functools.partial(hall.join, place, own_section(hall, place)) for place in range(len(hall.students))
    ]


def marks(hall: Hall) -> list[Any]:
    return [functools.partial(hall.mark, place) for place in range(len(hall.students))]


def hold_up_writes() -> None:
    """Nothing is written to any register for a moment: whoever had read the state before still has to write."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE attendance_attendancerecord IN SHARE MODE")
        time.sleep(0.1)


def then(call: Any, look: Any) -> Any:
    """The answer of a step, with what its caller sees right after it."""
    return lambda: (call(), look())


def accepted(hall: Hall, answers: list[Any]) -> set[str]:
    return hall.names([place for place, answer in enumerate(answers) if answer.status_code in (200, 201)])


def codes(answers: list[Any]) -> set[str]:
    return {answer.json()["code"] for answer in answers if answer.status_code not in (200, 201)}


def test_lock_against_join(school):
    for _ in range(ROUNDS):
        hall = school.open()

        (locked, joined_at_lock), _, *answers = at_once(
            then(functools.partial(hall.step, "lock"), hall.joined),
            hold_up_writes,
            *joins(hall),
            spread_seconds=0.03,
        )

        assert locked.status_code == 200
        assert codes(answers) <= {"locked"}
        assert hall.joined() == joined_at_lock == accepted(hall, answers)
        assert_sound(hall)
        hall.end_if_open()


def test_end_against_mark(school):
    for _ in range(ROUNDS):
        hall = school.open()
        join_all(hall)
        hall.step("start")

        (ended, present_at_end), *answers = at_once(
            then(functools.partial(hall.step, "end"), hall.present), *marks(hall), spread_seconds=0.04
        )

        assert ended.status_code == 200
        assert codes(answers) <= {"not_active"}
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert hall.present() == present_at_end == accepted(hall, answers)
        assert_sound(hall)


def test_start_against_unlock(school):
    for _ in range(3 * ROUNDS):
        hall = school.open()
        hall.step("lock")

        started, unlocked = at_once(
            functools.partial(hall.step, "start"),
            functools.partial(hall.step, "unlock"),
            spread_seconds=0.005,
        )

        # Start goes from both states, so it is taken in either order and is the last word.
        assert started.status_code == 200
        assert unlocked.status_code == 200 or codes([unlocked]) == {"wrong_state"}
        assert {session.status for session in hall.sessions} == {"active"}
        assert all(session.locked_at for session in hall.sessions)
        hall.end_if_open()


def test_end_against_end(school):
    for _ in range(2 * ROUNDS):
        hall = school.open()

        answers = at_once(*[functools.partial(hall.step, "end")] * 3)

        assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
        assert codes(answers) == {"wrong_state"}
        assert_sound(hall)


@pytest.mark.parametrize("before", ["active", "ended"])
def test_reopen_against_end(school, before):
    for _ in range(ROUNDS):
        hall = school.open()
        hall.step("start")
        if before == "ended":
            hall.step("end")

        answers = at_once(
            *[functools.partial(hall.step, step) for step in ("end", "reopen", "end", "reopen")],
            spread_seconds=0.01,
        )

        # Whatever the order, ends and reopenings that were taken take turns.
        assert codes(answers) <= {"wrong_state"}
        ends, reopenings = (
            sum(answer.status_code == 200 for answer in half) for half in (answers[::2], answers[1::2])
        )
        assert ends - reopenings in ((0, 1) if before == "active" else (-1, 0))
        after = "active" if ends - reopenings == (0 if before == "active" else -1) else "ended"
        assert {session.status for session in hall.sessions} == {after}
        assert_sound(hall)
        hall.end_if_open()


def test_the_same_mark_20_times_at_once_marks_once(school):
    hall = school.open()
    join_all(hall)
    hall.step("start")
    for place in range(3):
        answers = at_once(*[functools.partial(hall.mark, place)] * 20)

        assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
        assert len({answer.json()["marked_at"] for answer in answers}) == 1
    assert hall.present() == hall.names(range(3))
    assert_sound(hall)


@pytest.mark.parametrize("sections", [1, 4])
def test_200_marks_in_flight_while_the_teacher_ends(sections):
    school = make_school(sections=sections, students=200, in_all=10 if sections > 1 else 0)
    hall = school.open(join_policy="open")
    hall.step("start")
    crowd = [functools.partial(mark_some, hall, list(range(first, 200, 25))) for first in range(25)]

    (ended, present_at_end), *several = at_once(
        then(functools.partial(end_when_half_are_in, hall), hall.present), *crowd
    )

    answers: list[Any] = [None] * 200
    for first, group in enumerate(several):
        answers[first::25] = group
    assert ended.status_code == 200
    assert codes(answers) == {"not_active"}
    assert hall.present() == present_at_end == accepted(hall, answers)
    # assert_sound: every enrolled student has exactly one record, and the sets are the register's.
    assert_sound(hall)


def mark_some(hall: Hall, places: list[int]) -> list[Any]:
    return [hall.mark(place) for place in places]


def end_when_half_are_in(hall: Hall) -> Any:
    while len(hall.present()) < 60:
        pass
    return hall.step("end")


# --- Groups only ------------------------------------------------------------------------------------------


@pytest.fixture
def lecture() -> School:
    return make_school(sections=3, students=9, in_all=3)


def leave(hall: Hall, session: QRSession) -> Any:
    return teacher_posts(hall, f"/api/v1/sessions/{session.public_id}/leave/")


def add(hall: Hall, section: Any) -> Any:
    return teacher_posts(hall, f"{hall.address}sections/", {"section": section.pk})


def teacher_posts(hall: Hall, address: str, body: dict[str, Any] | None = None) -> Any:
    return phone_of(hall.teacher).post(address, body or {}, format="json")


def test_two_phones_of_one_student_choose_different_sections(lecture):
    for _ in range(ROUNDS):
        hall = lecture.open()
        for place in range(3):
            answers = at_once(*[functools.partial(hall.join, place, section) for section in hall.sections])

            assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
            (joined,) = {answer.json()["session"] for answer in answers}
            assert [
                session.public_id
                for session in hall.sessions
                if hall.register().get((session.meeting.section_id, hall.students[place].student_id))
            ] == [joined]
        assert hall.stats()["total_joined"] == 3
        assert_sound(hall)
        hall.end_if_open()


@pytest.mark.parametrize("in_group", [False, True], ids=["alone", "with their group"])
def test_admitting_against_end(lecture, in_group):
    for _ in range(2 * ROUNDS):
        # The first section comes last, so that its meeting's lock is not the first of the group's.
        hall = lecture.open(sections=lecture.sections[1:])
        assert add(hall, lecture.sections[0]).status_code == 201
        hall.sections = lecture.sections
        hall.step("start")
        for place in range(9):
            assert codes([hall.mark(place)]) == {"not_joined"}
        waiting = [None] if in_group else hall.sessions

        ended, *admitted = at_once(
            functools.partial(hall.step, "end"),
            *[functools.partial(hall.admit, session) for session in waiting],
            spread_seconds=0.01,
        )

        assert ended.status_code == 200
        assert sum(answer.json()["admitted"] for answer in admitted) == 9
        assert hall.present() == hall.names(range(9))
        assert_sound(hall)


def test_leaving_against_marks_and_end(lecture):
    for _ in range(ROUNDS):
        hall = lecture.open()
        join_all(hall)
        hall.step("start")
        leaving = hall.sessions[2]

        left, ended, *answers = at_once(
            functools.partial(leave, hall, leaving),
            functools.partial(hall.step, "end"),
            *marks(hall),
            spread_seconds=0.04,
        )

        assert ended.status_code == 200
        assert codes([left]) <= {"wrong_state"}
        assert codes(answers) <= {"not_active", "not_enrolled", "not_joined"}
        assert hall.present() == accepted(hall, answers)
        if left.status_code == 200:
            assert [session.status for session in hall.sessions] == ["ended", "ended", "active"]
            assert left.json()["group"] is None
            assert teacher_posts(hall, f"/api/v1/sessions/{leaving.public_id}/end/").status_code == 200
        assert {session.status for session in hall.sessions} == {"ended"}
        assert set(hall.register()) == hall.enrolled()
        compare_sets(hall.sessions)


def test_sections_that_leave_at_once_leave_one(lecture):
    hall = lecture.open()

    answers = at_once(*[functools.partial(leave, hall, session) for session in hall.sessions])

    assert sorted(answer.status_code for answer in answers) == [200, 200, 409]
    assert codes(answers) == {"last_section"}
    assert hall.stats()["total_sections"] == 1


def test_single_end_against_leaving(lecture):
    for _ in range(ROUNDS):
        hall = lecture.open()
        session = hall.sessions[0]

        left, ended = at_once(
            functools.partial(leave, hall, session),
            functools.partial(teacher_posts, hall, f"/api/v1/sessions/{session.public_id}/end/"),
            spread_seconds=0.01,
        )

        assert left.status_code == 200
        assert codes([ended]) <= {"in_group"}
        statuses = [session.status for session in hall.sessions]
        assert statuses == ["ended" if ended.status_code == 200 else "created", "created", "created"]
        for one in hall.sessions:
            teacher_posts(hall, f"/api/v1/sessions/{one.public_id}/end/")
        hall.step("end")


def test_adding_against_end(lecture):
    for _ in range(ROUNDS):
        hall = lecture.open(sections=lecture.sections[:2])
        late = lecture.sections[2]
        hall.sections = lecture.sections

        added, ended = at_once(
            functools.partial(add, hall, late), functools.partial(hall.step, "end"), spread_seconds=0.02
        )

        assert ended.status_code == 200
        assert codes([added]) <= {"wrong_state"}
        assert len(hall.sessions) == (3 if added.status_code == 201 else 2)
        assert {session.status for session in hall.sessions} == {"ended"}
        if added.status_code == 201:
            assert_sound(hall)


def test_adding_and_ending_against_marks_of_those_added(lecture):
    """They had no place in the group when their request arrived: their lock is of a section that comes meanwhile."""
    for _ in range(2 * ROUNDS):
        hall = open_group_of_one(lecture, join_policy="open")
        hall.step("start")
        hall.sections = lecture.sections[:2]

        (ended, present_at_end), added, *answers = at_once(
            then(functools.partial(hall.step, "end"), hall.present),
            functools.partial(add, hall, lecture.sections[1]),
            *marks(hall),
            spread_seconds=0.03,
        )

        assert ended.status_code == 200
        assert codes([added]) <= {"wrong_state"}
        assert codes(answers) <= {"not_active", "not_enrolled"}
        assert hall.present() == present_at_end == accepted(hall, answers)


def open_group_of_one(lecture: School, *, join_policy: str) -> Hall:
    at = timezone.now()
    source = groups.open_group(
        sections=lecture.sections[:1], by=lecture.teacher, at=at, join_policy=JoinPolicy(join_policy)
    )
    return Hall(source, lecture.teacher, lecture.sections, lecture.students)


def test_group_steps_at_once_keep_the_sections_together(lecture):
    for _ in range(ROUNDS):
        hall = lecture.open()

        answers = at_once(
            *[functools.partial(hall.step, step) for step in ("lock", "start", "unlock", "lock", "start")],
            functools.partial(leave, hall, hall.sessions[1]),
            spread_seconds=0.01,
        )

        assert codes(answers) <= {"wrong_state"}
        first, left, last = hall.sessions
        assert first.status == last.status
        teacher_posts(hall, f"/api/v1/sessions/{left.public_id}/end/")
        hall.step("end")


def test_who_was_marked_is_not_absent_in_a_section_that_is_added_late(lecture):
    hall = lecture.open(sections=lecture.sections[1:])
    hall.sections = lecture.sections
    hall.join(0, lecture.sections[2])
    hall.step("start")
    hall.mark(0)
    hall.correct(1, "late", hall.sessions[1])

    assert add(hall, lecture.sections[0]).status_code == 201

    hall.step("end")
    for place, mark in ((0, ("present", "qr")), (1, ("late", "manual")), (2, ("absent", "end"))):
        student = hall.students[place].student_id
        assert {hall.register()[section.pk, student][1:] for section in hall.sections} == {mark}
    assert_sound(hall)


def test_a_mark_by_hand_counts_at_once_where_the_student_then_joins(lecture):
    hall = lecture.open()
    hall.stats()
    hall.correct(0, "present", hall.sessions[0])

    hall.join(0, lecture.sections[2])

    sections = hall.stats()["sections"]
    assert [(one["total_joined"], one["total_present"]) for one in sections] == [(0, 0), (0, 0), (1, 1)]
