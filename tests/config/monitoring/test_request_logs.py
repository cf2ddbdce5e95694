"""The log as an administrator reads it: one line for each sign-in and each refused request, and no secret in any."""

import io
import logging
import re
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from attendance.models import ApiToken, CalendarFeed
from config.monitoring.logs import LineFormatter
from qrsessions.models import SessionStatus
from qrsessions.services import scanning
from qrsessions.views.exports import calendar
from tests.support import factories
from tests.support.classes import code_of, token_of
from tests.support.factories import PASSWORD
from tests.support.postgres.database import database_away

pytestmark = pytest.mark.django_db(transaction=True)

Log = Callable[[], list[str]]


@pytest.fixture
def raw_log() -> Iterator[Callable[[], str]]:
    """What was logged since the last call."""
    cache.clear()
    root = logging.getLogger()
    real = next(handler for handler in root.handlers if isinstance(handler.formatter, LineFormatter))
    stream = io.StringIO()
    ours = logging.StreamHandler(stream)
    ours.setFormatter(real.formatter)
    ours.filters = real.filters
    root.addHandler(ours)

    def written() -> str:
        text = stream.getvalue()
        stream.truncate(0)
        stream.seek(0)
        return text

    yield written
    root.removeHandler(ours)


@pytest.fixture
def log(raw_log) -> Log:
    """The lines since the last call, without time and level."""

    def lines() -> list[str]:
        lines = [re.sub(r"^time=\S+ level=\w+ ", "", line) for line in raw_log().splitlines()]
        # force_login has no address.
        return [line for line in lines if 'address=""' not in line]

    return lines


@pytest.fixture
def teacher():
    return factories.make_teacher(username="asha")


@pytest.fixture
def student():
    return factories.make_student(student_id="S1", user=factories.make_user(username="ben"))


@pytest.fixture
def active(student, teacher):
    section = factories.make_section(students=[student], teachers=[teacher])
    return factories.make_session(section=section, status=SessionStatus.ACTIVE)


def browser(user=None, **options) -> Client:
    client = Client(raise_request_exception=False, **options)
    if user:
        client.force_login(user)
    return client


# --- Sign-ins ---------------------------------------------------------------------------------------------


def by_page(name: str, password: str) -> int:
    return browser().post("/accounts/login/", {"login": name, "password": password}).status_code


def by_api(name: str, password: str) -> int:
    body = {"username": name, "password": password}
    return browser().post("/api/v1/auth/token/", body, "application/json").status_code


PAGES = {by_page: "/accounts/login/", by_api: "/api/v1/auth/token/"}


@pytest.mark.parametrize("sign_in", PAGES)
@pytest.mark.parametrize("name", ["asha", "ASHA@example.edu"])
def test_sign_in_is_logged_once_with_account_and_address(teacher, log, sign_in, name):
    assert sign_in(name, PASSWORD) in (200, 302)

    assert log() == [
        f"logger=rollcall.accounts event=signed_in account=asha address=127.0.0.1 path={PAGES[sign_in]}"
    ]


@pytest.mark.parametrize("sign_in", PAGES)
@pytest.mark.parametrize("name", ["asha", "Asha@example.edu"])
def test_failed_sign_in_is_logged_once_with_account_and_address(teacher, log, sign_in, name):
    sign_in(name, "not the one")

    assert log() == [
        "logger=rollcall.accounts event=sign_in_failed account=asha address=127.0.0.1 "
        f"path={PAGES[sign_in]} reason=wrong_credentials"
    ]


@pytest.mark.parametrize("sign_in", PAGES)
def test_password_in_the_wrong_field_is_not_logged(teacher, log, sign_in):
    sign_in("my secret pass phrase", "asha")

    (line,) = log()
    assert "event=sign_in_failed" in line
    assert 'account=""' in line
    assert "secret" not in line


@pytest.mark.parametrize("sign_in", PAGES)
def test_sign_in_that_is_tried_too_often_is_logged_once(teacher, log, sign_in):
    for _ in range(10):
        sign_in("asha", "not the one")
    log()

    sign_in("asha", PASSWORD)

    (line,) = log()
    assert line.startswith("logger=rollcall.accounts event=sign_in_failed account=asha address=127.0.0.1")
    assert line.endswith("reason=too_often")


def test_sign_in_by_a_mailed_code_is_logged_without_the_code(teacher, log, mailoutbox):
    client = browser()
    client.post("/accounts/login/code/", {"email": teacher.email})
    code = re.search(r"\d{4}-\d{4}", mailoutbox[0].body)[0]

    client.post("/accounts/login/code/confirm/", {"code": "0000-0000"})
    client.post("/accounts/login/code/confirm/", {"code": code})

    where = "account=asha address=127.0.0.1 path=/accounts/login/code/confirm/"
    assert log() == [
        f"logger=rollcall.accounts event=sign_in_failed {where} reason=wrong_code",
        f"logger=rollcall.accounts event=signed_in {where}",
    ]


# --- Refused requests -------------------------------------------------------------------------------------


def only_line(log: Log) -> str:
    (line,) = log()
    assert "traceback" not in line.lower()
    return line


def test_page_of_another_role_is_one_line_without_a_traceback(student, log):
    assert browser(student.user).get("/teach/").status_code == 403

    assert only_line(log) == (
        'logger=django.request event="Forbidden (Permission denied): /teach/" status_code=403'
    )


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/teach/sessions/7GK2QM9X/", {}, 404),
        ("/teach/nowhere/", {}, 404),
        ("/teach/", {"host": "evil.example"}, 400),
        ("/api/v1/sections/", {"authorization": "Token wrong"}, 401),
        ("/api/v1/sessions/7GK2QM9X/", {}, 404),
    ],
)
def test_refused_request_is_one_line_without_a_traceback(teacher, log, path, headers, status):
    assert browser(teacher, headers=headers).get(path).status_code == status

    assert f"status_code={status}" in only_line(log)


