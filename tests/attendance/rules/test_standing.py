"""Where a student stands, checked against a second, simpler computation over random histories."""

import datetime
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attendance.models import ExcusedCounts, Status
from attendance.models.rules import FIELDS
from attendance.rules.rule import Rules, Version
from attendance.rules.standing import Counted, Held, Result, Standing, stand

FIRST = datetime.date(2026, 9, 7)
P, L, E, A = Status.PRESENT, Status.LATE, Status.EXCUSED, Status.ABSENT
LETTERS = {"P": P, "L": L, "E": E, "A": A, "-": None}


def held(letters: str) -> list[Held]:
    """One meeting a day; "-" is one without a status."""
    return [Held(FIRST + datetime.timedelta(days=day), LETTERS[letter]) for day, letter in enumerate(letters)]


def rules(**says) -> Rules:
    return Rules([[Version(None, says)]])


def stands(letters: str, *, planned: int = 0, **says) -> Result:
    return stand(held(letters), rules(**says), on=FIRST + datetime.timedelta(days=365), planned=planned)


@st.composite
def any_rule(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "minimum_percentage": draw(st.sampled_from([0, 10, 50, 66, 75, 90, 100])),
        "warn_below": draw(st.sampled_from([0, 80, 90])),
        "late_counts": draw(st.sampled_from([0, 50, 80, 100])),
        "lates_per_absence": draw(st.integers(0, 4)),
        "excused": draw(st.sampled_from(ExcusedCounts)),
        "drop_lowest": draw(st.integers(0, 3)),
        "forecast_counts_planned": draw(st.booleans()),
    }


any_history = st.text("PLEA-", max_size=12)
# More than may be missed or must be attended after this many meetings.
MOST = 12 * 10 + 5


def counted_simply(letters: str, by: dict[str, Any]) -> tuple[Fraction, int]:
    """Attended and held, one mark after another, in hundredths of a class."""
    hundredths, lates = [], 0
    for letter in letters:
        if letter == "P" or (letter == "E" and by["excused"] == ExcusedCounts.ATTENDED):
            hundredths.append(100)
        elif letter == "A":
            hundredths.append(0)
        elif letter == "L":
            lates += 1
            is_absence = by["lates_per_absence"] > 0 and lates % by["lates_per_absence"] == 0
            hundredths.append(0 if is_absence else by["late_counts"])
    for _ in range(by["drop_lowest"]):
        if len(hundredths) > 1:
            hundredths.remove(min(hundredths))
    return Fraction(sum(hundredths), 100), len(hundredths)


def reaches(letters: str, by: dict[str, Any]) -> bool:
    attended, number = counted_simply(letters, by)
    return attended * 100 >= by["minimum_percentage"] * number


@given(any_history, any_rule())
def test_attended_and_held_agree_with_counting_one_after_another(letters, by):
    result = stands(letters, **by)

    assert (result.attended, result.held) == counted_simply(letters, by)
    assert [row.meeting for row in result.rows] == held(letters)


@given(any_history, any_rule(), st.integers(0, 12))
@example("A", dict.fromkeys(FIELDS, 0) | {"minimum_percentage": 100, "drop_lowest": 1}, 0)
@settings(deadline=None)
def test_forecast_agrees_with_trying_every_number(letters, by, planned):
    result = stands(letters, planned=planned, **by)

    if not by["minimum_percentage"]:
        assert (result.may_miss, result.must_attend) == (None, None)
        return
    if by["forecast_counts_planned"]:
        missable = [n for n in range(planned + 1) if reaches(letters + "A" * n + "P" * (planned - n), by)]
        enough = [n for n in range(planned + 1) if reaches(letters + "P" * n, by)]
    else:
        missable = [n for n in range(MOST) if reaches(letters + "A" * n, by)]
        enough = [n for n in range(MOST) if reaches(letters + "P" * n, by)][:1]
    assert result.may_miss == max(missable, default=0)
    assert result.must_attend == min(enough, default=None)


@given(any_history, any_rule())
def test_standing_is_decided_on_the_exact_fraction(letters, by):
    result = stands(letters, **by)
    attended, number = counted_simply(letters, by)

    if number == 0:
        assert (result.percentage, result.standing) == (None, Standing.OK)
    elif attended * 100 < by["minimum_percentage"] * number:
        assert result.standing in {Standing.BELOW, Standing.LOST}
        assert (result.standing is Standing.LOST) == (result.must_attend is None)
        assert result.percentage < by["minimum_percentage"]
    elif attended * 100 < by["warn_below"] * number:
        assert result.standing is Standing.WARNED
        assert result.percentage < by["warn_below"]
    else:
        assert result.standing is Standing.OK
        assert result.percentage >= max(by["minimum_percentage"], by["warn_below"])


