"""When an administrator last unlocked the register of a meeting. An empty column: PostgreSQL rewrites nothing."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("attendance", "0034_labels_of_changes")]

    operations = [
        migrations.AddField(
            "meeting",
            "unlocked_at",
            models.DateTimeField(blank=True, null=True, verbose_name="register unlocked"),
        ),
    ]
