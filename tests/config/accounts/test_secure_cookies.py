"""Cookies of a site under https, from a real web server: only this host can set them."""

import http.client
from collections.abc import Iterator
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from qrsessions.codes import devices
from qrsessions.models import SessionStatus
from tests.support import factories
from tests.support.classes import token_of
from tests.support.web_server import Server

pytestmark = pytest.mark.django_db(transaction=True)

HEADERS = {
    "Host": "attend.example.edu",
    "X-Forwarded-Proto": "https",
    "Referer": "https://attend.example.edu/",
}


class Browser:
    """Keeps cookies, and remembers how the last answer set them."""

    def __init__(self, server: Server) -> None:
        self.port = server.port
        self.cookies: dict[str, str] = {}

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, SimpleCookie]:
        sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**HEADERS, "Cookie": sent, "Content-Type": "application/x-www-form-urlencoded"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            body = urlencode(form) if form is not None else None
            connection.request("GET" if form is None else "POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            given = SimpleCookie()
            for header in answer.headers.get_all("Set-Cookie", []):
                given.load(header)
        finally:
            connection.close()
        self.cookies |= {name: morsel.value for name, morsel in given.items()}
        return answer.status, given

    def sign_in(self, user) -> SimpleCookie:
        self.ask("/accounts/login/")
        token = self.cookies["__Host-csrftoken"]
        form = {"login": user.username, "password": factories.PASSWORD, "csrfmiddlewaretoken": token}
        status, given = self.ask("/accounts/login/", form)
        assert status == 302
        return given


@pytest.fixture(scope="module")
def web_server(web_environment, tmp_path_factory) -> Iterator[Server]:
    https = {"PUBLIC_URL": "https://attend.example.edu", "BEHIND_PROXY": "true"}
    server = Server(tmp_path_factory.mktemp("web"), web_environment | https)
    yield server
    server.web.stop()


@pytest.fixture
def server(web_server, empty_redis) -> Server:
    """One for all tests of this module, with an empty Redis."""
    return web_server


@pytest.fixture
def session():
    section = factories.make_section(students=1, teachers=[factories.make_teacher()])
    return factories.make_session(section=section, status=SessionStatus.ACTIVE)


def test_every_cookie_is_for_this_host_alone(server, session):
    (student,) = factories.students_of(session.meeting.section)
    browser = Browser(server)
    _status, claim = browser.ask(f"/A/{token_of(session)}")
    signed_in = browser.sign_in(student.user)
    status, page = browser.ask("/student/")

    given = [morsel for answer in (claim, signed_in, page) for morsel in answer.values()]
    assert status == 200
    assert set(browser.cookies) == {
        "__Host-rollcall_claim",
        "__Host-rollcall_device",
        "__Host-rollcall_sign_in",
        "__Host-sessionid",
        "__Host-csrftoken",
    }
    assert {(morsel["secure"], morsel["path"], morsel["domain"]) for morsel in given} == {(True, "/", "")}
    assert {morsel.key for morsel in given if not morsel["httponly"]} == {"__Host-csrftoken"}


def test_cookies_of_the_old_names_sign_nobody_in(server, session):
    (student,) = factories.students_of(session.meeting.section)
    browser = Browser(server)
    browser.sign_in(student.user)
    browser.cookies["sessionid"] = browser.cookies.pop("__Host-sessionid")

    assert browser.ask("/student/")[0] == 302


@pytest.mark.skipif(timezone.now() >= devices.OLD_COOKIE_UNTIL, reason="no longer read")
def test_device_of_the_old_name_stays_the_same_device(server, session):
    (student,) = factories.students_of(session.meeting.section)
    browser = Browser(server)
    browser.sign_in(student.user)
    old = devices.new_device()[devices.COOKIE].value
    browser.cookies[devices.OLD_COOKIE] = old

    _status, given = browser.ask("/student/")
    _status, again = browser.ask("/student/")

    assert given["__Host-rollcall_device"].value == old
    assert (given["rollcall_device"].value, given["rollcall_device"]["max-age"]) == ("", "0")
    assert "__Host-rollcall_device" not in again


def test_form_of_an_open_page_is_accepted_beside_an_old_csrf_cookie(server, session):
    (student,) = factories.students_of(session.meeting.section)
    browser = Browser(server)
    browser.cookies["csrftoken"] = "x" * 32
    browser.sign_in(student.user)

    assert browser.ask("/student/")[0] == 200
