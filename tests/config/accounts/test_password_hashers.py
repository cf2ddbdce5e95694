"""Hashing passwords: Argon2id, one at a time in each process, and without a database connection."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.core.cache import cache
from django.db import connection, connections
from django.test import Client
from django.urls import reverse

from attendance.models import User
from config.accounts import authentication, password_hashers
from tests.support import factories
from tests.support.factories import PASSWORD

WAIT_SECONDS = 30


@pytest.fixture(autouse=True)
def _no_counts():
    cache.clear()


class Gate:
    """Stands for the turn to hash, and lets nobody hash before it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def acquire(self, *, timeout: float) -> bool:
        self.reached.set()
        return self.opened.wait(WAIT_SECONDS)

    def release(self) -> None:
        pass


class NoTurn:
    """Stands for a turn to hash that never comes."""

    def acquire(self, *, timeout: float) -> bool:
        return False


@contextmanager
def pool_of(size: int) -> Iterator[None]:
    """A pool with this many database connections."""
    options = connection.settings_dict["OPTIONS"]
    before = options["pool"]
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    options["pool"] = {"min_size": 1, "max_size": size, "timeout": 5}
    try:
        yield
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        options["pool"] = before


def get_token(username: str, password: str):
    try:
        return Client().post(
            "/api/v1/auth/token/",
            {"username": username, "password": password},
            content_type="application/json",
        )
    finally:
        connections.close_all()


def test_new_hashes_are_argon2id_with_the_parameters_of_owasp():
    assert make_password(PASSWORD).startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.django_db
def test_hash_of_the_old_kind_still_signs_in_and_is_replaced(client):
    user = factories.make_teacher()
    old = PBKDF2PasswordHasher()
    User.objects.filter(pk=user.pk).update(password=old.encode(PASSWORD, old.salt()))

    wrong = get_token_in_place(client, user.username, "wrong")
    after_wrong = User.objects.get(pk=user.pk).password
    right = get_token_in_place(client, user.username, PASSWORD)
    user.refresh_from_db()

    assert (wrong.status_code, right.status_code) == (401, 200)
    assert after_wrong.startswith("pbkdf2_sha256$")
    assert user.password.startswith("argon2$argon2id$")
    assert user.check_password(PASSWORD)


def get_token_in_place(client: Client, username: str, password: str):
    credentials = {"username": username, "password": password}
    return client.post("/api/v1/auth/token/", credentials, content_type="application/json")


@pytest.mark.django_db(transaction=True)
def test_no_database_connection_is_held_while_a_password_waits_for_its_turn(monkeypatch):
    user = factories.make_teacher()
    gate = Gate()
    monkeypatch.setattr(password_hashers, "_lock", gate)

    with pool_of(1), ThreadPoolExecutor(1) as threads:
        answer = threads.submit(get_token, user.username, PASSWORD)
        assert gate.reached.wait(WAIT_SECONDS)
        try:
            # The only connection of the pool.
            users = User.objects.count()
            connection.close()
        finally:
            gate.opened.set()
        status = answer.result(WAIT_SECONDS).status_code

    assert (users, status) == (1, 200)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["teacher", "nobody"])
def test_wrong_password_is_answered_later_and_holds_no_database_connection(monkeypatch, name):
    factories.make_teacher(username="teacher")
    resting, rested = threading.Event(), threading.Event()

    def rest(_seconds: float) -> None:
        resting.set()
        rested.wait(WAIT_SECONDS)

    monkeypatch.setattr(authentication, "sleep", rest)
    with pool_of(1), ThreadPoolExecutor(1) as threads:
        answer = threads.submit(get_token, name, "wrong")
        assert resting.wait(WAIT_SECONDS)
        try:
            users, is_answered = User.objects.count(), answer.done()
            connection.close()
        finally:
            rested.set()
        status = answer.result(WAIT_SECONDS).status_code

    assert (users, is_answered, status) == (1, False, 401)


@pytest.mark.django_db
def test_right_password_is_answered_at_once(client, monkeypatch):
    user = factories.make_teacher()
    rests = []
    monkeypatch.setattr(authentication, "_delay_answer", lambda: rests.append(1))

    assert get_token_in_place(client, user.username, PASSWORD).status_code == 200
    assert rests == []


@pytest.mark.django_db(transaction=True)
def test_only_one_password_is_hashed_at_a_time(monkeypatch):
    users = [factories.make_teacher() for _ in range(8)]
    at_once, most = 0, 0
    check = password_hashers.hashers.Argon2PasswordHasher.verify

    def counted(self, password, encoded):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            return check(self, password, encoded)
        finally:
            at_once -= 1

    monkeypatch.setattr(password_hashers.hashers.Argon2PasswordHasher, "verify", counted)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda user: get_token(user.username, PASSWORD), users))

    assert [answer.status_code for answer in answers] == [200] * 8
    assert most == 1


@pytest.mark.django_db
def test_program_whose_turn_does_not_come_is_asked_to_come_back(client, monkeypatch):
    user = factories.make_teacher()
    monkeypatch.setattr(password_hashers, "_lock", NoTurn())

    answers = [get_token_in_place(client, user.username, PASSWORD) for _ in range(15)]
    monkeypatch.undo()
    later = get_token_in_place(client, user.username, PASSWORD)

    assert {(one.status_code, one.json()["code"], one["Retry-After"]) for one in answers} == {
        (429, "busy", "2")
    }
    # They did not count as wrong passwords.
    assert later.status_code == 200


@pytest.mark.django_db
def test_browser_whose_turn_does_not_come_gets_a_page(client, monkeypatch):
    user = factories.make_teacher()
    monkeypatch.setattr(password_hashers, "_lock", NoTurn())

    answer = client.post(reverse("account_login"), {"login": user.username, "password": PASSWORD})

    assert (answer.status_code, answer["Retry-After"]) == (429, "2")
    assert "go back and send it again" in answer.content.decode()
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_browser_that_changes_its_password_while_the_server_is_busy_gets_a_page(client, monkeypatch):
    user = factories.make_teacher()
    client.force_login(user)
    monkeypatch.setattr(password_hashers, "_lock", NoTurn())

    answer = client.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": "quiet-lamp-77-x", "password2": "quiet-lamp-77-x"},
    )

    assert answer.status_code == 429
    assert "go back and send it again" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["teacher", "teacher@example.edu", "nobody", "nobody@example.edu"])
def test_wrong_password_is_hashed_once_whether_or_not_the_account_exists(client, monkeypatch, name):
    factories.make_teacher(username="teacher", email="teacher@example.edu")
    hashed = []
    wait_for_turn = password_hashers._own_turn

    def counted():
        hashed.append(1)
        return wait_for_turn()

    monkeypatch.setattr(password_hashers, "_own_turn", counted)
    by_program = get_token_in_place(client, name, "wrong")
    by_page = client.post(reverse("account_login"), {"login": name, "password": "wrong"})

    assert (by_program.status_code, by_page.status_code) == (401, 200)
    assert len(hashed) == 2
