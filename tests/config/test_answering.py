"""What a hall asks at once is answered past Django's middleware, and says what it would say through it."""

import asyncio
import logging

import pytest
from django.core.cache import cache
from django.core.wsgi import get_wsgi_application
from django.test import Client
from rest_framework.authtoken.models import Token

from attendance import sign_in_memory
from attendance.models import AttendanceRecord
from bench.in_process import counting
from config import answering
from config.event_loop import Application
from config.rsgi import application
from qrsessions import sources
from qrsessions.models import SessionStatus
from qrsessions.pacing import Few
from tests import factories
from tests.config.loops import Protocol, Scope, mark_with, on_a_loop
from tests.config.test_database_away import database_away
from tests.qrsessions.conftest import token_of
from tests.qrsessions.test_student_pages import code_of

pytestmark = pytest.mark.django_db(transaction=True)

HALL = 20
ASKED = "/api/v1/me/session/"


def browser_of(user) -> Client:
    browser = Client()
    browser.force_login(user)
    browser.get("/student/", secure=True)
    return browser


def headers_of(browser: Client) -> dict[str, str]:
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())
    return {
        "cookie": cookies,
        "x_csrftoken": browser.cookies["csrftoken"].value,
        "content_type": "application/json",
        "origin": "http://testserver",
    }


def asked_on_the_loop(scope: Scope, body: bytes = b"", *, app: Application = application) -> Protocol:
    protocol = Protocol(body)
    on_a_loop(app, lambda: app.__rsgi__(scope, protocol))
    return protocol


@pytest.fixture
def hall():
    """An active session, and the browsers of its students."""
    section = factories.make_section(students=HALL)
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE, join_policy="open")
    return session, [browser_of(student.user) for student in factories.students_of(section)]


@pytest.fixture
def hsts(settings):
    """Settings that no answer knows yet."""
    settings.SECURE_HSTS_SECONDS = 3600
    answering._said_by_all.cache_clear()
    yield
    answering._said_by_all.cache_clear()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("language", ["en", "hi"])
def test_every_header_is_as_through_the_middleware(hsts, hall, scheme, language):
    _session, (browser, *_others) = hall
    through = browser.get(ASKED, headers={"accept-language": language}, secure=scheme == "https")
    scope = Scope("GET", ASKED, **headers_of(browser), accept_language=language)
    scope.scheme = scheme

    past = asked_on_the_loop(scope)

    assert past.status == through.status_code == 200
    (told,), (expected,) = past.json()["sessions"], through.json()["sessions"]
    assert told == expected | {"stats": told["stats"]}
    assert past.headers == dict(through.headers)
    assert ("Strict-Transport-Security" in past.headers) == (scheme == "https")


def test_what_does_not_come_over_tls_is_sent_on(settings, hall):
    settings.SECURE_SSL_REDIRECT = True
    _session, (browser, *_others) = hall
    scope = Scope("GET", ASKED, **headers_of(browser))
    app = Application(get_wsgi_application())

    plain = asked_on_the_loop(scope, app=app)
    scope.scheme = "https"
    secure = asked_on_the_loop(scope, app=app)

    assert (plain.status, plain.headers["Location"]) == (301, f"https://testserver{ASKED}")
    assert secure.status == 200


def test_foreign_host_is_refused(settings, hall):
    settings.ALLOWED_HOSTS = ["attend.example.edu"]
    _session, (browser, *_others) = hall

    assert asked_on_the_loop(Scope("GET", ASKED, **headers_of(browser))).status == 400


def test_mistake_of_ours_is_500_and_logged_once(monkeypatch, caplog, hall):
    async def broken(**_asked):
        raise LookupError("a mistake")

    monkeypatch.setattr("qrsessions.joining.join", broken)
    session, (browser, *_others) = hall
    scope = Scope("POST", f"/api/v1/sessions/{session.public_id}/join/", **headers_of(browser))
    with caplog.at_level(logging.ERROR):
        answer = asked_on_the_loop(scope)

    assert answer.status == 500
    assert [(record.name, record.exc_info is not None) for record in caplog.records] == [
        ("django.request", True)
    ]


def test_refusal_is_logged_as_django_does(caplog, hall):
    session, _browsers = hall
    scope = Scope("POST", f"/api/v1/sessions/{session.public_id}/join/")
    with caplog.at_level(logging.WARNING):
        assert asked_on_the_loop(scope).status == 401

    assert [record.getMessage() for record in caplog.records] == [f"Unauthorized: {scope.path}"]


