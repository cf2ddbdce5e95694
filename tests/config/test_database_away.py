"""PostgreSQL that dies under a request: 503 with the time to try again, for programs and for people."""

import datetime
import time

import pytest
from django.conf import settings
from django.db import OperationalError, close_old_connections, connection
from django.test import Client, RequestFactory, override_settings
from django.urls import path, reverse
from django.utils import timezone
from rest_framework.test import APIClient

from attendance.models import AttendanceRecord
from config import urls
from config.errors import server_error
from qrsessions.models import SessionStatus
from tests.support import factories
from tests.support.classes import token_of
from tests.support.postgres.database import database_away, end_own_backend


def failing_page(request):
    raise ZeroDivisionError


handler500 = urls.handler500
urlpatterns = [path("failing/", failing_page), *urls.urlpatterns]


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
    scan = {"token": token_of(session)}
    with database_away():
        kept = phone.post("/api/v1/mark/", scan, format="json")
    time_machine.move_to(began + datetime.timedelta(seconds=30), tick=False)
    late = phone.post("/api/v1/mark/", scan, format="json")
    marked = phone.post("/api/v1/mark/", {"claim": kept.json()["claim"]}, format="json")

    assert (kept.status_code, kept.json()["code"], kept.headers["Retry-After"]) == (503, "unavailable", "2")
    assert (late.status_code, late.json()["code"]) == (409, "token_expired")
    assert (marked.status_code, AttendanceRecord.objects.get().marked_at) == (201, began)


@pytest.mark.django_db(transaction=True)
def test_kept_scan_marks_nobody_else_and_only_with_a_good_token(time_machine):
    time_machine.move_to(timezone.now().replace(microsecond=0), tick=False)
    section = factories.make_section(students=2, teachers=[factories.make_teacher()])
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE, join_policy="open")
    phones = []
    for student in factories.students_of(section):
        phones.append(APIClient())
        phones[-1].force_login(student.user)
    good, forged = token_of(session), session.public_id + "0" * 12
    with database_away():
        claims = [
            phones[0].post("/api/v1/mark/", {"token": token}, format="json").json()["claim"]
            for token in (good, forged)
        ]
        malformed = phones[0].post("/api/v1/mark/", {"token": "HELLO"}, format="json")

    def mark(phone: APIClient, claim: str) -> tuple[int, str]:
        answer = phone.post("/api/v1/mark/", {"claim": claim}, format="json")
        return answer.status_code, answer.json()["code"]

    assert (malformed.status_code, malformed.json()["code"]) == (400, "token_invalid")
    assert mark(phones[1], claims[0]) == (400, "token_invalid")
    assert mark(phones[0], claims[1]) == (400, "token_invalid")
    assert AttendanceRecord.objects.filter(status="present").count() == 0
    assert mark(phones[0], claims[0]) == (201, "marked")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("body", ["{", "[1]", '{"token": 7}'])
def test_unreadable_mark_while_the_database_is_away_is_503(body):
    student = factories.make_student()
    phone = APIClient()
    phone.force_login(student.user)

    with database_away():
        answer = phone.post("/api/v1/mark/", body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


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
    assert "Something went wrong on our side" in answer.content.decode()


def test_pool_gives_nobody_a_broken_connection(transactional_db):
    end_own_backend()
    connection.close()  # back to the pool

    for _ in range(settings.DATABASES["default"]["OPTIONS"]["pool"]["min_size"] + 1):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_connections_are_back_soon_after_an_outage_and_not_after_as_long_again():
    with database_away():
        connection.close()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with pytest.raises(OperationalError):
                connection.ensure_connection()
        ended = time.monotonic()

    # With the pool's own defaults it tries again after 15 s and after 31 s.
    assert time.monotonic() - ended < 6
