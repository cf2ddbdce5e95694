"""The simulator: who would change, and the same as saving the rule and reading again."""

import datetime

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from attendance.models import AttendanceRule, LabelColour, Status, StatusLabel
from attendance.registers.simulation import simulate
from attendance.registers.term_register import term_register
from attendance.rules.standing import Standing
from tests.support import factories
from tests.support.generated import examples

pytestmark = pytest.mark.django_db

FIRST = datetime.date(2026, 9, 7)
DAY = datetime.timedelta(days=1)
TODAY = FIRST + 60 * DAY
STATUSES = {"P": Status.PRESENT, "L": Status.LATE, "E": Status.EXCUSED, "A": Status.ABSENT, "-": None}
NOON = datetime.datetime(2026, 9, 7, 12, tzinfo=datetime.UTC)


def section_with(*histories: str, **fields):
    """A section with a student for each text, which has a letter for each day."""
    section = factories.make_section(students=len(histories), **fields)
    students = factories.students_of(section)
    for day in range(len(histories[0])):
        at = NOON + day * DAY
        meeting = factories.make_meeting(section=section, starts_at=at, ended_at=at)
        for number, (student, letters) in enumerate(zip(students, histories, strict=True), start=1):
            factories.make_record(
                meeting=meeting, student=student, status=STATUSES[letters[day]], roll_number=f"{number:02}"
            )
    return section


def test_only_students_whose_numbers_change_are_listed():
    section = section_with("PPPPL", "PLLAA", "PPPPP", "PEPPA", minimum_percentage=50)

    found = simulate(section, {"late_counts": 50, "minimum_percentage": 80}, valid_from=FIRST, today=TODAY)

    assert [
        (
            one.roll_number,
            one.before.percentage,
            one.before.standing,
            one.after.percentage,
            one.after.standing,
        )
        for one in found.changed
    ] == [
        ("01", 100.0, "ok", 90.0, "ok"),
        ("02", 60.0, "ok", 40.0, "below"),
        ("04", 75.0, "ok", 75.0, "below"),
    ]
    assert (found.on, found.total_students, found.rule.late_counts) == (TODAY, 4, 50)
    assert found.counts == [
        (Standing.OK, 4, 2),
        (Standing.WARNED, 0, 0),
        (Standing.BELOW, 0, 2),
        (Standing.LOST, 0, 0),
    ]


def test_rule_from_a_later_day_is_judged_on_that_day():
    section = section_with("PPA")

    found = simulate(section, {"minimum_percentage": 90}, valid_from=TODAY + 7 * DAY, today=TODAY)

    assert (found.on, [one.after.standing for one in found.changed]) == (TODAY + 7 * DAY, ["below"])


def test_late_marks_of_earlier_days_keep_what_they_counted_then():
    section = section_with("LLL")

    found = simulate(section, {"late_counts": 0}, valid_from=FIRST + 2 * DAY, today=TODAY)

    assert [one.after.percentage for one in found.changed] == [66.7]


def test_nothing_is_written(django_assert_num_queries):
    section = section_with("PPA", minimum_percentage=50)
    before = list(AttendanceRule.objects.values())

    with django_assert_num_queries(13) as queries:
        simulate(section, {"minimum_percentage": 90}, valid_from=FIRST, today=TODAY)

    assert all(query["sql"].startswith(("SELECT", "DECLARE")) for query in queries.captured_queries)
    assert list(AttendanceRule.objects.values()) == before


def test_section_without_students_has_nobody_who_changes():
    found = simulate(factories.make_section(), {"minimum_percentage": 90}, valid_from=TODAY, today=TODAY)

    assert (found.total_students, found.changed) == (0, [])


any_change = st.fixed_dictionaries(
    {},
    optional={
        "minimum_percentage": st.sampled_from([None, 0, 50, 75, 100]),
        "warn_below": st.sampled_from([None, 90]),
        "late_counts": st.sampled_from([None, 0, 50, 100]),
        "lates_per_absence": st.sampled_from([None, 2]),
        "excused": st.sampled_from(["", "neutral", "attended"]),
        "drop_lowest": st.sampled_from([None, 1]),
        "forecast_counts_planned": st.sampled_from([None, True, False]),
        "label_counts": st.fixed_dictionaries({"online": st.sampled_from([None, 10, 60])}),
    },
)
any_day = st.integers(-2, 8).map(lambda days: FIRST + days * DAY)


any_changes = given(
    earlier=st.lists(st.tuples(any_day, any_change), max_size=3),
    change=any_change,
    valid_from=any_day,
)


@examples(10)
@any_changes
def test_simulator_says_what_saving_the_rule_does(db, earlier, change, valid_from):
    assert_simulator_is_right(earlier, change, valid_from)


@pytest.mark.slow
@examples(100)
@any_changes
def test_simulator_says_what_saving_any_of_many_more_rules_does(db, earlier, change, valid_from):
    assert_simulator_is_right(earlier, change, valid_from)


def assert_simulator_is_right(earlier, change, valid_from):
    def with_keys(to):
        counts = {online.pk: to["label_counts"]["online"]} if "label_counts" in to else {}
        return {**to, "label_counts": counts} if counts else to

    with transaction.atomic():
        online = StatusLabel.objects.create(
            name="online", letter="O", colour=LabelColour.BLUE, meaning=Status.PRESENT
        )
        section = section_with("PLLEA-", "LLLPPE", "PPPPLA")
        section.meetings.earliest("date").records.filter(status=Status.PRESENT).update(label=online)
        factories.make_planned(section=section, starts_at=timezone.now() + 400 * DAY)
        user = factories.make_teacher()
        for day, to in earlier:
            AttendanceRule.objects.set_for_section(
                section, with_keys(to), valid_from=day, by=user, at=timezone.now()
            )
        change = with_keys(change)
        before = {row.student: row.result for row in term_register(section, today=TODAY).rows}

        found = simulate(section, change, valid_from=valid_from, today=TODAY)
        AttendanceRule.objects.set_for_section(
            section, change, valid_from=valid_from, by=user, at=timezone.now()
        )

        after = {row.student: row.result for row in term_register(section, today=TODAY).rows}
        assert {one.student: (one.before, one.after) for one in found.changed} == {
            student: (before[student], result)
            for student, result in after.items()
            if (result.share, result.standing) != (before[student].share, before[student].standing)
        }
        for standing, was, would_be in found.counts:
            assert was == sum(result.standing == standing for result in before.values())
            assert would_be == sum(result.standing == standing for result in after.values())
        transaction.set_rollback(True)
