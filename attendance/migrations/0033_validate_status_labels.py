"""Check the rules of 0032 for the records that are there, while others write. If this is stopped, it can be run again."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    # Otherwise the locks of one check would last until the next is done.
    atomic = False
    dependencies = [("attendance", "0032_status_labels")]

    operations = [
        ValidateConstraint("attendancerecord", "record_label_has_status"),
        ValidateConstraint("attendancerecord", "record_reason_of_excuse"),
        migrations.RunSQL(
            "ALTER TABLE attendance_attendancerecord VALIDATE CONSTRAINT record_label_means_status",
            migrations.RunSQL.noop,
        ),
    ]
