"""Two teachers change the rule of one section at the same moment."""

import datetime

import pytest
from django.utils import timezone

from attendance.models import AttendanceRule
from tests.support import factories
from tests.support.races import run_concurrently

pytestmark = pytest.mark.django_db(transaction=True)

DAY = datetime.timedelta(days=1)


def test_no_change_of_a_rule_is_lost():
    section = factories.make_section()
    today, at = timezone.localdate(), timezone.now()
    later = factories.make_rule(section=section, valid_from=today + 9 * DAY, drop_lowest=1)

    def change(**to):
        user = factories.make_teacher()
        return lambda: AttendanceRule.objects.set_for_section(section, to, valid_from=today, by=user, at=at)

    run_concurrently(
        change(minimum_percentage=75),
        change(late_counts=50),
        change(warn_below=80),
        change(lates_per_absence=3),
    )

    values = {"minimum_percentage": 75, "late_counts": 50, "warn_below": 80, "lates_per_absence": 3}
    assert [(rule.valid_from, rule.values) for rule in section.attendance_rules.all()] == [
        (today, values),
        (later.valid_from, {**values, "drop_lowest": 1}),
    ]
