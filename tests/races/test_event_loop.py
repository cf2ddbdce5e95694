"""Many phones at one web process, over real connections: more than it has threads, some of which go away."""

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from rest_framework.authtoken.models import Token

from attendance import locks
from attendance.models import AttendanceRecord, Status
from config.event_loop import THREADS
from qrsessions.models import JoinPolicy, SessionStatus
from tests import factories
from tests.qrsessions.conftest import sets_of, token_of
from tests.races.conftest import Server, compare_sets
from tests.valkeys import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PHONES = 4 * THREADS


@pytest.fixture
def hall():
    """An active session with more students than a process has threads."""
    section = factories.make_section(students=PHONES)
    return factories.make_session(section=section, status=SessionStatus.ACTIVE, join_policy=JoinPolicy.OPEN)


def marked(session) -> set[int]:
    records = AttendanceRecord.objects.filter(meeting=session.meeting, status=Status.PRESENT)
    return {record.student_id for record in records}


def headers_of(student) -> dict[str, str]:
    key = Token.objects.get_or_create(user=student.user)[0].key
    return {"Authorization": f"Token {key}", "Content-Type": "application/json"}


def post(server: Server, body, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Ask to be marked; without the database of this process, whose threads share few connections."""
    caller = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        caller.request("POST", "/api/v1/mark/", body, headers)
        answer = caller.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        caller.close()


def test_more_phones_at_once_than_threads_are_all_marked(hall, own_servers):
    students = factories.students_of(hall.meeting.section)
    headers = [headers_of(student) for student in students]
    body = json.dumps({"token": token_of(hall)})

    with ThreadPoolExecutor(PHONES) as phones:
        # Each twice: a phone that heard no answer sends it again.
        first, again = (
            list(phones.map(lambda one: post(own_servers[0], body, one), headers)) for _ in range(2)
        )

    assert {status for status, _told in first} == {201}
    assert {(status, told["code"]) for status, told in again} == {(200, "already_marked")}
    assert again[0][1]["stats"]["total_present"] == PHONES
    assert marked(hall) == {student.pk for student in students}
    assert len(sets_of(hall)[1]) == PHONES


def test_phone_that_goes_away_before_its_answer_is_marked(hall, own_servers):
    student = factories.students_of(hall.meeting.section)[0]
    body = json.dumps({"token": token_of(hall)}).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in headers_of(student).items()).encode()

    with transaction.atomic():
        locks.hold([hall.meeting.pk])
        with socket.create_connection(("127.0.0.1", own_servers[0].port), timeout=10) as phone:
            phone.sendall(
                b"POST /api/v1/mark/ HTTP/1.1\r\nHost: 127.0.0.1\r\n%sContent-Length: %d\r\n\r\n%s"
                % (head, len(body), body)
            )
            wait_until(somebody_waits_for_a_lock)

    wait_until(lambda: marked(hall))
    assert marked(hall) == {student.pk}
    compare_sets([hall])


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return bool(cursor.fetchone()[0])


def test_body_of_any_size_and_form_gets_an_answer(hall, own_servers):
    headers = headers_of(factories.students_of(hall.meeting.section)[0])
    token = json.dumps({"token": token_of(hall)}).encode()
    bodies = [b"x" * 3_000_000, b"{" * 2000, b"", b"\xff\xfe", iter([token[:5], token[5:]])]

    statuses = [post(own_servers[0], body, headers)[0] for body in bodies]

    assert statuses == [400, 400, 400, 400, 201]
