"""Check the rules for the state of a meeting, and have one open meeting per section by its state.

The table is not locked for long: the rules of 0008 are checked and the index is built while others write.
If it is stopped, it can be run again.
"""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations, models
from django.db.models import Q

CONSTRAINTS = ["meeting_state", "meeting_held_has_ended", "meeting_held_has_fixed_roster"]
INDEX = "meeting_one_open_per_section"


def one_open_meeting(condition: Q) -> models.UniqueConstraint:
    return models.UniqueConstraint(
        fields=["section"],
        condition=condition,
        name=INDEX,
        violation_error_message="This section already has an open session.",
    )


def index_by(condition: str) -> tuple[str, ...]:
    """Statements that build a new index and then put it in the place of the old one."""
    return (
        # What an earlier try left behind.
        f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}_new",
        f"CREATE UNIQUE INDEX CONCURRENTLY {INDEX}_new ON attendance_meeting (section_id) WHERE {condition}",
        f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}",
        f"ALTER INDEX {INDEX}_new RENAME TO {INDEX}",
    )


class Migration(migrations.Migration):
    # An index can't be built CONCURRENTLY in a transaction.
    atomic = False
    dependencies = [("attendance", "0009_fill_meeting_state")]

    operations = [
        *(ValidateConstraint(model_name="meeting", name=name) for name in CONSTRAINTS),
        migrations.RunSQL(
            index_by("state = 'open'"),
            index_by("ended_at IS NULL"),
            state_operations=[
                migrations.RemoveConstraint(model_name="meeting", name=INDEX),
                migrations.AddConstraint(model_name="meeting", constraint=one_open_meeting(Q(state="open"))),
            ],
        ),
    ]
