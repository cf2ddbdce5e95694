"""The teachers of sections become assignments with dates and a role.

The table of the many-to-many field becomes that of the new model. Its rows stay where they are: everybody goes on teaching,
without dates. PostgreSQL adds the columns without rewriting it.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

RENAME = "ALTER TABLE attendance_section_teachers RENAME TO attendance_teachingassignment"
RENAME_BACK = "ALTER TABLE attendance_teachingassignment RENAME TO attendance_section_teachers"
# Without dates, only those who teach today may be left, each once.
KEEP_THOSE_OF_TODAY = """
    DELETE FROM attendance_teachingassignment AS one
     WHERE removed_by_hand OR from_date > current_date OR to_date <= current_date
        OR EXISTS (SELECT FROM attendance_teachingassignment AS other
                    WHERE other.section_id = one.section_id AND other.user_id = one.user_id AND other.id < one.id
                      AND NOT other.removed_by_hand
                      AND COALESCE(other.from_date <= current_date, true)
                      AND COALESCE(other.to_date > current_date, true))
"""


class Migration(migrations.Migration):
    dependencies = [("attendance", "0016_fixed_rosters")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(RENAME, RENAME_BACK)],
            state_operations=[
                migrations.CreateModel(
                    name="TeachingAssignment",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "section",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="assignments",
                                to="attendance.section",
                                verbose_name="section",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                limit_choices_to={"is_teacher": True},
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="assignments",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="teacher",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "teaching assignment",
                        "verbose_name_plural": "teaching assignments",
                        "unique_together": {("section", "user")},
                    },
                ),
                migrations.AlterField(
                    model_name="section",
                    name="teachers",
                    field=models.ManyToManyField(
                        related_name="sections",
                        through="attendance.TeachingAssignment",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="teachers",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="teachingassignment",
            name="role",
            field=models.CharField(
                choices=[("teacher", "teacher")],
                db_default="teacher",
                default="teacher",
                max_length=20,
                verbose_name="role",
            ),
        ),
        migrations.AddField(
            model_name="teachingassignment",
            name="from_date",
            field=models.DateField(blank=True, null=True, verbose_name="from"),
        ),
        migrations.AddField(
            model_name="teachingassignment",
            name="to_date",
            field=models.DateField(
                blank=True,
                help_text="The first day on which they no longer teach the section.",
                null=True,
                verbose_name="to",
            ),
        ),
        migrations.AddField(
            model_name="teachingassignment",
            name="imported_row",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=200),
        ),
        migrations.AddField(
            model_name="teachingassignment",
            name="removed_by_hand",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text=(
                    "Gives no access, and imports do not add it again unless its row in the roster changes."
                ),
                verbose_name="removed",
            ),
        ),
        migrations.AlterModelOptions(
            name="teachingassignment",
            options={
                "ordering": ["section", "user", "from_date"],
                "verbose_name": "teaching assignment",
                "verbose_name_plural": "teaching assignments",
            },
        ),
        migrations.AlterUniqueTogether(name="teachingassignment", unique_together=set()),
        migrations.RunSQL(migrations.RunSQL.noop, KEEP_THOSE_OF_TODAY),
    ]
