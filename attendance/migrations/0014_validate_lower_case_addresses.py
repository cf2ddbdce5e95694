"""PostgreSQL checks the existing addresses, without keeping others from writing meanwhile."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("attendance", "0013_sign_in_addresses_in_lower_case")]

    operations = [ValidateConstraint(model_name="user", name="user_email_in_lower_case")]
