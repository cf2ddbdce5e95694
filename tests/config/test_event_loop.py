"""The event loop: what it answers itself, what it leaves to threads, and what is finished later.

The server's side of RSGI is stood in for (``loops.py``); ``tests/races/test_event_loop.py`` has granian itself.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import DisallowedHost
from django.http import StreamingHttpResponse
from django.http.request import validate_host
from django.test import Client, RequestFactory
from django.utils import timezone

from attendance.models import AttendanceRecord
from attendance.together import Together
from config.answering import Answering, QuickRequest, match_of
from config.event_loop import PIECE_BYTES, Application, _share_processors_in_turns
from config.rsgi import application
from qrsessions import lifecycle, sources
from qrsessions.api.student_view import Content
from qrsessions.models import SessionStatus
from tests import factories
from tests.config.loops import Protocol, Scope, mark_with, on_a_loop
from tests.qrsessions.conftest import token_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def phone():
    """A student of an active session, and the headers of the phone's requests."""
    section = factories.make_section(students=1)
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE, join_policy="open")
    (student,) = factories.students_of(section)
    client = Client()
    client.force_login(student.user)
    client.get("/student/")
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    headers = {
        "cookie": cookies, "x_csrftoken": client.cookies["csrftoken"].value, "content_type": "application/json",
        "origin": "http://testserver",
    }  # fmt: skip
    cache.clear()
    sources._known.clear()
    return session, headers


def test_phone_is_marked_without_a_thread_whether_it_is_known_or_not(phone, in_threads):
    session, headers = phone
    answers = []

    async def mark_twice() -> None:
        for _ in range(2):
            scope, protocol = mark_with(headers, token_of(session))
            await application.__rsgi__(scope, protocol)
            answers.append(
                (protocol.status, protocol.json()["code"], protocol.json()["stats"]["total_present"])
            )

    on_a_loop(application, mark_twice)

    assert answers == [(201, "marked", 1), (200, "already_marked", 1)]
    # The first time the process knew neither the sign-in nor the session.
    assert in_threads == []
    assert AttendanceRecord.objects.get().status == "present"


def test_answer_that_came_later_is_like_any_other(phone):
    session, headers = phone
    scope, protocol = mark_with(headers, token_of(session))
    client = Client()
    client.force_login(factories.make_student().user)

    on_a_loop(application, lambda: application.__rsgi__(scope, protocol))
    at_once = client.get("/api/v1/me/session/").headers

    shared = ("Content-Security-Policy", "Content-Type", "Vary", "X-Content-Type-Options", "Content-Language")
    assert {name: protocol.headers[name] for name in shared} == {name: at_once[name] for name in shared}
    assert protocol.headers["Content-Length"] == str(len(protocol.body))


def test_refusal_that_came_later_is_in_the_language_of_who_asked(phone):
    session, headers = phone
    lifecycle.take_step(session=session, step="end", by=session.opened_by, at=timezone.now())
    said = {}

    async def mark_in_both() -> None:
        asked = {
            language: mark_with(headers | {"accept_language": language}, token_of(session))
            for language in ("hi", "en")
        }
        await asyncio.gather(*(application.__rsgi__(*one) for one in asked.values()))
        said.update({language: protocol for language, (_scope, protocol) in asked.items()})

    on_a_loop(application, mark_in_both)

    assert {language: (one.status, one.json()["code"]) for language, one in said.items()} == {
        "hi": (409, "not_active"),
        "en": (409, "not_active"),
    }
    assert said["en"].json()["detail"] == "Attendance is not being taken now."
    assert not said["hi"].json()["detail"].isascii()


def test_forged_csrf_token_is_refused_on_the_loop_as_well(phone):
    session, headers = phone
    scope, protocol = mark_with(headers | {"origin": "https://evil.example"}, token_of(session))

    on_a_loop(application, lambda: application.__rsgi__(scope, protocol))

    assert protocol.status == 403
    assert not AttendanceRecord.objects.exists()


def test_pages_are_left_to_threads(in_threads):
    protocol = Protocol()

    on_a_loop(application, lambda: application.__rsgi__(Scope("GET", "/accounts/login/"), protocol))

    assert (protocol.status, in_threads) == (200, ["/accounts/login/"])
    assert b"<form" in protocol.body


