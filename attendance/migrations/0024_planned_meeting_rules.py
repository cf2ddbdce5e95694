"""Check the rule of 0023 and build the indexes of planned meetings, while others write.

If this is stopped, it can be run again.
"""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations, models
from django.db.models import Q


def index(name: str, what: str, *, unique: bool = False) -> tuple[str, ...]:
    return (
        # What an earlier try left behind.
        f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
        f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY {name} ON attendance_meeting {what}",
    )


class Migration(migrations.Migration):
    # An index can't be built CONCURRENTLY in a transaction.
    atomic = False
    dependencies = [("attendance", "0023_planned_meetings")]

    operations = [
        ValidateConstraint("meeting", "meeting_starts_before_end"),
        migrations.RunSQL(
            index("meeting_makes_up", "(makes_up_id) WHERE makes_up_id IS NOT NULL"),
            "DROP INDEX CONCURRENTLY IF EXISTS meeting_makes_up",
            state_operations=[
                migrations.AddIndex(
                    "meeting",
                    models.Index(fields=["makes_up"], condition=Q(makes_up__isnull=False), name="meeting_makes_up"),
                )
            ],
        ),
        migrations.RunSQL(
            index("meeting_planned_on_date", "(date, section_id) WHERE state = 'planned'"),
            "DROP INDEX CONCURRENTLY IF EXISTS meeting_planned_on_date",
            state_operations=[
                migrations.AddIndex(
                    "meeting",
                    models.Index(
                        fields=["date", "section"], condition=Q(state="planned"), name="meeting_planned_on_date"
                    ),
                )
            ],
        ),
        migrations.RunSQL(
            (
                "ALTER TABLE attendance_meeting DROP CONSTRAINT IF EXISTS meeting_once_per_pattern_date",
                *index("meeting_once_per_pattern_date", "(pattern_id, pattern_date)", unique=True),
                "ALTER TABLE attendance_meeting ADD CONSTRAINT meeting_once_per_pattern_date"
                " UNIQUE USING INDEX meeting_once_per_pattern_date",
            ),
            "ALTER TABLE attendance_meeting DROP CONSTRAINT IF EXISTS meeting_once_per_pattern_date",
            state_operations=[
                migrations.AddConstraint(
                    "meeting",
                    models.UniqueConstraint(
                        fields=["pattern", "pattern_date"], name="meeting_once_per_pattern_date"
                    ),
                )
            ],
        ),
    ]
