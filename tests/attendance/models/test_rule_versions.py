"""A change of a section's rule, and what it does to the versions that are there."""

import datetime

from attendance.models.rules import versions_after

DAY1, DAY5, DAY9, DAY12 = (datetime.date(2026, 9, day) for day in (1, 5, 9, 12))
ONLINE, LEFT_EARLY = 3, 4


def test_first_version_says_only_what_was_set():
    assert versions_after({}, {"late_counts": 50, "excused": "", "warn_below": None}, valid_from=DAY5) == {
        DAY5: {"late_counts": 50}
    }


def test_new_version_repeats_what_it_does_not_change():
    before = {None: {"late_counts": 50, ONLINE: 90}, DAY1: {"minimum_percentage": 75, ONLINE: 80}}

    assert versions_after(before, {"minimum_percentage": 80}, valid_from=DAY5) == {
        **before,
        DAY5: {"minimum_percentage": 80, ONLINE: 80},
    }


def test_version_of_the_same_day_is_changed():
    before = {DAY1: {"late_counts": 50}, DAY5: {"late_counts": 0, "drop_lowest": 1}}

    assert versions_after(before, {"drop_lowest": None}, valid_from=DAY5) == {
        DAY1: {"late_counts": 50},
        DAY5: {"late_counts": 0},
    }


def test_later_versions_follow_a_change_until_one_says_something_else():
    before = {
        DAY1: {"minimum_percentage": 75, "late_counts": 100},
        DAY5: {"minimum_percentage": 75, "late_counts": 50},
        DAY9: {"minimum_percentage": 60, "late_counts": 50},
        DAY12: {"minimum_percentage": 75, "late_counts": 50},
    }
    today = DAY1 + datetime.timedelta(days=1)

    assert versions_after(before, {"minimum_percentage": 80}, valid_from=today) == {
        DAY1: {"minimum_percentage": 75, "late_counts": 100},
        today: {"minimum_percentage": 80, "late_counts": 100},
        DAY5: {"minimum_percentage": 80, "late_counts": 50},
        DAY9: {"minimum_percentage": 60, "late_counts": 50},
        DAY12: {"minimum_percentage": 75, "late_counts": 50},
    }


def test_later_version_that_left_it_open_follows_too_and_labels_each_by_themselves():
    before = {DAY9: {"late_counts": 0, LEFT_EARLY: 20}}

    after = versions_after(
        before, {"minimum_percentage": 70, "label_counts": {ONLINE: 90, LEFT_EARLY: 50}}, valid_from=DAY5
    )

    assert after == {
        DAY5: {"minimum_percentage": 70, ONLINE: 90, LEFT_EARLY: 50},
        DAY9: {"minimum_percentage": 70, "late_counts": 0, ONLINE: 90, LEFT_EARLY: 20},
    }


def test_what_is_given_is_left_as_it_is():
    before = {DAY1: {"late_counts": 50}, DAY9: {"late_counts": 50}}

    versions_after(before, {"late_counts": 0}, valid_from=DAY5)

    assert before == {DAY1: {"late_counts": 50}, DAY9: {"late_counts": 50}}
