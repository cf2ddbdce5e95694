"""Rules, arithmetic and forecasts as people read them."""

import datetime
from fractions import Fraction

import pytest
from django.utils import translation

from attendance.models import ExcusedCounts, Status
from attendance.rules.rule import Rule, Rules, Version
from attendance.rules.standing import Held, Result, Together, stand
from attendance.rules.words import (
    arithmetic,
    arithmetic_together,
    classes,
    forecast,
    in_words,
    values_in_words,
    why,
)

FIRST = datetime.date(2026, 9, 7)
STATUSES = {"P": Status.PRESENT, "L": Status.LATE, "E": Status.EXCUSED, "A": Status.ABSENT, "-": None}
ONLINE = 7


def stands(letters: str, *, planned: int = 0, label_counts: dict[int, int] | None = None, **values) -> Result:
    """One meeting a day; "O" is present with the label "online"."""
    held = [
        Held(
            FIRST + datetime.timedelta(days=day),
            STATUSES.get(letter, Status.PRESENT),
            ONLINE if letter == "O" else None,
        )
        for day, letter in enumerate(letters)
    ]
    rules = Rules([[Version(None, values, label_counts or {})]])
    return stand(held, rules, on=FIRST + datetime.timedelta(days=99), planned=planned)


def test_rule_is_said_in_sentences_that_fit_teacher_and_student():
    rule = Rule(
        minimum_percentage=75,
        warn_below=80,
        late_counts=50,
        lates_per_absence=3,
        excused=ExcusedCounts.ATTENDED,
        drop_lowest=2,
        label_counts={ONLINE: 90, 8: 10},
        label_names={ONLINE: "online"},
    )

    assert in_words(rule) == [
        "Required: 75%.",
        "Warning below 80%.",
        "A late mark counts 50%.",
        "Every 3 late marks are one absence.",
        "Excused classes count as attended.",
        "The 2 classes that count least are left out.",
        "“online” counts 90%.",
    ]
    assert in_words(Rule()) == ["Excused classes do not count."]


def test_version_says_only_its_own_parts_also_those_that_everybody_expects():
    values = {"minimum_percentage": 0, "late_counts": 100, "excused": "neutral", ONLINE: 50}
    values |= {"forecast_counts_planned": False, "drop_lowest": 0, "lates_per_absence": 0, "warn_below": 0}

    assert values_in_words(values, labels={ONLINE: "online"}) == [
        "No minimum is required.",
        "There is no warning.",
        "A late mark counts as attended.",
        "Late marks never add up to an absence.",
        "Excused classes do not count.",
        "No class is left out.",
        "The forecast does not count planned classes.",
        "“online” counts 50%.",
    ]


@pytest.mark.parametrize(
    ("letters", "values", "words"),
    [
        ("", {}, "No class counts yet, so there is no percentage."),
        ("EE-", {}, "No class counts yet, so there is no percentage."),
        ("P", {}, "1 of 1 class = 100%"),
        ("AAA", {}, "0 of 3 classes = 0%"),
        ("PPPA", {}, "3 of 4 classes = 75%"),
        ("PPLLAE", {"late_counts": 50}, "2 + 2 × 50% = 3 of 5 classes = 60%"),
        ("LLA", {"late_counts": 80}, "2 × 80% = 1.6 of 3 classes = 53.3%"),
        ("PLA", {"late_counts": 0}, "1 of 3 classes = 33.3%"),
        ("POLA", {"late_counts": 85, "label_counts": {ONLINE: 90}}, "1 + 1 × 90% + 1 × 85% = 2.75 of 4 classes = 68.8%"),
        ("PPPPPPPPPPPPLLA", {"late_counts": 50}, "12 + 2 × 50% = 13 of 15 classes = 86.7%"),
    ],
)  # fmt: skip
def test_arithmetic_adds_up_to_the_percentage(letters, values, words):
    assert arithmetic(stands(letters, **values)) == words


def test_sections_of_one_course_are_added_class_by_class():
    together = Together([stands("PPPPPPPPAA"), stands("PLA", late_counts=50), stands("E")])

    assert (together.attended, together.held, together.percentage) == (Fraction(19, 2), 13, 73.1)
    assert arithmetic_together(together) == "8 + 1.5 + 0 = 9.5 of 13 classes = 73.1%"
    assert Together([stands("E"), stands("")]).percentage is None


@pytest.mark.parametrize(
    ("letters", "planned", "values", "words"),
    [
        ("PPP", 0, {}, ""),
        ("EE", 0, {"minimum_percentage": 75}, ""),
        ("PPP", 0, {"minimum_percentage": 75}, "May miss 1 more class."),
        ("PPPPPP", 0, {"minimum_percentage": 75}, "May miss 2 more classes in a row."),
        ("PPPA", 0, {"minimum_percentage": 75}, "May not miss the next class."),
        ("PPAA", 0, {"minimum_percentage": 75}, "Reaches 75% by attending the next 4 classes."),
        ("PAA", 0, {"minimum_percentage": 50}, "Reaches 50% by attending the next class."),
        ("PA", 0, {"minimum_percentage": 100}, "Cannot reach 100% any more."),
        ("PPAA", 2, {"minimum_percentage": 75, "forecast_counts_planned": True}, "Cannot reach 75% any more."),
        ("PPPP", 14, {"minimum_percentage": 75, "forecast_counts_planned": True}, "May miss 4 of the 14 classes that remain."),
        ("PPPP", 1, {"minimum_percentage": 75, "forecast_counts_planned": True}, "May miss 1 of the 1 class that remains."),
    ],
)  # fmt: skip
def test_forecast_says_what_is_still_possible(letters, planned, values, words):
    assert forecast(stands(letters, planned=planned, **values)) == words


def test_reason_is_given_where_a_class_counts_otherwise_than_expected():
    result = stands("APLLE-OA", late_counts=50, lates_per_absence=2, drop_lowest=1, label_counts={ONLINE: 90})

    assert [(row.counts, why(row)) for row in result.rows] == [
        (None, "left out, because it counts least"),
        (100, ""),
        (50, "late counts 50%"),
        (0, "late once too often, so it counts as missed"),
        (None, "excused, so it does not count"),
        (None, "no status, so it does not count"),
        (90, "this label counts 90%"),
        (0, ""),
    ]
    (attended,) = stands("E", excused=ExcusedCounts.ATTENDED).rows
    assert why(attended) == "excused counts as attended"


def test_numbers_of_classes_are_exact_and_written_as_the_language_writes_them():
    assert [classes(Fraction(number)) for number in ("13", "2.5", "1.85")] == ["13", "2.5", "1.85"]
    with translation.override("de"):
        assert classes(Fraction(5, 2)) == "2,5"