@pytest.mark.parametrize(
    ("letters", "says", "attended", "number", "percentage"),
    [
        ("", {}, 0, 0, None),
        ("P", {}, 1, 1, 100.0),
        ("EE", {}, 0, 0, None),
        ("EE", {"excused": ExcusedCounts.ATTENDED}, 2, 2, 100.0),
        ("PLA", {}, 2, 3, 66.7),
        ("PLA", {"late_counts": 50}, Fraction(3, 2), 3, 50.0),
        ("LLLP", {"lates_per_absence": 3}, 3, 4, 75.0),
        ("PPAA", {"drop_lowest": 1}, 2, 3, 66.7),
        ("A", {"drop_lowest": 3}, 0, 1, 0.0),
        ("P--", {}, 1, 1, 100.0),
    ],
)
def test_examples(letters, says, attended, number, percentage):
    result = stands(letters, **says)

    assert (result.attended, result.held, result.percentage) == (attended, number, percentage)


def test_number_never_rounds_across_the_limit():
    # 1,499 of 2,000 are 74.95 %.
    result = stands("P" * 1499 + "A" * 501, minimum_percentage=75)

    assert (result.percentage, result.standing) == (74.9, Standing.BELOW)
    assert stands("P" * 1499 + "A" * 501).percentage == 75.0


def test_forecast_with_planned_classes():
    result = stands("PPPPPPAAAA", planned=14, minimum_percentage=75, forecast_counts_planned=True)

    assert (result.standing, result.may_miss, result.must_attend) == (Standing.BELOW, 2, 6)
    lost = stands("A" * 10, planned=4, minimum_percentage=75, forecast_counts_planned=True)
    assert (lost.standing, lost.may_miss, lost.must_attend) == (Standing.LOST, 0, None)


def test_each_row_says_why_it_counts_so():
    result = stands("PLLE-A", late_counts=50, lates_per_absence=2, drop_lowest=1)

    assert [(row.counts, row.counted) for row in result.rows] == [
        (100, Counted.AS_MARKED),
        (50, Counted.AS_MARKED),
        (None, Counted.DROPPED),
        (None, Counted.EXCUSED),
        (None, Counted.NO_STATUS),
        (0, Counted.AS_MARKED),
    ]


def test_label_counts_as_the_rule_says_and_otherwise_as_its_status():
    of_institution = Version(None, {"late_counts": 50, "lates_per_absence": 2}, {1: 80, 2: 0})
    of_section = Version(None, {}, {2: 30})
    meetings = [
        Held(FIRST, Status.LATE, 1),
        Held(FIRST, Status.EXCUSED, 2),
        Held(FIRST, Status.LATE, 3),
        Held(FIRST, Status.PRESENT, None),
    ]

    result = stand(meetings, Rules([[of_institution], [], [of_section]]), on=FIRST)

    assert [(row.counts, row.counted) for row in result.rows] == [
        (80, Counted.AS_LABELLED),
        (30, Counted.AS_LABELLED),
        # The second late mark, whatever its label.
        (0, Counted.LATE_IS_ABSENCE),
        (100, Counted.AS_MARKED),
    ]
    assert (result.attended, result.held) == (Fraction(21, 10), 4)


def test_weights_are_those_of_each_meetings_day_and_limits_those_of_the_last_day():
    changes = [
        Version(None, {"late_counts": 100, "minimum_percentage": 50}),
        Version(FIRST + datetime.timedelta(days=2), {"late_counts": 0, "minimum_percentage": 75}),
    ]

    before = stand(held("LL"), Rules([changes]), on=FIRST + datetime.timedelta(days=1))
    after = stand(held("LLLL"), Rules([changes]), on=FIRST + datetime.timedelta(days=3))

    assert (before.percentage, before.standing) == (100.0, Standing.OK)
    assert (after.percentage, after.standing) == (50.0, Standing.BELOW)


def test_narrower_scope_decides_what_it_says_and_inherits_the_rest():
    day = datetime.timedelta(days=1)
    institution = [
        Version(None, {"minimum_percentage": 60, "late_counts": 80, "excused": ExcusedCounts.NEUTRAL})
    ]
    course = [Version(FIRST, {"minimum_percentage": 70})]
    section = [Version(FIRST + day, {"late_counts": 0}), Version(FIRST + 2 * day, {"drop_lowest": 1})]

    def found(date: datetime.date) -> Sequence[int]:
        rule = Rules([institution, course, section]).on(date)
        return rule.minimum_percentage, rule.late_counts, rule.drop_lowest

    assert found(FIRST - day) == (60, 80, 0)
    assert found(FIRST) == (70, 80, 0)
    assert found(FIRST + day) == (70, 0, 0)
    assert found(FIRST + 2 * day) == (70, 80, 1)