@pytest.mark.parametrize("path", ["/teach/", "/api/v1/sections/"])
@pytest.mark.parametrize("host", ["evil.example", "localhost:99999"])
def test_wrong_host_is_a_warning_without_a_traceback(raw_log, path, host):
    assert browser(headers={"host": host}).get(path).status_code == 400

    (line,) = raw_log().splitlines()
    assert " level=warning logger=django.security.DisallowedHost " in line
    assert "traceback" not in line.lower()


def test_form_without_csrf_is_one_line(teacher, log):
    assert browser(teacher, enforce_csrf_checks=True).post("/accounts/logout/").status_code == 403

    assert "CSRF" in only_line(log)


def test_refused_mark_of_a_program_is_one_line(student, active, log):
    headers = {"authorization": f"Token {factories.key_of(student.user)}"}
    token = token_of(active)

    answer = browser(headers=headers).post("/api/v1/mark/", {"token": token}, "application/json")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_joined")
    assert only_line(log) == (
        f"logger=rollcall.marks event=mark_refused reason=not_joined session={active.public_id} student=S1"
    )


@pytest.mark.parametrize("kind", ["expired", "forged"])
def test_refused_scan_is_one_line(student, active, log, kind):
    token = token_of(active, steps_ago=9) if kind == "expired" else "NONSENSE" * 3

    assert browser(student.user).get(f"/A/{token}").status_code in (400, 409)

    line = only_line(log)
    assert "event=mark_refused" in line
    assert token not in line


def test_lost_database_is_one_line(student, log):
    client = browser(student.user)
    log()

    with database_away():
        assert client.get("/student/").status_code == 503
        lines = [line for line in log() if "psycopg" not in line]

    assert lines == ["logger=rollcall.database event=database_failed error=PoolTimeout"] or (
        len(lines) == 1 and "event=database_failed" in lines[0]
    )


# --- Secrets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/A/{}", "/a/{}", "/A/{}/", "/A/{}/more", "/A/x{}", "/A/ {}", "//A/{}", "/x{}", "/B/{}x", "/x/_{}_"],
)
@pytest.mark.parametrize("who", ["nobody", "student", "teacher"])
def test_address_of_a_fresh_code_is_never_logged(student, teacher, active, log, path, who):
    user = {"nobody": None, "student": student.user, "teacher": teacher}[who]
    token = token_of(active)

    browser(user).get(path.format(token))

    written = "\n".join(log())
    assert token not in written
    assert token.lower() not in written.lower()


@pytest.mark.parametrize(
    "path",
    [
        "/calendar/{}.ics",
        "/calendar/{}",
        "/Calendar/{}.ics/",
        "/calendars/{}.ics",
        "//calendar//{}.ics",
        "/x/{}",
    ],
)
@pytest.mark.parametrize("is_known", [True, False])
def test_address_of_a_calendar_is_never_logged(teacher, log, path, is_known):
    secret = CalendarFeed.objects.make(user=teacher, at=timezone.now())
    if not is_known:
        CalendarFeed.objects.all().delete()

    status = browser().get(path.format(secret)).status_code

    written = "\n".join(log()).lower()
    assert (status, bool(written)) == (
        (200, False) if is_known and path == "/calendar/{}.ics" else (404, True)
    )
    # Not even a part of it that would shorten the guessing.
    assert secret[:8] not in written
    assert secret[-4:] not in written


def test_error_while_a_calendar_is_read_does_not_log_its_address(teacher, log, monkeypatch):
    def fail(*_arguments, **_named):
        raise RuntimeError

    monkeypatch.setattr(calendar, "calendar_file", fail)
    secret = CalendarFeed.objects.make(user=teacher, at=timezone.now())

    assert browser().get(f"/calendar/{secret}.ics").status_code == 500

    (line,) = log()
    assert "RuntimeError" in line
    assert secret not in line


def test_error_while_a_code_is_read_does_not_log_the_code(student, active, log, monkeypatch):
    def fail(**_arguments):
        raise RuntimeError

    monkeypatch.setattr(scanning, "arrive", fail)
    token = token_of(active)

    assert browser(student.user).get(f"/A/{token}").status_code == 500

    (line,) = log()
    assert "RuntimeError" in line
    assert token not in line


def test_link_that_sets_a_password_is_not_logged(teacher, log, mailoutbox):
    browser().post("/accounts/password/reset/", {"email": teacher.email})
    link = next(word for word in mailoutbox[0].body.split() if "/key/" in word)
    log()

    assert browser(enforce_csrf_checks=True).post(link, {}).status_code == 403

    key = link.rstrip("/").rpartition("/")[2]
    assert key not in only_line(log)


def test_no_secret_of_a_class_is_logged(student, teacher, active, log):
    key = ApiToken.objects.make(user=student.user, at=timezone.now())
    headers = {"authorization": f"Token {key}"}
    token, code = token_of(active), code_of(active)
    phone, program = browser(), browser(headers=headers)

    phone.get(f"/A/{token}")
    claim = phone.cookies["rollcall_claim"].value
    by_page("ben", PASSWORD)
    for body in (
        {"token": token},
        {"claim": claim},
        {"session": active.public_id, "code": code},
        {"session": active.public_id, "code": "12345678"},
        {"token": token + "X"},
    ):
        program.post("/api/v1/mark/", body, "application/json")
    program.post("/api/v1/nowhere/", {"token": token}, "application/json")
    browser(teacher).get(f"/api/v1/sessions/{active.public_id}/token/")

    written = "\n".join(log())
    assert written
    assert [secret for secret in (key, token, claim, code, PASSWORD) if secret in written] == []
