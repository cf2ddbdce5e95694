"""The minimum of a section is a version of its rule now."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("attendance", "0030_fill_attendance_rules")]

    operations = [
        migrations.RemoveConstraint(model_name="section", name="section_minimum_percentage"),
        migrations.RemoveField(model_name="section", name="minimum_percentage"),
    ]
