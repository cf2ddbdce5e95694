"""One term for each name of a term that sections have. They get no dates: nobody knows them.

Sections are written in batches, each in its own transaction, and those that are right already are left alone: it can be
stopped and run again.
"""

from typing import Any

from django.db import migrations

BATCH_SIZE = 1000

MAKE = """
    INSERT INTO attendance_term (name, external_id)
    SELECT DISTINCT term_text, '' FROM attendance_section WHERE term_text <> ''
    ON CONFLICT DO NOTHING
"""
FILL = """
    UPDATE attendance_section SET term_id = term.id FROM attendance_term AS term
     WHERE attendance_section.id > %(after)s AND attendance_section.id <= %(until)s AND term_id IS NULL
       AND term.name = term_text AND term.first_day IS NULL AND term.last_day IS NULL
"""
LAST_OF_BATCH = """
    SELECT max(id) FROM (
        SELECT id FROM attendance_section WHERE id > %(after)s ORDER BY id LIMIT %(size)s) AS batch
"""


def fill(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(MAKE)
        after = 0
        while True:
            cursor.execute(LAST_OF_BATCH, {"after": after, "size": BATCH_SIZE})
            (until,) = cursor.fetchone()
            if until is None:
                return
            cursor.execute(FILL, {"after": after, "until": until})
            after = until


class Migration(migrations.Migration):
    # Each statement is a transaction of its own.
    atomic = False
    dependencies = [("attendance", "0020_terms_and_patterns")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
