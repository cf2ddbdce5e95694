"""A section is unique by its course, name and term, also without a term. The old names of terms go.

The index is built while others write. If this is stopped, it can be run again.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    # An index can't be built CONCURRENTLY in a transaction.
    atomic = False
    dependencies = [("attendance", "0021_fill_terms")]

    operations = [
        migrations.RunSQL(
            (
                # What an earlier try left behind.
                "DROP INDEX CONCURRENTLY IF EXISTS section_unique_new",
                "CREATE UNIQUE INDEX CONCURRENTLY section_unique_new"
                " ON attendance_section (course_id, name, term_id) NULLS NOT DISTINCT",
                "ALTER TABLE attendance_section DROP CONSTRAINT IF EXISTS section_unique,"
                " ADD CONSTRAINT section_unique UNIQUE USING INDEX section_unique_new",
            ),
            "ALTER TABLE attendance_section DROP CONSTRAINT section_unique,"
            " ADD CONSTRAINT section_unique UNIQUE (course_id, name, term_text)",
            state_operations=[
                migrations.AddConstraint(
                    "section",
                    models.UniqueConstraint(
                        fields=["course", "name", "term"],
                        name="section_unique",
                        nulls_distinct=False,
                        violation_error_message="The course already has a section with this name in this term.",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(
            "ALTER TABLE attendance_section DROP COLUMN IF EXISTS term_text",
            (
                "ALTER TABLE attendance_section ADD COLUMN term_text varchar(100) NOT NULL DEFAULT ''",
                "UPDATE attendance_section SET term_text = term.name FROM attendance_term AS term"
                " WHERE term.id = term_id",
                "ALTER TABLE attendance_section ALTER COLUMN term_text DROP DEFAULT",
            ),
            state_operations=[migrations.RemoveField("section", "term_text")],
        ),
    ]
