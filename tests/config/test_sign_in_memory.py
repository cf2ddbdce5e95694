"""What a process remembers of who is signed in: forgotten at once by itself, and soon by all the others."""

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client
from django_redis import get_redis_connection
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from attendance import sign_in_memory
from attendance.together import finished
from bench.in_process import counting
from config.authentication import user_of_session
from tests import factories
from tests.valkeys import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = "/api/v1/me/session/"


@pytest.fixture
def user():
    return factories.make_student().user


@pytest.fixture
def browser(user):
    client = Client()
    client.force_login(user)
    assert client.get(ASKED).status_code == 200
    return client


@pytest.fixture
def program(user):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    assert client.get(ASKED).status_code == 200
    return client


def as_another_process_would(change) -> None:
    """Only Redis and the database are changed; this process is told nothing."""
    seen = sign_in_memory._seen
    change()
    sign_in_memory._seen = seen


def test_known_sign_in_asks_neither_postgresql_nor_redis(browser, user):
    with counting() as asked:
        found = finished(user_of_session(browser.session.session_key))

    assert found == user
    assert (asked.postgres_trips, asked.redis_trips) == (0, 0)


def test_another_process_needs_one_round_trip(browser, user):
    key = browser.session.session_key
    sign_in_memory._kept.clear()

    with counting() as asked:
        found = finished(user_of_session(key))

    assert found == user
    assert (asked.postgres_trips, asked.redis_trips) == (0, 1)


def test_sign_out_is_known_at_once(browser):
    key = browser.cookies["sessionid"].value
    browser.logout()

    again = Client()
    again.cookies["sessionid"] = key
    assert again.get(ASKED).status_code == 401


def test_sign_out_in_another_process_is_known_soon(browser):
    kept = Client()
    kept.cookies["sessionid"] = browser.cookies["sessionid"].value
    as_another_process_would(browser.logout)

    wait_until(lambda: kept.get(ASKED).status_code == 401)


def test_ended_token_is_known_soon(program, user):
    as_another_process_would(lambda: Token.objects.get(user=user).delete())

    wait_until(lambda: program.get(ASKED).status_code == 401)


@pytest.mark.parametrize("way", ["browser", "program"])
def test_blocked_user_is_known_soon(request, way, user):
    client = request.getfixturevalue(way)

    def block() -> None:
        user.is_active = False
        user.save()

    as_another_process_would(block)

    wait_until(lambda: client.get(ASKED).status_code == 401)


def test_changed_password_ends_other_sign_ins_soon(browser, user):
    def change() -> None:
        user.set_password("another one, quite long")
        user.save()

    as_another_process_would(change)

    wait_until(lambda: browser.get(ASKED).status_code == 401)


def test_new_role_is_known_soon(user):
    teacher = factories.make_teacher()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=teacher).key}")
    assert client.get("/api/v1/sections/").status_code == 200

    def demote() -> None:
        teacher.is_teacher = False
        teacher.save()

    as_another_process_would(demote)

    wait_until(lambda: client.get("/api/v1/sections/").status_code == 403)


def test_what_is_rolled_back_is_not_remembered(program, user):
    class Undone(Exception):
        pass

    with pytest.raises(Undone), transaction.atomic():  # noqa: PT012 - it is the block that is rolled back
        user.is_active = False
        user.save()
        raise Undone

    assert program.get(ASKED).status_code == 200


def test_signing_in_makes_nobody_else_forgotten(browser):
    other = factories.make_student().user
    browser.get(ASKED)
    stamp = get_redis_connection("default").get(sign_in_memory._STAMP)
    phone = Client()
    phone.get("/accounts/login/")
    answer = phone.post("/accounts/login/", {"login": other.username, "password": factories.PASSWORD})

    assert answer.status_code == 302
    assert phone.get(ASKED).status_code == 200
    assert get_redis_connection("default").get(sign_in_memory._STAMP) == stamp


def test_session_of_an_older_secret_key_stays_signed_in(browser, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new one, of which no session knows anything"
    sign_in_memory.forget_all()

    assert [browser.get(ASKED).status_code for _ in range(2)] == [200, 200]


def test_session_of_a_deleted_user_signs_nobody_in(browser, user):
    user.student.delete()
    get_user_model().objects.get(pk=user.pk).delete()

    assert browser.get(ASKED).status_code == 401


@pytest.mark.parametrize("key", ["", "x", "a" * 32, "\x00", "é" * 40])
def test_cookie_of_any_shape_signs_nobody_in(key):
    client = Client()
    client.cookies["sessionid"] = key

    assert client.get(ASKED).status_code == 401
