"""PostgreSQL that dies under a request: 503 with the time to try again, for programs and for people."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, close_old_connections, connection
from django.test import Client, RequestFactory, override_settings
from django.urls import path, reverse
from django.utils import timezone
from rest_framework.test import APIClient

from attendance.models import AttendanceRecord
from attendance.together import finished
from config import embedded, urls
from config.errors import server_error
from qrsessions.models import SessionStatus
from qrsessions.scanning import find_by_token
from tests import factories
from tests.qrsessions.conftest import token_of
from tests.valkeys import wait_until


def failing_page(request):
    raise ZeroDivisionError


handler500 = urls.handler500
urlpatterns = [path("failing/", failing_page), *urls.urlpatterns]


def end_own_backend():
    """As a restart of PostgreSQL does to an open connection."""
    connection.ensure_connection()
    with psycopg.connect(embedded.database_url(settings.DATA_DIR), autocommit=True) as other:
        pid = connection.connection.info.backend_pid
        assert other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)


def end_all_backends(other: psycopg.Connection) -> None:
    name = connection.settings_dict["NAME"]
    other.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name])


@contextmanager
def database_away() -> Iterator[None]:
    """As a restart of PostgreSQL that takes a while: every connection is ended, and no new one is taken."""
    allow = f'ALTER DATABASE "{connection.settings_dict["NAME"]}" ALLOW_CONNECTIONS'
    with psycopg.connect(embedded.database_url(settings.DATA_DIR), autocommit=True) as other:
        other.execute(f"{allow} false")
        end_all_backends(other)
        try:
            yield
        finally:
            other.execute(f"{allow} true")
            # The pool tries again in growing intervals.
            wait_until(is_back, seconds=60)


def is_back() -> bool:
    try:
        connection.close()
        connection.ensure_connection()
    except OperationalError:
        return False
    return True


@pytest.fixture
def database_dies(transactional_db):
    """From within a request on; the connection is one that the request holds already."""
    yield end_own_backend
    connection.close()


def test_api_answers_503_and_when_to_try_again(database_dies):
    phone = APIClient()
    phone.force_authenticate(factories.make_teacher())
    database_dies()

    answer = phone.get("/api/v1/sections/")

    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (
        503,
        "unavailable",
        "2",
    )
    close_old_connections()  # as after every request outside the tests
    assert phone.get("/api/v1/sections/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_good_token_keeps_its_moment_while_the_database_is_away(time_machine):
    began = timezone.now().replace(microsecond=0)
    time_machine.move_to(began, tick=False)
    section = factories.make_section(students=1, teachers=[factories.make_teacher()])
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE, join_policy="open")
    (student,) = factories.students_of(section)
    phone = APIClient()
    phone.force_login(student.user)
    phone.get("/api/v1/me/session/")  # while it waited
    scan = {"token": token_of(session)}
    finished(find_by_token(scan["token"], at=began))  # by another phone
    with database_away():
        kept = phone.post("/api/v1/mark/", scan, format="json")
    time_machine.move_to(began + datetime.timedelta(seconds=30), tick=False)
    late = phone.post("/api/v1/mark/", scan, format="json")
    marked = phone.post("/api/v1/mark/", {"claim": kept.json()["claim"]}, format="json")

    assert (kept.status_code, kept.json()["code"], kept.headers["Retry-After"]) == (503, "unavailable", "2")
    assert (late.status_code, late.json()["code"]) == (409, "token_expired")
    assert (marked.status_code, AttendanceRecord.objects.get().marked_at) == (201, began)


def test_page_is_whole_and_503(database_dies):
    browser = Client()
    browser.force_login(factories.make_teacher())
    database_dies()

    answer = browser.get(reverse("qrsessions:sections"))

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "Nothing that was confirmed is lost" in answer.content.decode()
    close_old_connections()
    assert browser.get(reverse("qrsessions:sections")).status_code == 200


@pytest.mark.parametrize(
    ("address", "kind"), [("/student/", "text/html"), ("/api/v1/x/", "application/json")]
)
def test_error_handler_of_the_site_tells_a_lost_database_from_a_mistake(address, kind, database_dies):
    database_dies()
    try:
        connection.cursor().execute("SELECT 1")
    except OperationalError:
        answer = server_error(RequestFactory().get(address))

    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (503, kind)


@override_settings(ROOT_URLCONF=__name__)
def test_mistake_of_ours_stays_500():
    answer = Client(raise_request_exception=False).get("/failing/")

    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()


def test_pool_gives_nobody_a_broken_connection(transactional_db):
    end_own_backend()
    connection.close()  # back to the pool

    for _ in range(settings.DATABASES["default"]["OPTIONS"]["pool"]["min_size"] + 1):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.close()
