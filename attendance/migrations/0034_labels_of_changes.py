"""The history refuses a label of another meaning, too, so that every change can be undone.

The columns are new and empty: checking them reads the table once, while others write. If this is stopped, it can be run
again.
"""

from django.db import migrations

ADD = """
    ALTER TABLE attendance_recordchange
        DROP CONSTRAINT IF EXISTS change_{side}_label_means_status,
        ADD CONSTRAINT change_{side}_label_means_status FOREIGN KEY ({side}_label_id, {side}_status)
            REFERENCES attendance_statuslabel (id, meaning) NOT VALID
"""
VALIDATE = "ALTER TABLE attendance_recordchange VALIDATE CONSTRAINT change_{side}_label_means_status"
DROP = "ALTER TABLE attendance_recordchange DROP CONSTRAINT IF EXISTS change_{side}_label_means_status"


class Migration(migrations.Migration):
    # Otherwise the lock of adding them would last until they are checked.
    atomic = False
    dependencies = [("attendance", "0033_validate_status_labels")]

    operations = [
        migrations.RunSQL(statement.format(side=side), reverse)
        for side in ("from", "to")
        for statement, reverse in ((ADD, DROP.format(side=side)), (VALIDATE, migrations.RunSQL.noop))
    ]
