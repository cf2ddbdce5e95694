"""Whether a program sent a scan, and an index for phones that marked several students.

The nonce of a used claim is no longer kept on the record, where the next mark replaced it, but in ``qrsessions.UsedNonce``.
Nonces are not copied: a claim lives three minutes, and the web processes stand still during the upgrade.

Every operation can be run again after one that failed, because none is in a transaction with another: an index on a
large table must be built without locking it.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("attendance", "0014_validate_lower_case_addresses")]

    operations = [
        migrations.RunSQL(
            # Neither rewrites the table.
            """
            ALTER TABLE attendance_attendancerecord
                ADD COLUMN IF NOT EXISTS by_program boolean DEFAULT false NOT NULL,
                DROP COLUMN IF EXISTS claim_nonce
            """,
            """
            ALTER TABLE attendance_attendancerecord
                DROP COLUMN by_program, ADD COLUMN claim_nonce varchar(32) UNIQUE
            """,
            state_operations=[
                migrations.RemoveField("attendancerecord", "claim_nonce"),
                migrations.AddField(
                    "attendancerecord",
                    "by_program",
                    models.BooleanField(db_default=False, default=False, verbose_name="by a program"),
                ),
            ],
        ),
        # An index that could not be completed stays behind, invalid.
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS record_device", migrations.RunSQL.noop),
        AddIndexConcurrently(
            "attendancerecord",
            models.Index(fields=["device", "student"], condition=~Q(device=""), name="record_device"),
        ),
    ]
