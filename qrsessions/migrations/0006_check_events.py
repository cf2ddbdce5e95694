"""Check the rules of 0005 for the events that there are, while others read and write."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("qrsessions", "0005_events_of_meetings")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE qrsessions_sessionevent VALIDATE CONSTRAINT qrsessions_sessionevent_meeting_id_fk",
            migrations.RunSQL.noop,
        ),
        ValidateConstraint(model_name="sessionevent", name="session_event_action"),
    ]
