"""The checker finds every kind of broken promise."""

from collections import Counter

import pytest

from tests.chaos.checking import check
from tests.chaos.history import History, Mark, Row, Sample

GROUP, ONE, TWO = "G1", "S1", "S2"
# The first mark arrives at 100 s, and one more each second.
STUDENTS = 20
BEGIN, FAULT_BEGAN, FAULT_ENDED = 100.0, 108.0, 110.0


@pytest.fixture
def history() -> History:
    """A burst without a problem. Each mark is acknowledged after 0.2 s, and counts are read twice a second."""
    marks = [
        Mark(f"s{n}", ONE if n % 2 else TWO, sent_at=BEGIN + n, acknowledged_at=BEGIN + n + 0.2)
        for n in range(STUDENTS)
    ]
    history = History("a fault", GROUP, marks, errors_are_allowed=False)
    history.fault_began_at, history.fault_ended_at = FAULT_BEGAN, FAULT_ENDED
    history.register = {mark.student: Row(mark.session, BEGIN + n) for n, mark in enumerate(marks)}
    history.samples = [true_sample(history, BEGIN + tick / 2) for tick in range(80)]
    history.set_sizes = {ONE: 10, TWO: 10}
    history.final = {GROUP: 20, ONE: 10, TWO: 10}
    return history


def true_sample(history: History, at: float, *, error: int = 0, scope: str = GROUP) -> Sample:
    """The correct counts at that time, except for the error in one of them."""
    counts = Counter[str]({GROUP: 0, ONE: 0, TWO: 0})
    for row in history.register.values():
        if row.marked_at <= at:
            counts.update([GROUP, row.session])
    counts[scope] += error
    return Sample(at, at + 0.1, dict(counts))


def wrong_between(history: History, begin: float, end: float, *, error: int, scope: str = GROUP) -> None:
    history.samples = [
        true_sample(history, sample.began_at, error=error, scope=scope)
        if begin <= sample.began_at < end
        else sample
        for sample in history.samples
    ]


def test_burst_without_problems_passes(history):
    verdict = check(history)

    assert verdict.problems == []
    assert (verdict.acknowledged, verdict.lost, verdict.wrong_seconds, verdict.errors) == (20, 0, 0.0, {})


def test_acknowledged_mark_that_is_not_in_the_register_is_lost(history):
    del history.register["s4"]

    verdict = check(history)

    assert verdict.lost == 1
    assert "1 acknowledged marks are not in the register: s4" in verdict.problems


def test_mark_in_the_register_without_acknowledgement_is_found(history):
    history.marks[5].acknowledged_at = None

    assert "1 marks in the register were neither acknowledged nor in flight: s5" in check(history).problems


def test_mark_in_flight_may_be_in_the_register_or_not(history):
    history.marks[5].acknowledged_at, history.marks[5].in_flight = None, True
    assert check(history).problems == []

    history.marks[6].acknowledged_at, history.marks[6].in_flight = None, True
    row = history.register.pop("s6")
    history.samples = [true_sample(history, sample.began_at) for sample in history.samples]
    history.set_sizes[row.session] -= 1
    history.final[row.session] -= 1
    history.final[GROUP] -= 1
    assert check(history).problems == []


@pytest.mark.parametrize("scope", [GROUP, ONE])
def test_count_that_is_too_low_briefly_is_measured_and_allowed(history, scope):
    wrong_between(history, 106, 109, error=-2, scope=scope)

    verdict = check(history)

    assert verdict.wrong_seconds == 3.0
    assert verdict.problems == []


@pytest.mark.parametrize("scope", [GROUP, TWO])
def test_count_that_misses_marks_of_ten_seconds_before_is_found(history, scope):
    wrong_between(history, 114, 114.5, error=-14, scope=scope)

    (problem,) = check(history).problems

    assert problem.startswith("1 samples miss marks acknowledged 10 s before")


@pytest.mark.parametrize("scope", [GROUP, TWO])
def test_count_above_the_register_is_found(history, scope):
    wrong_between(history, 105, 105.5, error=1, scope=scope)

    (problem,) = check(history).problems

    assert problem.startswith("1 samples count more than the register")


def test_count_that_is_wrong_for_more_than_ten_seconds_is_found(history):
    wrong_between(history, 102, 113, error=-2)

    verdict = check(history)

    assert verdict.wrong_seconds == 11.0
    assert "a count was wrong for 11.0 s" in verdict.problems


def test_count_that_is_wrong_ten_seconds_after_the_fault_is_found(history):
    wrong_between(history, 120, 121, error=-1)

    assert any("are wrong 10 s after the fault" in problem for problem in check(history).problems)


def test_run_without_counts_is_found(history):
    history.samples = []

    assert check(history).problems == ["no count was read at all"]


@pytest.mark.parametrize("began_at", [99.0, 130.0])
def test_fault_outside_the_burst_is_found(history, began_at):
    history.fault_began_at = began_at

    assert check(history).problems == ["the fault did not hit the burst"]


@pytest.mark.parametrize("what", ["set_sizes", "final"])
@pytest.mark.parametrize("error", [-1, 1])
def test_final_counts_that_differ_from_the_register_are_found(history, what, error):
    getattr(history, what)[ONE] += error

    (problem,) = check(history).problems

    assert problem.startswith("at the end the ")


@pytest.mark.parametrize(
    ("allowed", "error", "expected"),
    [
        (False, "503 unavailable", "users saw errors: {'503 unavailable': 2}"),
        (True, "500", "users saw errors that no retry explains: {'500': 2}"),
        (True, "409 not_active", "users saw errors that no retry explains: {'409 not_active': 2}"),
    ],
)
def test_forbidden_errors_are_found(history, allowed, error, expected):
    history.errors_are_allowed = allowed
    history.marks[1].errors[error] += 1
    history.teacher_errors[error] += 1

    verdict = check(history)

    assert verdict.problems == [expected]
    assert verdict.errors == {error: 2}


def test_errors_of_a_killed_server_are_counted_and_allowed(history):
    history.errors_are_allowed = True
    history.marks[1].errors["connection broke"] += 1

    verdict = check(history)

    assert (verdict.problems, verdict.errors) == ([], {"connection broke": 1})
