"""Addresses for sign-in in lower case, in batches by primary key.

Addresses of two accounts cannot collide, because ``user_email_unique`` never told capital and small letters apart. But an
address may now equal another account's user name, or an address that allauth keeps for another account. Those are
reported, never merged.
"""

import logging
from collections.abc import Iterable
from typing import Any

import django.db.models.functions.text
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models, transaction
from django.db.models.functions import Lower

import attendance.models.people

logger = logging.getLogger("rollcall.accounts")

BATCH = 1000


def lower_addresses(apps: Any, schema_editor: Any) -> None:
    User = apps.get_model("attendance", "User")
    in_capitals = User.objects.exclude(email=Lower("email")).order_by("pk")
    last = 0
    while users := list(in_capitals.filter(pk__gt=last).only("pk", "email")[:BATCH]):
        last = users[-1].pk
        with transaction.atomic(using=schema_editor.connection.alias):
            for user in users:
                user.email = user.email.lower()
            User.objects.bulk_update(users, ["email"])
        report_collisions(apps, users)


def report_collisions(apps: Any, users: Iterable[Any]) -> None:
    by_email = {user.email: user for user in users}
    keys = [user.pk for user in users]
    User = apps.get_model("attendance", "User")
    EmailAddress = apps.get_model("account", "EmailAddress")
    named = User.objects.annotate(name=Lower("username")).filter(name__in=by_email).values_list("name", "pk")
    kept = EmailAddress.objects.annotate(name=Lower("email")).filter(name__in=by_email)
    for name, other in [*named, *kept.values_list("name", "user_id")]:
        user = by_email[name]
        if other != user.pk:
            logger.warning(
                "an address signs in to two accounts: correct one of them in the admin",
                extra={"accounts": f"{user.pk},{other}"},
            )


class Migration(migrations.Migration):
    # Each batch is a transaction of its own, so that none holds many locks.
    atomic = False

    dependencies = [
        ("attendance", "0012_hash_old_tokens"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="email",
            field=attendance.models.people.LowerCaseEmailField(
                blank=True, help_text="For sign-in. Kept in lower case.", max_length=254, verbose_name="email address"
            ),
        ),
        migrations.RunPython(lower_addresses, migrations.RunPython.noop),
        AddConstraintNotValid(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("email", django.db.models.functions.text.Lower("email"))),
                name="user_email_in_lower_case",
            ),
        ),
    ]
