"""Session events belong to the meeting, so that they outlive a discarded session. "Discarded" is one of them.

The primary key of a session is that of its meeting: the column keeps its values, and only its name and the table that it
refers to change. 0006 checks the rows that there are.
"""

import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

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
]
TO_MEETINGS = (
    "ALTER TABLE qrsessions_sessionevent DROP CONSTRAINT qrsessions_sessionev_session_id_c0936807_fk_qrsession",
    "ALTER TABLE qrsessions_sessionevent RENAME COLUMN session_id TO meeting_id",
    "ALTER INDEX qrsessions_sessionevent_session_id_c0936807 RENAME TO qrsessions_sessionevent_meeting_id",
    "ALTER TABLE qrsessions_sessionevent ADD CONSTRAINT qrsessions_sessionevent_meeting_id_fk"
    " FOREIGN KEY (meeting_id) REFERENCES attendance_meeting (id) DEFERRABLE INITIALLY DEFERRED NOT VALID",
)
TO_SESSIONS = (
    "DELETE FROM qrsessions_sessionevent WHERE meeting_id NOT IN (SELECT meeting_id FROM qrsessions_qrsession)",
    "ALTER TABLE qrsessions_sessionevent DROP CONSTRAINT qrsessions_sessionevent_meeting_id_fk",
    "ALTER INDEX qrsessions_sessionevent_meeting_id RENAME TO qrsessions_sessionevent_session_id_c0936807",
    "ALTER TABLE qrsessions_sessionevent RENAME COLUMN meeting_id TO session_id",
    "ALTER TABLE qrsessions_sessionevent ADD CONSTRAINT qrsessions_sessionev_session_id_c0936807_fk_qrsession"
    " FOREIGN KEY (session_id) REFERENCES qrsessions_qrsession (meeting_id) DEFERRABLE INITIALLY DEFERRED",
)


class Migration(migrations.Migration):
    dependencies = [("attendance", "0010_meeting_state_rules"), ("qrsessions", "0004_plain_texts")]

    operations = [
        migrations.RunSQL(
            TO_MEETINGS,
            TO_SESSIONS,
            state_operations=[
                migrations.RenameField(model_name="sessionevent", old_name="session", new_name="meeting"),
                migrations.AlterField(
                    model_name="sessionevent",
                    name="meeting",
                    field=models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="attendance.meeting",
                        verbose_name="meeting",
                    ),
                ),
            ],
        ),
        migrations.AlterField(
            model_name="sessionevent",
            name="action",
            field=models.CharField(choices=ACTIONS, max_length=20, verbose_name="action"),
        ),
        migrations.RemoveConstraint(model_name="sessionevent", name="session_event_action"),
        AddConstraintNotValid(
            model_name="sessionevent",
            constraint=models.CheckConstraint(
                condition=models.Q(action__in=[action for action, _word in ACTIONS]),
                name="session_event_action",
            ),
        ),
    ]
