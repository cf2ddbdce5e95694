"""Terms, holidays and weekly classes. The name of a section's term moves out of the way: 0021 makes terms of the names."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("attendance", "0019_teaching_assignment_rules")]

    operations = [
        migrations.CreateModel(
            name="Term",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("first_day", models.DateField(blank=True, null=True, verbose_name="first day")),
                ("last_day", models.DateField(blank=True, null=True, verbose_name="last day")),
                ("external_id", models.CharField(blank=True, help_text="The term's id in the student information system.", max_length=200, verbose_name="external id")),
            ],
            options={
                "verbose_name": "term",
                "verbose_name_plural": "terms",
                "ordering": [models.OrderBy(F("first_day"), descending=True, nulls_first=True), "name", "pk"],
                "constraints": [
                    models.CheckConstraint(condition=~Q(name=""), name="term_name_not_empty"),
                    models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="term_first_day_before_last", violation_error_message="A term cannot end before it begins."),
                    models.UniqueConstraint(fields=("name", "first_day", "last_day"), name="term_unique", nulls_distinct=False, violation_error_message="There is already a term with this name and these days."),
                    models.UniqueConstraint(condition=~Q(external_id=""), fields=("external_id",), name="term_external_id_unique", violation_error_message="Another term has this external id."),
                ],
            },
        ),
        migrations.CreateModel(
            name="Holiday",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                ("first_day", models.DateField(verbose_name="first day")),
                ("last_day", models.DateField(verbose_name="last day")),
                ("sections", models.ManyToManyField(blank=True, help_text="Leave empty if the holiday is for everybody.", related_name="+", to="attendance.section", verbose_name="sections")),
                ("term", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="holidays", to="attendance.term", verbose_name="term")),
            ],
            options={
                "verbose_name": "holiday",
                "verbose_name_plural": "holidays",
                "ordering": ["first_day", "name"],
                "constraints": [
                    models.CheckConstraint(condition=~Q(name=""), name="holiday_name_not_empty"),
                    models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="holiday_first_day_before_last", violation_error_message="A holiday cannot end before it begins."),
                ],
            },
        ),
        migrations.CreateModel(
            name="MeetingPattern",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("weekday", models.PositiveSmallIntegerField(choices=[(0, "Monday"), (1, "Tuesday"), (2, "Wednesday"), (3, "Thursday"), (4, "Friday"), (5, "Saturday"), (6, "Sunday")], null=True, verbose_name="weekday")),
                ("start", models.TimeField(null=True, verbose_name="start")),
                ("end", models.TimeField(null=True, verbose_name="end")),
                ("room", models.CharField(blank=True, max_length=100, verbose_name="room")),
                ("first_day", models.DateField(blank=True, help_text="Leave empty to begin with the term.", null=True, verbose_name="first day")),
                ("last_day", models.DateField(blank=True, help_text="Leave empty to end with the term.", null=True, verbose_name="last day")),
                ("every_weeks", models.PositiveSmallIntegerField(default=1, help_text="2 is every second week, beginning with the week of the first day.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(8)], verbose_name="every … weeks")),
                ("external_id", models.CharField(blank=True, editable=False, max_length=255, verbose_name="external id")),
                ("section", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="patterns", to="attendance.section", verbose_name="section")),
            ],
            options={
                "verbose_name": "weekly class",
                "verbose_name_plural": "weekly classes",
                "ordering": ["weekday", "start", "pk"],
                "constraints": [
                    models.CheckConstraint(condition=Q(end__isnull=False, start__isnull=False, weekday__range=(0, 6)) | (Q(weekday=None, start=None, end=None) & ~Q(external_id="")), name="pattern_weekly_or_imported"),
                    models.CheckConstraint(condition=Q(end__gt=F("start")), name="pattern_start_before_end", violation_error_message="A class cannot end before it begins."),
                    models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="pattern_first_day_before_last", violation_error_message="The last day cannot be before the first."),
                    models.CheckConstraint(condition=Q(every_weeks__range=(1, 8)), name="pattern_every_weeks"),
                    models.UniqueConstraint(condition=~Q(external_id=""), fields=("section", "external_id"), name="pattern_external_id_once_per_section"),
                ],
            },
        ),
        # The unique constraint goes on under its name until 0022 has built the new one.
        migrations.RunSQL(
            "ALTER TABLE attendance_section RENAME COLUMN term TO term_text",
            "ALTER TABLE attendance_section RENAME COLUMN term_text TO term",
            state_operations=[
                migrations.RemoveConstraint("section", "section_unique"),
                migrations.RenameField("section", "term", "term_text"),
                migrations.AlterModelOptions(
                    "section",
                    {"ordering": ["course__code", "name", "-term__first_day", "-term__name"], "verbose_name": "section", "verbose_name_plural": "sections"},
                ),
            ],
        ),
        migrations.AddField(
            "section",
            "term",
            models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="sections", to="attendance.term", verbose_name="term"),
        ),
    ]
