"""The API of what counts as attendance in a section."""

import datetime
from typing import Any

import pytest
from django.utils import timezone

from attendance.models import MeetingState, Status
from attendance.models.rules import FIELDS
from attendance.queries.section_rules import rule_of
from qrsessions.models import SessionStatus
from tests.support import factories
from tests.support.races import token_client

pytestmark = pytest.mark.django_db(transaction=True)

DAY = datetime.timedelta(days=1)
OPEN: dict[str, Any] = {
    "warn_below": None,
    "late_counts": None,
    "lates_per_absence": None,
    "excused": None,
    "drop_lowest": None,
    "forecast_counts_planned": None,
    "label_counts": {},
}


def put(taught_class, body, user=None):
    client = token_client(user) if user else taught_class.as_teacher
    return client.put(f"/api/v1/sections/{taught_class.section.pk}/rule/", body, format="json")


def test_versions_of_all_scopes_from_the_widest_to_the_narrowest(taught_class):
    today = timezone.localdate()
    factories.make_rule(
        **dict.fromkeys(FIELDS) | {"minimum_percentage": 60, "late_counts": 100, "excused": "neutral"}
    )
    factories.make_rule(course=taught_class.section.course, valid_from=today - DAY, minimum_percentage=70)
    factories.make_rule(section=factories.make_section(), minimum_percentage=10)  # another section's

    answer = put(taught_class, {"minimum_percentage": 75, "excused": "attended"})

    assert (answer.status_code, answer.json()) == (
        200,
        [
            {"scope": "institution", "valid_from": None, **OPEN, "minimum_percentage": 60, "late_counts": 100}
            | {"excused": "neutral"},
            {"scope": "course", "valid_from": str(today - DAY), **OPEN, "minimum_percentage": 70},
            {"scope": "section", "valid_from": str(today), **OPEN, "minimum_percentage": 75}
            | {"excused": "attended"},
        ],
    )
    assert (
        taught_class.as_teacher.get(f"/api/v1/sections/{taught_class.section.pk}/rule/").json()
        == answer.json()
    )
    in_force = rule_of(taught_class.section, on=today)
    assert (in_force.minimum_percentage, in_force.late_counts, in_force.excused) == (75, 100, "attended")
    assert rule_of(taught_class.section, on=today - DAY).minimum_percentage == 70


def test_change_keeps_what_it_does_not_name_and_later_versions_follow_it_until_one_says_otherwise(
    taught_class,
):
    today = timezone.localdate()
    put(taught_class, {"minimum_percentage": 75, "late_counts": 50})
    put(taught_class, {"valid_from": str(today + 9 * DAY), "late_counts": 0})
    put(taught_class, {"valid_from": str(today + 12 * DAY), "minimum_percentage": 60})
    put(taught_class, {"valid_from": str(today + 15 * DAY), "minimum_percentage": 75})

    put(taught_class, {"valid_from": str(today + 5 * DAY), "minimum_percentage": 80})

    found = [rule_of(taught_class.section, on=today + days * DAY) for days in (0, 5, 9, 12, 15)]
    assert [(rule.minimum_percentage, rule.late_counts) for rule in found] == [
        (75, 50),
        (80, 50),
        (80, 0),
        (60, 0),
        (75, 0),
    ]


def test_past_is_changed_only_when_that_is_confirmed(taught_class):
    yesterday = timezone.localdate() - DAY
    body = {"valid_from": str(yesterday), "minimum_percentage": 75}

    refused = put(taught_class, body)

    assert (refused.status_code, refused.json()["code"]) == (409, "changes_past")
    assert not taught_class.section.attendance_rules.exists()
    assert put(taught_class, body | {"changes_past": True}).status_code == 200
    assert rule_of(taught_class.section, on=yesterday).minimum_percentage == 75


@pytest.mark.parametrize(
    "body",
    [
        {"minimum_percentage": 101},
        {"late_counts": -1},
        {"excused": "half"},
        {"drop_lowest": "all"},
        {"valid_from": "soon"},
        {"forecast_counts_planned": "perhaps"},
        {"label_counts": {"left early": 50}},
        {"label_counts": ["left early"]},
    ],
)
def test_nonsense_is_refused_by_field_and_changes_nothing(taught_class, body):
    answer = put(taught_class, {"minimum_percentage": 50} | body)

    assert (answer.status_code, set(answer.json()["errors"])) == (400, set(body))
    assert not taught_class.section.attendance_rules.exists()


def test_change_that_names_nothing_is_refused(taught_class):
    answer = put(taught_class, {"valid_from": str(timezone.localdate())})

    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        {"non_field_errors": ["Name at least one part of the rule."]},
    )
    assert not taught_class.section.attendance_rules.exists()


def test_labels_count_what_the_version_says_by_their_names(taught_class):
    today = timezone.localdate()
    online = factories.make_label("online", Status.PRESENT)
    left_early = factories.make_label("left early", Status.LATE, is_active=False)
    body = {"label_counts": {"online": 50, "left early": 0}}

    answer = put(taught_class, body)
    put(taught_class, {"valid_from": str(today + DAY), "label_counts": {"left early": None}})

    assert (answer.status_code, answer.json()[-1]["label_counts"]) == (200, body["label_counts"])
    counts = [rule_of(taught_class.section, on=today + days * DAY).label_counts for days in (-1, 0, 1)]
    assert counts == [{}, {online.pk: 50, left_early.pk: 0}, {online.pk: 50}]


@pytest.mark.parametrize("counts", [101, -1, "half"])
def test_what_a_label_counts_is_a_percentage(taught_class, counts):
    factories.make_label("online", Status.PRESENT)

    answer = put(taught_class, {"label_counts": {"online": counts}})

    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"label_counts"})
    assert not taught_class.section.attendance_rules.exists()


def test_only_who_teaches_the_section_sets_its_rule(taught_class):
    assert put(taught_class, {"minimum_percentage": 1}, factories.make_teacher()).status_code == 404
    assert put(taught_class, {"minimum_percentage": 1}, taught_class.students[0].user).status_code == 403
    assert put(taught_class, {"minimum_percentage": 1}, factories.make_admin()).status_code == 200


def test_late_mark_counts_by_the_rule_of_its_day_in_the_students_own_records(taught_class):
    today = timezone.localdate()
    student = taught_class.students[0]
    for days, status in ((2, Status.LATE), (1, Status.LATE), (0, Status.PRESENT), (0, Status.EXCUSED)):
        at = timezone.now() - days * DAY
        meeting = factories.make_session(
            section=taught_class.section, status=SessionStatus.ENDED, at=at
        ).meeting
        assert meeting.state == MeetingState.HELD
        factories.make_record(meeting=meeting, student=student, status=status)
    factories.make_rule(section=taught_class.section, valid_from=today - DAY, late_counts=50, warn_below=90)

    (own,) = token_client(student.user).get("/api/v1/me/records/").json()

    assert (own["attended"], own["held"], own["present_percentage"], own["standing"]) == (
        2.5,
        3,
        83.3,
        "warned",
    )
    assert (own["total_present"], own["total_meetings"]) == (3, 4)
