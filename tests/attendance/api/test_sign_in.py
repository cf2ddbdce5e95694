"""Getting an API token for a password."""

import threading

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from tests.support import factories
from tests.support.factories import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_attempts():
    cache.clear()


def sign_in(**credentials):
    return Client().post("/api/v1/auth/token/", credentials, content_type="application/json")


@pytest.mark.parametrize(
    ("make", "role"),
    [(factories.make_admin, "admin"), (factories.make_teacher, "teacher"), (factories.make_user, "student")],
)
def test_password_returns_a_token_and_the_role(make, role):
    user = make()

    answer = sign_in(username=user.username, password=PASSWORD)

    assert answer.status_code == 200
    assert answer.json()["role"] == role
    me = Client().get("/api/v1/sections/", headers={"Authorization": f"Token {answer.json()['token']}"})
    assert me.status_code == (403 if role == "student" else 200)


def test_email_works_as_user_name():
    user = factories.make_teacher()

    assert sign_in(username=user.email, password=PASSWORD).status_code == 200


@pytest.mark.parametrize("credentials", [{"password": "wrong"}, {"username": "nobody", "password": PASSWORD}])
def test_wrong_credentials_are_401(credentials):
    user = factories.make_teacher()

    answer = sign_in(**{"username": user.username, **credentials})

    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")


def test_inactive_user_is_401():
    user = factories.make_teacher(is_active=False)

    assert sign_in(username=user.username, password=PASSWORD).status_code == 401


@pytest.mark.parametrize(
    "body",
    [{}, {"username": "x"}, {"username": "x" * 300, "password": "x"}, {"username": "\x00", "password": "x"}],
)
def test_malformed_credentials_are_400(body):
    assert sign_in(**body).status_code == 400


def test_only_10_of_30_guesses_at_once_are_checked():
    user = factories.make_teacher()
    answers = []

    def guess():
        answers.append(sign_in(username=user.username, password="wrong"))
        connection.close()

    threads = [threading.Thread(target=guess) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 20
    assert all(int(answer["Retry-After"]) > 0 for answer in answers if answer.status_code == 429)
    assert sign_in(username=user.username, password=PASSWORD).status_code == 429


@pytest.mark.parametrize("header", ["Token revoked", "Token", "Basic eA=="])
def test_old_credentials_in_the_header_do_not_matter(header):
    user = factories.make_teacher()
    body = {"username": user.username, "password": PASSWORD}

    answer = Client().post(
        "/api/v1/auth/token/", body, content_type="application/json", headers={"authorization": header}
    )

    assert answer.status_code == 200
