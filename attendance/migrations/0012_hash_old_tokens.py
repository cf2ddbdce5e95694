"""Takes over the tokens of rest_framework.authtoken, hashed, and drops its table with their keys.

Programs go on with the tokens they have. A hash cannot be undone: after going back, they have to sign in again. The web
processes must be stopped meanwhile, as for every upgrade.
"""

from typing import Any

from django.db import migrations
from django.db.migrations.recorder import MigrationRecorder

BATCH = 1000

COPY = """
WITH batch AS (
    SELECT key, user_id, created FROM authtoken_token WHERE key > %s ORDER BY key LIMIT %s
), copied AS (
    INSERT INTO attendance_apitoken (user_id, key_hash, created_at, last_used_at)
    SELECT user_id, encode(sha256(convert_to(key, 'UTF8')), 'hex'), created, created FROM batch
    ON CONFLICT (key_hash) DO NOTHING
)
SELECT max(key) FROM batch
"""


def hash_old_tokens(apps: Any, schema_editor: Any) -> None:
    connection = schema_editor.connection
    if "authtoken_token" not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        last = ""
        while last is not None:
            # Each batch is a transaction of its own; a second run skips what is there.
            cursor.execute(COPY, [last, BATCH])
            (last,) = cursor.fetchone()
        cursor.execute("DROP TABLE authtoken_token")
    MigrationRecorder(connection).migration_qs.filter(app="authtoken").delete()
    # With their permissions, which the admin would go on offering.
    apps.get_model("contenttypes", "ContentType").objects.filter(app_label="authtoken").delete()


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("attendance", "0011_api_tokens"),
        # They refer to content types.
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(hash_old_tokens, migrations.RunPython.noop)]
