"""Changes of ended registers at the same moment: the seals of a section stay one unbroken chain."""

import functools

import pytest

from tests.support.races import make_school, run_concurrently
from tests.support.registers.seals import assert_sealed, numbers

ROUNDS = 3


def test_corrections_at_once_are_sealed_one_after_another():
    school = make_school(sections=1, students=6)
    hall = school.open()
    hall.end_if_open()
    (session,) = hall.sessions

    for _ in range(ROUNDS):
        calls = [functools.partial(hall.correct, number, "late", session) for number in range(6)]
        calls += [functools.partial(hall.correct, number, "excused", session) for number in range(6)]
        answers = run_concurrently(*calls)
        assert {answer.status_code for answer in answers} == {200}
        assert_sealed(school.sections[0])

    assert len(numbers(school.sections[0])) > 1 + 6 * ROUNDS


def test_corrections_in_two_classes_of_a_section_share_a_chain():
    school = make_school(sections=1, students=4)
    halls = [school.open(), None]
    halls[0].end_if_open()
    halls[1] = school.open()
    halls[1].end_if_open()
    sessions = [hall.sessions[0] for hall in halls]

    answers = run_concurrently(
        *(
            functools.partial(hall.correct, number, "late", session)
            for hall, session in zip(halls, sessions, strict=True)
            for number in range(4)
        )
    )

    assert {answer.status_code for answer in answers} == {200}
    assert_sealed(school.sections[0])
    assert numbers(school.sections[0]) == list(range(1, 11))


@pytest.mark.parametrize("in_every_section", [0, 2])
def test_groups_that_end_while_older_registers_of_their_sections_are_corrected(in_every_section):
    school = make_school(sections=3, students=6, in_every_section=in_every_section)
    for _ in range(ROUNDS):
        older = school.open()
        older.end_if_open()
        halls = [school.open(sections=school.sections[:2]), school.open(sections=school.sections[2:])]

        answers = run_concurrently(
            *(functools.partial(hall.step, "end") for hall in halls),
            *(
                functools.partial(older.correct, number, "late", session)
                for session in older.sessions
                for number in range(2)
                if (session.meeting.section_id, school.students[number].student_id) in older.register()
            ),
            functools.partial(older.step, "reopen"),
            spread_seconds=0.05,
        )

        # Reopening is refused while another session of a section is open.
        assert {answer.status_code for answer in answers} <= {200, 409}
        # In case it was reopened.
        older.step("end")
        for section in school.sections:
            assert_sealed(section)
