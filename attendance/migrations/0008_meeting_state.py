"""The columns for the state of a meeting, which PostgreSQL adds without rewriting the table, and rules for them.

The rules hold for what is written from now on. 0009 fills the rows that there are, then 0010 checks them.
"""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.models import Q

CONSTRAINTS = [
    models.CheckConstraint(
        condition=Q(state__in=["planned", "open", "held", "cancelled", "discarded"]), name="meeting_state"
    ),
    models.CheckConstraint(
        condition=Q(state="cancelled")
        | Q(state="held", ended_at__isnull=False)
        | (~Q(state="held") & Q(ended_at=None)),
        name="meeting_held_has_ended",
    ),
    models.CheckConstraint(
        condition=~Q(state="held") | Q(roster_fixed_at__isnull=False), name="meeting_held_has_fixed_roster"
    ),
]

class Migration(migrations.Migration):
    dependencies = [("attendance", "0007_plain_texts")]

    operations = [
        migrations.AddField(
            model_name="meeting",
            name="state",
            field=models.CharField(
                choices=[
                    ("planned", "planned"),
                    ("open", "open"),
                    ("held", "held"),
                    ("cancelled", "cancelled"),
                    ("discarded", "discarded"),
                ],
                db_default="open",
                default="open",
                max_length=10,
                verbose_name="state",
            ),
        ),
        migrations.AddField(
            model_name="meeting",
            name="opened_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="opened"),
        ),
        migrations.AddField(
            model_name="meeting",
            name="roster_fixed_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="roster fixed"),
        ),
        *(AddConstraintNotValid(model_name="meeting", constraint=one) for one in CONSTRAINTS),
    ]
