"""The migration that stores addresses for sign-in in lower case, run on a database from before."""

import logging

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from attendance.models import User
from tests.support.postgres.database import database_at, migrate_to

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("attendance", "0007_plain_texts"), ("account", "0009_emailaddress_unique_primary_email")]
AFTER = [("attendance", "0014_validate_lower_case_addresses")]


@pytest.fixture
def from_before():
    """The models of a database from before."""
    with database_at(BEFORE):
        yield MigrationLoader(connection).project_state(BEFORE).apps


def test_stored_addresses_become_lower_case_and_collisions_are_reported(from_before, caplog):
    old_user = from_before.get_model("attendance", "User")
    addresses = from_before.get_model("account", "EmailAddress")
    names = ["A@x.edu", "b@x.edu", "", "C@X.edu", "D@x.edu", ""]
    users = [
        old_user.objects.create(username=f"u{number}", email=email) for number, email in enumerate(names)
    ]
    named = old_user.objects.create(username="c@x.edu")
    addresses.objects.create(user=users[1], email="d@x.edu")
    addresses.objects.create(user=users[0], email="a@x.edu")

    with caplog.at_level(logging.WARNING, "rollcall.accounts"):
        migrate_to(AFTER)

    assert list(User.objects.filter(pk__lt=named.pk).order_by("pk").values_list("username", "email")) == [
        ("u0", "a@x.edu"),
        ("u1", "b@x.edu"),
        ("u2", ""),
        ("u3", "c@x.edu"),
        ("u4", "d@x.edu"),
        ("u5", ""),
    ]
    assert [record.accounts for record in caplog.records] == [
        f"{users[3].pk},{named.pk}",
        f"{users[4].pk},{users[1].pk}",
    ]
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE attendance_user SET email = 'A@x.edu' WHERE email = 'a@x.edu'")


def test_all_batches_are_migrated(from_before):
    old_user = from_before.get_model("attendance", "User")
    old_user.objects.bulk_create(old_user(username=f"u{n}", email=f"U{n}@x.edu") for n in range(2001))

    migrate_to(AFTER)

    assert not User.objects.filter(email__contains="U").exists()
    assert User.objects.count() == 2001
