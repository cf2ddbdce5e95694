"""The columns for planned meetings, which PostgreSQL adds without rewriting the table.

0024 checks the rule and builds the indexes.
"""

import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("attendance", "0022_sections_have_terms")]

    operations = [
        # A planned start may lie after the moment at which the meeting ended.
        migrations.RemoveConstraint("meeting", "meeting_ends_after_start"),
        migrations.AddField("meeting", "ends_at", models.DateTimeField(blank=True, null=True, verbose_name="ends")),
        migrations.AddField("meeting", "room", models.CharField(blank=True, db_default="", max_length=100, verbose_name="room")),
        migrations.AddField("meeting", "title", models.CharField(blank=True, db_default="", max_length=200, verbose_name="title")),
        migrations.AddField("meeting", "cancel_reason", models.CharField(blank=True, db_default="", max_length=300, verbose_name="reason")),
        migrations.AddField("meeting", "sequence", models.PositiveIntegerField(db_default=0, default=0, editable=False, verbose_name="version")),
        migrations.AddField("meeting", "edited", models.BooleanField(db_default=False, default=False, verbose_name="changed by hand")),
        migrations.AddField(
            "meeting",
            "makes_up",
            models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="made_up_by", to="attendance.meeting", verbose_name="makes up for"),
        ),
        migrations.AddField(
            "meeting",
            "pattern",
            models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="meetings", to="attendance.meetingpattern", verbose_name="weekly class"),
        ),
        migrations.AddField("meeting", "pattern_date", models.DateField(blank=True, editable=False, null=True, verbose_name="planned for")),
        AddConstraintNotValid(
            "meeting",
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="meeting_starts_before_end", violation_error_message="A class cannot end before it begins."),
        ),
    ]
