"""API tokens of our own, of which only a hash is kept. A change of the password, whoever makes it, ends the user's."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# ``User.check_password`` sets rollcall.same_password while it stores a better hash of the same password.
END_WITH_THE_PASSWORD = """
CREATE FUNCTION attendance_end_api_tokens() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM attendance_apitoken WHERE user_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER end_api_tokens AFTER UPDATE OF password ON attendance_user
    FOR EACH ROW WHEN (
        OLD.password IS DISTINCT FROM NEW.password
        AND current_setting('rollcall.same_password', true) IS DISTINCT FROM 'yes')
    EXECUTE FUNCTION attendance_end_api_tokens();
"""


class Migration(migrations.Migration):
    dependencies = [("attendance", "0010_meeting_state_rules")]

    operations = [
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key_hash", models.CharField(editable=False, max_length=64, unique=True, verbose_name="hash of the key")),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("last_used_at", models.DateTimeField(help_text="Within an hour.", verbose_name="last used")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_tokens",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "API token",
                "verbose_name_plural": "API tokens",
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.RunSQL(
            END_WITH_THE_PASSWORD,
            "DROP TRIGGER end_api_tokens ON attendance_user; DROP FUNCTION attendance_end_api_tokens()",
        ),
    ]
