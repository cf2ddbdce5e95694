"""How many classes may be missed or must be attended, checked against trying one class after another."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attendance.rules.minimum import MinimumRule


@st.composite
def rules(draw: st.DrawFn) -> MinimumRule:
    held = draw(st.integers(0, 300))
    return MinimumRule(minimum=draw(st.integers(1, 100)), present=draw(st.integers(0, held)), held=held)


def holds(rule: MinimumRule, *, missed: int = 0, attended: int = 0) -> bool:
    """Whether the minimum is met after that many more classes."""
    present, held = rule.present + attended, rule.held + missed + attended
    return present * 100 >= rule.minimum * held


@given(rules())
@example(MinimumRule(minimum=75, present=0, held=0))
@example(MinimumRule(minimum=75, present=3, held=4))
def test_one_more_missed_class_would_fall_below_the_minimum(rule):
    assert rule.is_below is not holds(rule)
    if rule.is_below:
        assert rule.may_miss == 0
    else:
        assert holds(rule, missed=rule.may_miss)
        assert not holds(rule, missed=rule.may_miss + 1)


@given(rules())
@example(MinimumRule(minimum=100, present=3, held=4))
@example(MinimumRule(minimum=99, present=0, held=300))
def test_one_class_fewer_would_not_reach_the_minimum(rule):
    if rule.must_attend is None:
        assert rule.minimum == 100
        assert rule.present < rule.held
        return
    assert holds(rule, attended=rule.must_attend)
    assert rule.must_attend == 0 or not holds(rule, attended=rule.must_attend - 1)


@pytest.mark.parametrize(
    ("minimum", "present", "held", "may_miss", "must_attend"),
    [
        (75, 0, 0, 0, 0),
        (75, 3, 4, 0, 0),
        (75, 9, 10, 2, 0),
        (75, 2, 4, 0, 4),
        (50, 10, 10, 10, 0),
        (100, 5, 5, 0, 0),
        (100, 4, 5, 0, None),
        (1, 1, 1, 99, 0),
    ],
)
def test_minimum_rule_examples(minimum, present, held, may_miss, must_attend):
    rule = MinimumRule(minimum=minimum, present=present, held=held)

    assert (rule.may_miss, rule.must_attend) == (may_miss, must_attend)
