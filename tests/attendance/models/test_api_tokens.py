"""API tokens: hashed, at most ten for each user, and ended by whatever changes the password."""

import datetime
from collections.abc import Callable
from importlib import import_module
from unittest.mock import patch

import pytest
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test import Client

from attendance.models import ApiToken, User
from attendance.models.api_tokens import TOKENS_PER_USER, PasswordChanged, hash_of
from config.accounts.authentication import signed_in_users
from tests.support import factories
from tests.support.factories import PASSWORD
from tests.support.postgres.database import database_at, migrate_to
from tests.support.postgres.statements import statements_sent
from tests.support.races import run_concurrently

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime.datetime(2026, 10, 5, 12, tzinfo=datetime.UTC)
NEW_PASSWORD = "quiet-lamp-under-77-stairs"


@pytest.fixture
def user() -> User:
    return factories.make_teacher(username="asha")


def make(user: User, *, minutes: int = 0) -> str:
    return ApiToken.objects.make(user=user, at=NOON + datetime.timedelta(minutes=minutes))


def works(key: str) -> bool:
    status = Client().get("/api/v1/sections/", headers={"authorization": f"Token {key}"}).status_code
    assert status in (200, 401)
    return status == 200


def sign_in() -> str:
    answer = Client().post(
        "/api/v1/auth/token/", {"username": "asha", "password": PASSWORD}, content_type="application/json"
    )
    assert answer.status_code == 200, answer.content
    return str(answer.json()["token"])


def test_database_has_no_key(user):
    key = make(user)

    (token,) = ApiToken.objects.values()

    assert token["key_hash"] == hash_of(key)
    assert key not in str(token)
    assert len(key) == 64
    assert works(key)


def test_each_sign_in_makes_a_token_of_its_own(user):
    first, second = sign_in(), sign_in()

    assert first != second
    assert [works(first), works(second)] == [True, True]


def test_eleventh_token_ends_the_one_unused_for_longest(user):
    other = factories.make_teacher()
    theirs = make(other)
    keys = [make(user, minutes=number) for number in range(10)]
    # The oldest is in use.
    ApiToken.objects.filter(key_hash=hash_of(keys[0])).update(last_used_at=NOON + datetime.timedelta(hours=2))

    newest = make(user, minutes=11)

    assert [works(key) for key in keys] == [True, False] + [True] * 8
    assert [works(newest), works(theirs)] == [True, True]


def test_simultaneous_sign_ins_leave_ten_tokens(user):
    keys = run_concurrently(*[lambda: make(user)] * 15)

    assert len(set(keys)) == 15
    assert sum(works(key) for key in keys) == TOKENS_PER_USER == 10
    assert ApiToken.objects.count() == 10


def test_use_is_noted_once_an_hour(user, time_machine):
    key = make(user)
    noted = []
    for minutes in (59, 61, 90, 122):
        moment = NOON + datetime.timedelta(minutes=minutes)
        time_machine.move_to(moment, tick=False)
        signed_in_users.clear()
        assert works(key)
        noted.append((ApiToken.objects.get().last_used_at - NOON) // datetime.timedelta(minutes=1))

    assert noted == [0, 61, 61, 122]


def test_remembered_token_costs_no_statement(user):
    key = make(user)
    assert works(key)

    with statements_sent() as sent:
        Client().get("/api/v1/me/records/", headers={"authorization": f"Token {key}"})

    assert sent == []


def test_signing_in_does_not_forget_who_else_is_signed_in(user):
    other = make(factories.make_teacher())
    assert works(other)

    sign_in()

    with statements_sent() as sent:
        Client().get("/api/v1/me/records/", headers={"authorization": f"Token {other}"})
    assert sent == []


# --- A change of the password ends them -------------------------------------------------------------------


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def by_own_page(user: User) -> None:
    data = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert signed_in(user).post("/accounts/password/change/", data).status_code == 302


def by_mailed_link(user: User) -> None:
    client = Client()
    client.post("/accounts/password/reset/", {"email": user.email})
    link = next(word for word in mail.outbox[0].body.split() if "/password/reset/key/" in word)
    form = client.get(link, follow=True).redirect_chain[-1][0]
    assert client.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}).status_code == 302


