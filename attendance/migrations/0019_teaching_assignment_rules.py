"""Rules for assignments. They are checked, and the index is built, while others read and write.

If it is stopped, it can be run again.
"""

import datetime

from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

MODEL = "teachingassignment"
CHECKS = [
    models.CheckConstraint(condition=Q(role__in=["teacher"]), name="teaching_assignment_role"),
    models.CheckConstraint(condition=Q(to_date__gte=F("from_date")), name="teaching_assignment_from_before_to"),
]
ONCE = models.UniqueConstraint(
    "section",
    "user",
    "role",
    Coalesce("from_date", Value(datetime.date.min, models.DateField())),
    condition=Q(removed_by_hand=False),
    name="teaching_assignment_once",
    violation_error_message="This teacher is already assigned to the section from this day.",
)
TABLE = "attendance_teachingassignment"


def drop_check(name: str) -> migrations.RunSQL:
    """What an earlier try left behind."""
    return migrations.RunSQL(f"ALTER TABLE {TABLE} DROP CONSTRAINT IF EXISTS {name}", migrations.RunSQL.noop)


class Migration(migrations.Migration):
    # An index can't be built CONCURRENTLY in a transaction.
    atomic = False
    dependencies = [("attendance", "0018_teaching_assignments")]

    operations = [
        *(drop_check(one.name) for one in CHECKS),
        *(AddConstraintNotValid(MODEL, one) for one in CHECKS),
        *(ValidateConstraint(MODEL, one.name) for one in CHECKS),
        migrations.RunSQL(
            [
                # An index that could not be completed stays behind, invalid.
                f"DROP INDEX CONCURRENTLY IF EXISTS {ONCE.name}",
                f"CREATE UNIQUE INDEX CONCURRENTLY {ONCE.name} ON {TABLE}"
                " (section_id, user_id, role, COALESCE(from_date, '0001-01-01'::date)) WHERE NOT removed_by_hand",
            ],
            [f"DROP INDEX CONCURRENTLY IF EXISTS {ONCE.name}"],
            state_operations=[migrations.AddConstraint(MODEL, ONCE)],
        ),
    ]
