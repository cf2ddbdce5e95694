"""The API is called without the middleware of pages, and is as safe."""

import pytest
from django.test import Client

from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def student():
    client = Client()
    client.force_login(factories.make_student().user)
    return client


def test_answer_has_the_security_headers(student):
    headers = student.get("/api/v1/me/session/").headers

    assert headers["Vary"] == "Accept, Accept-Language, Authorization, Cookie"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Language"] == "en"
    assert headers["Content-Length"]


def test_unknown_host_is_refused(student, settings):
    settings.ALLOWED_HOSTS = ["attend.example.edu"]

    # Where the site is secure, the redirect to https is the first to see the host.
    for secure in (False, True):
        settings.SECURE_SSL_REDIRECT = secure
        for path in ("/api/v1/me/session/", "/api/v1/nothing/"):
            answer = student.get(path, headers={"host": "evil.example"})

            assert answer.status_code == 400
            assert answer.json() == {
                "code": "malformed",
                "detail": "The request is malformed, or was sent to a host this site doesn't know.",
            }


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v1/nothing/", "/api/v1/sessions/7gk2/", "/api/v2/me/session/"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_address_is_404_as_json(student, path, method):
    for client in (student, Client(enforce_csrf_checks=True)):
        answer = client.generic(method, path, headers={"accept": "text/html"})

        assert answer.status_code == 404
        assert answer.json() == {"code": "not_found", "detail": "There is nothing at this address."}


def test_mistake_of_ours_is_500_as_json(student, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("qrsessions.api.student_sessions.OwnSessions.get", broken)
    student.raise_request_exception = False

    answer = student.get("/api/v1/me/session/")

    assert answer.status_code == 500
    assert answer.json() == {
        "code": "server_error",
        "detail": "Something went wrong on the server. Try again in a moment.",
    }


def test_errors_of_pages_stay_pages(student, settings):
    settings.ALLOWED_HOSTS = ["testserver"]

    assert "Page not found" in student.get("/nothing/").content.decode()
    assert "<h1>" in student.get("/student/", headers={"host": "evil.example"}).content.decode()


def test_missing_slash_is_redirected(student):
    answer = student.get("/api/v1/me/records")

    assert (answer.status_code, answer["Location"]) == (301, "/api/v1/me/records/")


def test_wrong_method_is_405_and_lists_the_allowed_ones(student):
    answer = student.put("/api/v1/mark/", {}, content_type="application/json")

    assert answer.status_code == 405
    assert answer["Allow"] == "POST, OPTIONS"


def test_options_are_answered(student):
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


@pytest.mark.parametrize("path", ["/student/", "/api/v1/me/session/"])
def test_session_cookie_that_postgresql_would_refuse_signs_nobody_in(path):
    client = Client()
    client.cookies["sessionid"] = "abcdefghij\0"

    assert client.get(path).status_code in (302, 401)


@pytest.mark.parametrize("body", ['{"token": "\\ud800"}', "[" * 100_000])
def test_json_that_cannot_be_answered_is_malformed(student, body):
    answer = student.post("/api/v1/mark/", body, "application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
