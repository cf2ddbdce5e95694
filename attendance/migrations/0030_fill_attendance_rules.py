"""The institution's rule as it was for everybody, and one for each section with a minimum: from the beginning.

Sections are read in batches, each in its own transaction, and what is there already stays: it can be stopped and run again.
"""

from typing import Any

from django.db import migrations

BATCH_SIZE = 1000

INSTITUTION = """
    INSERT INTO attendance_attendancerule (minimum_percentage, warn_below, late_counts, lates_per_absence, excused,
                                           drop_lowest, forecast_counts_planned)
    VALUES (0, 0, 100, 0, 'neutral', 0, false)
    ON CONFLICT DO NOTHING
"""
SECTIONS = """
    INSERT INTO attendance_attendancerule (section_id, minimum_percentage, excused)
    SELECT id, minimum_percentage, '' FROM attendance_section
     WHERE id > %(after)s AND id <= %(until)s AND minimum_percentage IS NOT NULL
     ORDER BY id
    ON CONFLICT DO NOTHING
"""
BACK = """
    UPDATE attendance_section SET minimum_percentage = latest.minimum_percentage FROM (
        SELECT DISTINCT ON (section_id) section_id, minimum_percentage FROM attendance_attendancerule
         WHERE section_id IS NOT NULL ORDER BY section_id, valid_from DESC NULLS LAST) AS latest
     WHERE id = section_id
"""
LAST_OF_BATCH = """
    SELECT max(id) FROM (
        SELECT id FROM attendance_section WHERE id > %(after)s ORDER BY id LIMIT %(size)s) AS batch
"""


def fill(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(INSTITUTION)
        after = 0
        while True:
            cursor.execute(LAST_OF_BATCH, {"after": after, "size": BATCH_SIZE})
            (until,) = cursor.fetchone()
            if until is None:
                return
            cursor.execute(SECTIONS, {"after": after, "until": until})
            after = until


def write_back(apps: Any, schema_editor: Any) -> None:
    """Each section's latest minimum. What the rules say besides is lost."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(BACK)


class Migration(migrations.Migration):
    # Each statement is a transaction of its own.
    atomic = False
    dependencies = [("attendance", "0029_attendance_rules")]

    operations = [migrations.RunPython(fill, write_back)]