def by_admin(user: User) -> None:
    data = {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    admin = signed_in(factories.make_admin())
    assert admin.post(f"/admin/attendance/user/{user.pk}/password/", data).status_code == 302


def by_admin_turning_it_off(user: User) -> None:
    admin = signed_in(factories.make_admin())
    answer = admin.post(
        f"/admin/attendance/user/{user.pk}/password/",
        {"usable_password": "false", "unset-password": "1", "password1": "", "password2": ""},
    )
    assert answer.status_code == 302


def by_command(user: User) -> None:
    with patch("getpass.getpass", lambda **_options: NEW_PASSWORD):
        call_command("changepassword", user.username, verbosity=0)


def by_statement(user: User) -> None:
    """As imports and the demo do it: no ``save``, no signal."""
    User.objects.filter(pk=user.pk).update(password=make_password(NEW_PASSWORD))
    # What a process remembers ends within ten seconds.
    signed_in_users.clear()


@pytest.mark.parametrize(
    "change", [by_own_page, by_mailed_link, by_admin, by_admin_turning_it_off, by_command, by_statement]
)
def test_change_of_the_password_ends_the_tokens(user, change: Callable[[User], None]):
    other = make(factories.make_teacher())
    keys = [make(user), make(user)]
    assert [works(key) for key in keys] == [True, True]

    change(user)

    user.refresh_from_db()
    assert not user.check_password(PASSWORD)
    assert [works(key) for key in keys] == [False, False]
    assert list(user.api_tokens.all()) == []
    assert works(other)


def test_other_changes_of_a_user_leave_the_tokens(user):
    key = make(user)

    user.first_name = "Asha"
    user.save()

    assert works(key)


def test_better_hash_of_the_same_password_leaves_the_tokens(user, settings):
    key = make(user)
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]

    second = sign_in()

    user.refresh_from_db()
    assert user.password.startswith("scrypt$")
    assert [works(key), works(second)] == [True, True]
    # The next change ends them.
    by_own_page(user)
    assert [works(key), works(second)] == [False, False]


def test_better_hash_does_not_bring_back_a_password_that_was_just_changed(user, settings):
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]
    User.objects.filter(pk=user.pk).update(password=make_password(NEW_PASSWORD))

    # This one was read before the change.
    assert not user.check_password(PASSWORD)

    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)


def test_password_that_changed_after_it_was_checked_makes_no_token(user):
    stale = User.objects.get(pk=user.pk)
    by_own_page(user)

    with pytest.raises(PasswordChanged):
        make(stale)

    assert not ApiToken.objects.exists()


def test_database_ends_the_tokens_of_a_deleted_user(user):
    key = make(user)

    user.delete()

    assert not works(key)


def test_admin_lists_tokens_without_keys_and_can_end_one(user):
    key = make(user)
    admin = signed_in(factories.make_admin())
    token = ApiToken.objects.get()

    page = admin.get("/admin/attendance/apitoken/").content.decode()
    assert admin.get("/admin/authtoken/").status_code == 404
    admin.post(f"/admin/attendance/apitoken/{token.pk}/delete/", {"post": "yes"})

    assert "asha" in page
    assert key not in page
    assert hash_of(key) not in page
    assert not works(key)


# --- Tokens of rest_framework.authtoken -------------------------------------------------------------------


@pytest.fixture
def before_own_tokens():
    """A database as it was when Django REST framework kept the tokens, and its model of a user."""
    before = [("attendance", "0007_plain_texts")]
    with database_at(before):
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE authtoken_token (key varchar(40) PRIMARY KEY, created timestamptz NOT NULL,"
                " user_id bigint NOT NULL UNIQUE REFERENCES attendance_user (id))"
            )
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('authtoken', '0001_initial', now())"
            )
        yield MigrationLoader(connection).project_state(before).apps.get_model("attendance", "User")


def test_tokens_of_rest_framework_go_on_working(before_own_tokens, monkeypatch):
    monkeypatch.setattr(import_module("attendance.migrations.0012_hash_old_tokens"), "BATCH", 2)
    pks = [
        before_own_tokens.objects.create(
            username=f"u{number}", password=make_password(PASSWORD), is_teacher=True
        ).pk
        for number in range(5)
    ]
    keys = [f"{number:040x}" for number in range(5)]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO authtoken_token VALUES (%s, %s, %s)",
            [(key, NOON, pk) for key, pk in zip(keys, pks, strict=True)],
        )

    call_command("migrate", verbosity=0)

    assert [works(key) for key in keys] == [True] * 5
    assert {token.user_id: token.created_at for token in ApiToken.objects.all()} == dict.fromkeys(pks, NOON)
    with connection.cursor() as cursor:
        assert "authtoken_token" not in connection.introspection.table_names(cursor)
        cursor.execute("SELECT count(*) FROM django_migrations WHERE app = 'authtoken'")
        assert cursor.fetchone() == (0,)
    by_own_page(User.objects.get(pk=pks[0]))
    assert [works(key) for key in keys] == [False] + [True] * 4


def test_migration_without_old_tokens_does_nothing(before_own_tokens):
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE authtoken_token")

    migrate_to([("attendance", "0012_hash_old_tokens")])

    assert not ApiToken.objects.exists()
