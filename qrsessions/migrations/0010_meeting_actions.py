"""The audit log knows what is done to a meeting that is not now. The rule is checked while others read and write."""

from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models
from django.db.models import Q

ACTIONS = [
    ("open", "opened"),
    ("lock", "joining locked"),
    ("unlock", "joining unlocked"),
    ("start", "attendance started"),
    ("end", "ended"),
    ("reopen", "reopened"),
    ("join_group", "added to a group"),
    ("leave_group", "removed from its group"),
    ("admit", "scans admitted"),
    ("bulk", "several students marked together"),
    ("settings", "settings changed"),
    ("discard", "discarded"),
    ("add", "class added"),
    ("cancel", "class cancelled"),
    ("restore", "class restored"),
    ("move", "class moved from"),
    ("finish", "register saved"),
]


class Migration(migrations.Migration):
    # Otherwise the check would hold the lock that adding the rule takes.
    atomic = False
    dependencies = [("qrsessions", "0008_scans_by_programs"), ("attendance", "0024_planned_meeting_rules")]

    operations = [
        migrations.AlterField(
            "sessionevent",
            "action",
            models.CharField(choices=ACTIONS, max_length=20, verbose_name="action"),
        ),
        migrations.RunSQL(
            "ALTER TABLE qrsessions_sessionevent DROP CONSTRAINT IF EXISTS session_event_action",
            # Those of before. What was done to meetings since then stays, unchecked.
            "ALTER TABLE qrsessions_sessionevent ADD CONSTRAINT session_event_action CHECK (action IN ('open', 'lock',"
            " 'unlock', 'start', 'end', 'reopen', 'join_group', 'leave_group', 'admit', 'bulk', 'settings', 'discard'))"
            " NOT VALID",
            state_operations=[migrations.RemoveConstraint("sessionevent", "session_event_action")],
        ),
        AddConstraintNotValid(
            "sessionevent",
            models.CheckConstraint(
                condition=Q(action__in=[action for action, _label in ACTIONS]), name="session_event_action"
            ),
        ),
        ValidateConstraint("sessionevent", "session_event_action"),
    ]
