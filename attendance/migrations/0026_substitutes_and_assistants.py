"""Teaching assistants, and substitutes for a single meeting or a range of days.

PostgreSQL adds the columns without rewriting the table. Rules are checked, and indexes are built, while others read and
write. If this is stopped, it can be run again. The way back removes assistants and substitutes.
"""

import datetime
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

MODEL, TABLE = "teachingassignment", "attendance_teachingassignment"
ROLES = [("teacher", "teacher"), ("assistant", "teaching assistant"), ("substitute", "substitute")]
CHECKS = [
    models.CheckConstraint(
        condition=Q(role__in=["teacher", "assistant", "substitute"]), name="teaching_assignment_role"
    ),
    models.CheckConstraint(
        condition=Q(~Q(role="substitute"), meeting=None)
        | Q(role="substitute", meeting=None, from_date__isnull=False, to_date__isnull=False)
        | Q(role="substitute", meeting__isnull=False, from_date=None, to_date=None),
        name="teaching_assignment_meeting_or_days",
        violation_error_message="A substitute has either a single class, or a first and a last day.",
    ),
]
ONCE_A_DAY = models.UniqueConstraint(
    "section",
    "user",
    "role",
    Coalesce("from_date", Value(datetime.date.min, models.DateField())),
    condition=Q(removed_by_hand=False, meeting=None),
    name="teaching_assignment_once_a_day",
    violation_error_message="This teacher is already assigned to the section from this day.",
)
ONE_SUBSTITUTE = models.UniqueConstraint(
    fields=["meeting"],
    condition=Q(removed_by_hand=False),
    name="teaching_assignment_one_substitute",
    violation_error_message="This class already has a substitute.",
)
OF_MEETING = models.Index(
    fields=["meeting"], condition=Q(meeting__isnull=False), name="teaching_assignment_meeting"
)
KEY = "(section_id, user_id, role, COALESCE(from_date, '0001-01-01'::date))"


def column(name: str, table: str, field: "models.Field[Any, Any]") -> migrations.RunSQL:
    return migrations.RunSQL(
        f"ALTER TABLE {TABLE} ADD COLUMN IF NOT EXISTS {name}_id bigint CONSTRAINT teaching_assignment_{name}_fk"
        f" REFERENCES {table} (id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {TABLE} DROP COLUMN IF EXISTS {name}_id",
        state_operations=[migrations.AddField(MODEL, name, field)],
    )


def index(name: str, what: str, state: migrations.operations.base.Operation, *, unique: bool) -> migrations.RunSQL:
    return migrations.RunSQL(
        [
            # What an earlier try left behind.
            f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
            f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY {name} ON {TABLE} {what}",
        ],
        [f"DROP INDEX CONCURRENTLY IF EXISTS {name}"],
        state_operations=[state],
    )


class Migration(migrations.Migration):
    # An index can't be built CONCURRENTLY in a transaction.
    atomic = False
    dependencies = [("attendance", "0025_calendar_feeds")]

    operations = [
        column(
            "meeting",
            "attendance_meeting",
            models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="Only for a substitute, instead of the days.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="assignments",
                to="attendance.meeting",
                verbose_name="single class",
            ),
        ),
        column(
            "given_by",
            "attendance_user",
            models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="given by",
            ),
        ),
        migrations.AlterField(
            "section",
            "teachers",
            models.ManyToManyField(
                related_name="sections",
                through="attendance.TeachingAssignment",
                through_fields=("section", "user"),
                to=settings.AUTH_USER_MODEL,
                verbose_name="teachers",
            ),
        ),
        migrations.AlterField(
            MODEL,
            "role",
            models.CharField(
                choices=ROLES, db_default="teacher", default="teacher", max_length=20, verbose_name="role"
            ),
        ),
        migrations.RunSQL(
            f"ALTER TABLE {TABLE} DROP CONSTRAINT IF EXISTS teaching_assignment_role",
            f"ALTER TABLE {TABLE} ADD CONSTRAINT teaching_assignment_role CHECK (role IN ('teacher'))",
            state_operations=[migrations.RemoveConstraint(MODEL, "teaching_assignment_role")],
        ),
        migrations.RunSQL(
            f"ALTER TABLE {TABLE} DROP CONSTRAINT IF EXISTS teaching_assignment_meeting_or_days",
            migrations.RunSQL.noop,
        ),
        *(AddConstraintNotValid(MODEL, one) for one in CHECKS),
        *(ValidateConstraint(MODEL, one.name) for one in CHECKS),
        index(
            ONCE_A_DAY.name,
            f"{KEY} WHERE (meeting_id IS NULL AND NOT removed_by_hand)",
            migrations.AddConstraint(MODEL, ONCE_A_DAY),
            unique=True,
        ),
        index(
            ONE_SUBSTITUTE.name,
            "(meeting_id) WHERE NOT removed_by_hand",
            migrations.AddConstraint(MODEL, ONE_SUBSTITUTE),
            unique=True,
        ),
        index(
            OF_MEETING.name,
            "(meeting_id) WHERE meeting_id IS NOT NULL",
            migrations.AddIndex(MODEL, OF_MEETING),
            unique=False,
        ),
        migrations.RunSQL(
            "DROP INDEX CONCURRENTLY IF EXISTS teaching_assignment_once",
            f"CREATE UNIQUE INDEX CONCURRENTLY teaching_assignment_once ON {TABLE} {KEY} WHERE NOT removed_by_hand",
            state_operations=[migrations.RemoveConstraint(MODEL, "teaching_assignment_once")],
        ),
        migrations.RunSQL(migrations.RunSQL.noop, f"DELETE FROM {TABLE} WHERE role <> 'teacher'"),
    ]