def test_who_is_asked_to_come_again_is_not_logged(monkeypatch, caplog, hall):
    monkeypatch.setattr("qrsessions.api.own_sessions.few_readers", few := Few(1))
    _session, (browser, *_others) = hall
    with few.place(), caplog.at_level(logging.INFO):
        past = asked_on_the_loop(Scope("GET", ASKED, **headers_of(browser)))
        through = browser.get(ASKED)

    assert (past.status, through.status_code) == (429, 429)
    assert past.json() == through.json()
    assert caplog.records == []


# --- Phones that the process does not know ----------------------------------------------------------------


def nobody_is_known() -> None:
    cache.clear()
    sign_in_memory._kept.clear()
    sign_in_memory.forget_all()
    sources._known.clear()


def asked_together(asked: list[tuple[Scope, Protocol]]) -> list[int]:
    async def ask() -> None:
        await asyncio.gather(*(application.__rsgi__(*one) for one in asked))

    on_a_loop(application, ask)
    return [protocol.status for _scope, protocol in asked]


def test_hall_of_strangers_is_marked_by_few_queries(hall, in_threads):
    session, browsers = hall
    asked = [mark_with(headers_of(browser), token_of(session)) for browser in browsers]
    nobody_is_known()

    with counting() as counted:
        statuses = asked_together(asked)

    assert statuses == [201] * HALL
    assert AttendanceRecord.objects.filter(meeting=session.meeting, status="present").count() == HALL
    assert in_threads == []
    # One by one each would take three or more before its mark.
    assert counted.queries < HALL


def test_strangers_hear_that_the_database_is_away_and_are_marked_afterwards(hall, in_threads):
    session, browsers = hall
    asked = [mark_with(headers_of(browser), token_of(session)) for browser in browsers]
    nobody_is_known()
    with database_away():
        away = asked_together(asked)
    told = {(protocol.json()["code"], protocol.headers["Retry-After"]) for _scope, protocol in asked}
    again = [mark_with(headers_of(browser), token_of(session)) for browser in browsers]

    assert away == [503] * HALL
    assert told == {("unavailable", "2")}
    assert asked_together(again) == [201] * HALL
    assert in_threads == []


def test_each_stranger_is_who_the_own_cookie_or_token_says(hall):
    session, browsers = hall
    users = [record.user for record in factories.students_of(session.meeting.section)]
    signed_out, blocked, changed = browsers[:3]
    dead = headers_of(signed_out)
    signed_out.logout()
    users[1].is_active = False
    users[1].save()
    users[2].set_password("another one, quite long")
    users[2].save()
    token = {
        "authorization": f"Token {Token.objects.create(user=users[3]).key}",
        "content_type": "application/json",
    }
    forged = {"authorization": "Token 0123456789", "content_type": "application/json"}
    strange = {"cookie": "sessionid=\x00\x00\x00\x00\x00\x00\x00\x00", "content_type": "application/json"}
    good = [headers_of(browser) for browser in browsers[4:7]]
    bad = [dead, headers_of(blocked), headers_of(changed), forged, strange]
    nobody_is_known()

    statuses = asked_together([mark_with(one, token_of(session)) for one in [*bad, token, *good]])

    assert statuses == [401] * len(bad) + [201] * 4
    marked = AttendanceRecord.objects.filter(meeting=session.meeting).values_list("student__user", flat=True)
    assert set(marked) == {user.pk for user in users[3:7]}


def test_stranger_who_types_the_code_is_marked_by_a_thread(hall, in_threads):
    session, (browser, *_others) = hall
    headers = headers_of(browser)
    body = b'{"session": "%s", "code": "%s"}' % (session.public_id.encode(), code_of(session).encode())
    nobody_is_known()

    answer = asked_on_the_loop(Scope("POST", "/api/v1/mark/", **headers, content_length=str(len(body))), body)

    assert (answer.status, answer.json()["code"]) == (201, "marked")
    # How often somebody types is counted in Redis before.
    assert in_threads == ["/api/v1/mark/"]


def test_query_that_nobody_announced_is_made_by_a_thread(monkeypatch, hall, in_threads):
    # Tests in a browser allow it.
    monkeypatch.delenv("DJANGO_ALLOW_ASYNC_UNSAFE", raising=False)
    find = sources.find

    async def find_after_a_query(public_id):
        AttendanceRecord.objects.count()
        return await find(public_id)

    monkeypatch.setattr("qrsessions.sources.find", find_after_a_query)
    session, (browser, *_others) = hall
    scope, protocol = mark_with(headers_of(browser), token_of(session))

    assert asked_together([(scope, protocol)]) == [201]
    assert protocol.json()["code"] == "marked"
    assert in_threads == ["/api/v1/mark/"]