class Handler:
    """Answers with what it is given, as Django's does."""

    def __init__(self, response: Any) -> None:
        self._response = response

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        return self._response


@pytest.mark.parametrize("chunks", [[], [b"one"], [b"a" * 4096] * 500, [b"b" * PIECE_BYTES]])
def test_stream_arrives_whole_and_is_closed(chunks):
    closed = []
    response = StreamingHttpResponse(iter(chunks), headers={"X-Own": "1"})
    response._resource_closers.append(lambda: closed.append(True))
    app, protocol = Application(Handler(response)), Protocol()

    on_a_loop(app, lambda: app.__rsgi__(Scope("GET", "/long"), protocol))

    assert (protocol.status, protocol.headers["X-Own"]) == (200, "1")
    assert protocol.body == b"".join(chunks)
    assert closed


# --- Sharing the processors -------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="only Linux has it")
def test_the_threads_of_a_web_process_share_the_processors_in_turns():
    found: list[int] = []

    def look() -> None:
        found.append(os.sched_getscheduler(0))

    def be_a_loop() -> None:
        look()
        _share_processors_in_turns()
        look()
        own = threading.Thread(target=look)
        own.start()
        own.join()

    loop = threading.Thread(target=be_a_loop)
    loop.start()
    loop.join()

    assert found[1:] == [os.SCHED_BATCH, os.SCHED_BATCH]


def test_a_process_that_may_not_choose_goes_on(monkeypatch):
    def forbidden(*_asked: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbidden, raising=False)
    _share_processors_in_turns()


class Crowd:
    """Answers that wait for the same go, except the first, for which that go waits."""

    def __init__(self) -> None:
        self.all_are_here = threading.Event()
        self._together = Together(self._do_all, key=lambda number: number)
        self.happened: list[str] = []
        self.app = Application(application._handler)

    def _do_all(self, numbers):
        self.all_are_here.wait(10)
        return list(numbers)

    async def _made(self, number: int) -> Content:
        await self._together.do(number)
        self.happened.append(f"made {number}")
        if number == 3:
            raise LookupError(number)
        return Content(b"{}", 200, {})

    async def answer(self, number: int) -> None:
        request = QuickRequest(RequestFactory().get("/api/v1/mark/").environ)
        answering = Answering(request, match_of(request.path, settings.ROOT_URLCONF))
        answering._work.close()
        answering._work = self._made(number)
        await self.app._answer(answering, protocol := Protocol())
        self.happened.append(f"{protocol.status} sent to {number}")

    async def answers(self) -> None:
        first = asyncio.create_task(self.answer(1))
        await asyncio.sleep(0.2)
        others = [asyncio.create_task(self.answer(number)) for number in (2, 3, 4)]
        await asyncio.sleep(0)
        self.all_are_here.set()
        await asyncio.gather(first, *others)


def test_all_answers_of_a_go_are_made_before_the_first_is_sent():
    crowd = Crowd()

    on_a_loop(crowd.app, crowd.answers)

    assert crowd.happened[:2] == ["made 1", "200 sent to 1"]
    # The one that failed takes none of the others with it.
    assert crowd.happened[2:5] == ["made 2", "made 3", "made 4"]
    assert crowd.happened[5:] == ["200 sent to 2", "500 sent to 3", "200 sent to 4"]


# --- The host of a quick request --------------------------------------------------------------------------


def request_to(host: str) -> QuickRequest:
    return QuickRequest(RequestFactory().get("/", headers={"host": host}).environ)


def test_host_of_a_quick_request_is_looked_at_once(settings):
    settings.ALLOWED_HOSTS = ["school.example"]
    request = request_to("school.example:8443")

    with patch("django.http.request.validate_host", wraps=validate_host) as looked:
        assert [request.get_host(), request.get_host()] == ["school.example:8443"] * 2
    assert looked.call_count == 1


def test_host_that_is_none_of_the_sites_is_refused_each_time(settings):
    settings.ALLOWED_HOSTS = ["school.example"]
    request = request_to("evil.example")

    for _ in range(2):
        with pytest.raises(DisallowedHost):
            request.get_host()
