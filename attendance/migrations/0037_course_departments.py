"""The department of a course. PostgreSQL adds the column with its default without rewriting the table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("attendance", "0035_meeting_unlocked_at")]

    operations = [
        migrations.AddField(
            model_name="course",
            name="department",
            field=models.CharField(blank=True, db_default="", help_text="Reports can be limited to one department. Importing a roster does not change it.", max_length=200, verbose_name="department"),
        ),
    ]
