"""The state of the meetings that there are: those that have ended were held, the others are open.

Until now a meeting was only made by opening a session, at its ``starts_at``. The rows are written in batches, each in
its own transaction, and those that are right already are left alone: it can be stopped and run again.
"""

from typing import Any

from django.db import migrations

BATCH_SIZE = 1000

FILL = """
    UPDATE attendance_meeting
       SET state = CASE WHEN ended_at IS NULL THEN 'open' ELSE 'held' END,
           opened_at = COALESCE(opened_at, starts_at),
           roster_fixed_at = COALESCE(roster_fixed_at, ended_at)
     WHERE id > %(after)s AND id <= %(until)s
       AND (opened_at IS NULL OR ended_at IS NOT NULL AND (state <> 'held' OR roster_fixed_at IS NULL))
"""
LAST_OF_BATCH = """
    SELECT max(id) FROM (
        SELECT id FROM attendance_meeting WHERE id > %(after)s ORDER BY id LIMIT %(size)s) AS batch
"""


def fill(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
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
    dependencies = [("attendance", "0008_meeting_state")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
