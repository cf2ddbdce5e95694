"""Why a student is at risk, from letters: a class is "P", "L", "E", "A", or "-" for no status."""

import datetime

import pytest

from attendance.models import Status
from attendance.rules.risk import Risk, risks
from attendance.rules.rule import Rules, Version
from attendance.rules.standing import Held, stand

FIRST = datetime.date(2026, 9, 7)
STATUS = {status.letter: status for status in Status} | {"-": None}


def risks_of(letters, *, absences=3, planned=0, **says):
    meetings = [
        Held(FIRST + datetime.timedelta(days=day), STATUS[letter]) for day, letter in enumerate(letters)
    ]
    rules = Rules([[Version(None, says)]])
    result = stand(meetings, rules, on=FIRST + datetime.timedelta(days=len(letters)), planned=planned)
    return risks(result, absences=absences)


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("", []),
        ("PPPP", []),
        # 50 % of two classes says too little.
        ("PA", []),
        ("PPA", [Risk.BELOW]),
        # The minimum is reached exactly.
        ("PPPA", []),
        ("EEEA", []),
        ("---A", []),
    ],
)
def test_student_below_the_minimum_is_at_risk_from_three_classes_on(letters, expected):
    assert risks_of(letters, minimum_percentage=75) == expected


def test_student_who_cannot_reach_the_minimum_is_at_risk_after_one_class():
    assert risks_of("A", minimum_percentage=75, forecast_counts_planned=True, planned=2) == [Risk.LOST]


def test_without_a_minimum_nobody_is_below_it():
    assert risks_of("APAPAP") == []


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("PAA", []),
        ("PAAA", [Risk.ABSENCES]),
        ("AAAP", []),
        ("AAAL", []),
        # Neither break a row nor belong to it.
        ("PAEA-A", [Risk.ABSENCES]),
        ("PAEA-", []),
    ],
)
def test_absences_in_a_row_are_the_latest_ones(letters, expected):
    assert risks_of(letters) == expected


def test_number_of_absences_in_a_row_is_chosen():
    assert risks_of("PAA", absences=2) == [Risk.ABSENCES]
    assert risks_of("PPPPAAAA", absences=5) == [Risk.FALLING]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("PPPPPPAA", [Risk.FALLING]),
        # One absence is no trend.
        ("PPPPPPPA", []),
        # 80 % before, 75 % of the last four.
        ("PPPPAPPPA", []),
        # 80 % before, 50 % of the last four: 30 points exactly.
        ("PPPPAPPAA", [Risk.FALLING]),
        # 75 % before, 50 % of the last four.
        ("PPPAPAPA", []),
        # Only three before.
        ("PPPPAAP", []),
        ("APAPPPPP", []),
        # Excused classes are passed over: 100 % of four, then 50 % of four.
        ("PPPPEEPPEAA", [Risk.FALLING]),
        ("PPPPEEEAA", []),
    ],
)
def test_falling_trend_compares_the_last_four_classes_with_those_before(letters, expected):
    assert risks_of(letters) == expected


def test_reasons_come_in_the_order_of_their_seriousness():
    assert risks_of("PPPPAAAA", minimum_percentage=75) == [Risk.BELOW, Risk.ABSENCES, Risk.FALLING]
