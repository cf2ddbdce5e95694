"""The API runs without the middleware of pages, and is as safe."""

import pytest
from django.test import Client

from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def student():
    client = Client()
    client.force_login(factories.make_student().user)
    return client


def test_answer_says_what_it_depends_on_and_embeds_nothing(student):
    headers = student.get("/api/v1/me/session/").headers

    assert headers["Vary"] == "Accept, Accept-Language, Authorization, Cookie"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Language"] == "en"
    assert headers["Content-Length"]


def test_foreign_host_is_refused(student, settings):
    settings.ALLOWED_HOSTS = ["attend.example.edu"]

    assert student.get("/api/v1/me/session/", headers={"host": "evil.example"}).status_code == 400


def test_address_that_is_none_is_not_found(student):
    assert student.get("/api/v1/nothing/").status_code == 404


def test_missing_slash_is_led_on(student):
    answer = student.get("/api/v1/me/records")

    assert (answer.status_code, answer["Location"]) == (301, "/api/v1/me/records/")


def test_wrong_method_is_405_and_says_which_there_are(student):
    answer = student.put("/api/v1/mark/", {}, content_type="application/json")

    assert answer.status_code == 405
    assert answer["Allow"] == "POST, OPTIONS"


def test_options_say_what_there_is(student):
    answer = student.options("/api/v1/mark/")

    assert answer.status_code == 200
    assert answer.json()["name"] == "Mark"


def test_body_that_is_too_large_is_refused_as_json(student, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    answer = student.post("/api/v1/mark/", {"token": "A" * 20}, "application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_body_of_a_teacher_that_is_too_large_is_refused_as_json(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.make_teacher())
    client.cookies["csrftoken"] = token = "a" * 32

    answer = client.post(
        "/api/v1/sessions/", b'{"section": 123456789}', "application/json", headers={"x-csrftoken": token}
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_post_of_a_browser_needs_csrf_and_the_sites_own_origin():
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.make_student().user)
    client.get("/student/")
    token = client.cookies["csrftoken"].value

    def post(**headers: str) -> int:
        return client.post("/api/v1/mark/", {}, "application/json", headers=headers).status_code

    assert post() == 403
    assert post(**{"x-csrftoken": "x" * 32}) == 403
    assert post(**{"x-csrftoken": token, "origin": "https://evil.example"}) == 403
    assert post(**{"x-csrftoken": token}) == 400
    assert post(**{"x-csrftoken": token, "origin": "http://testserver"}) == 400


def test_plain_http_is_sent_to_https_where_the_site_is_secure(student, settings):
    settings.SECURE_SSL_REDIRECT = True

    assert Client().get("/api/v1/me/session/").status_code == 301
