"""Many clients at one web process, over real connections: more than it has threads, slow ones, and some that leave."""

import http.client
import json
import socket
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from attendance.lib import advisory_locks
from attendance.models import AttendanceRecord, Status
from config.serving.http import MAX_BODY_BYTES
from config.serving.request_pools import make_pools
from qrsessions.models import JoinPolicy, SessionStatus
from tests.support import factories
from tests.support.classes import token_of
from tests.support.live_sets import assert_sets_match_database, sets_of
from tests.support.postgres.database import a_backend_waits_for_a_lock
from tests.support.waiting import wait_until
from tests.support.web_server import Server

pytestmark = pytest.mark.django_db(transaction=True)

MARKS = next(pool for pool in make_pools() if pool.name == "marks")
PHONES = 2 * MARKS.running


@pytest.fixture
def hall():
    """An active session with more students than a process has threads for marks."""
    section = factories.make_section(students=PHONES)
    return factories.make_session(section=section, status=SessionStatus.ACTIVE, join_policy=JoinPolicy.OPEN)


def marked(session) -> set[int]:
    records = AttendanceRecord.objects.filter(meeting=session.meeting, status=Status.PRESENT)
    return {record.student_id for record in records}


def headers_of(student) -> dict[str, str]:
    key = factories.key_of(student.user)
    return {"Authorization": f"Token {key}", "Content-Type": "application/json"}


def post(server: Server, body, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Send a mark. The threads of the test need no database for it."""
    caller = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        caller.request("POST", "/api/v1/mark/", body, headers)
        answer = caller.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        caller.close()


def test_more_phones_than_threads_are_all_marked_once(hall, own_servers):
    students = factories.students_of(hall.meeting.section)
    headers = [headers_of(student) for student in students]
    body = json.dumps({"token": token_of(hall)})

    with ThreadPoolExecutor(PHONES) as phones:
        # Each twice: a phone that heard no answer sends its scan again.
        first, second = (
            list(phones.map(lambda one: post(own_servers[0], body, one), headers)) for _ in range(2)
        )

    # A lazy query after the commit must not turn the first answer into `already_marked`.
    assert {(status, answer["code"]) for status, answer in first} == {(201, "marked")}
    assert {(status, answer["code"]) for status, answer in second} == {(200, "already_marked")}
    assert second[0][1]["stats"]["total_present"] == PHONES
    assert marked(hall) == {student.pk for student in students}
    assert len(sets_of(hall)[1]) == PHONES


def test_lazy_query_in_the_answer_of_a_mark_changes_nothing(hall, start_server):
    """The site asks the database once more after the commit, as a careless field of the answer would."""
    server = start_server(DJANGO_SETTINGS_MODULE="tests.support.lazy_query.settings")
    students = factories.students_of(hall.meeting.section)[:5]
    body = json.dumps({"token": token_of(hall)})

    answers = [post(server, body, headers_of(student)) for student in students]

    assert [(status, answer["code"]) for status, answer in answers] == [(201, "marked")] * 5
    assert {answer["lazy"] for _status, answer in answers} == {hall.meeting.section.course.title}
    assert marked(hall) == {student.pk for student in students}


def test_pool_of_two_connections_is_enough_for_a_hundred_marks(hall, start_server):
    server = start_server(DATABASE_POOL_MIN="1", DATABASE_POOL_MAX="2")
    students = factories.students_of(hall.meeting.section)[:100]
    headers = [headers_of(student) for student in students]
    body = json.dumps({"token": token_of(hall)})

    with ThreadPoolExecutor(100) as phones:
        answers = list(phones.map(lambda one: post(server, body, one), headers))

    assert {(status, answer["code"]) for status, answer in answers} == {(201, "marked")}


def test_stopping_server_answers_what_it_has_begun(hall, start_server):
    server = start_server()
    student = factories.students_of(hall.meeting.section)[0]
    headers, body = headers_of(student), json.dumps({"token": token_of(hall)})

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            advisory_locks.hold([hall.meeting.pk])
            answer = pool.submit(post, server, body, headers)
            wait_until(a_backend_waits_for_a_lock)
            stopping = pool.submit(server.web.stop)
            time.sleep(0.5)
        stopping.result(60)

    try:
        status, told = answer.result(60)
    except (OSError, http.client.HTTPException):
        # It was cut off, and committed or not, never half.
        assert marked(hall) in (set(), {student.pk})
    else:
        assert (status, told["code"]) == (201, "marked")
        assert marked(hall) == {student.pk}
    assert len(sets_of(hall)[1]) <= len(marked(hall))


def test_phone_that_leaves_before_its_answer_is_marked(hall, own_servers):
    student = factories.students_of(hall.meeting.section)[0]
    body = json.dumps({"token": token_of(hall)}).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in headers_of(student).items()).encode()

    with transaction.atomic():
        advisory_locks.hold([hall.meeting.pk])
        with socket.create_connection(("127.0.0.1", own_servers[0].port), timeout=30) as phone:
            phone.sendall(
                b"POST /api/v1/mark/ HTTP/1.1\r\nHost: 127.0.0.1\r\n%sContent-Length: %d\r\n\r\n%s"
                % (head, len(body), body)
            )
            wait_until(a_backend_waits_for_a_lock)

    wait_until(lambda: marked(hall))
    assert marked(hall) == {student.pk}
    assert_sets_match_database([hall])


def test_body_of_any_form_gets_an_answer(hall, own_servers):
    headers = headers_of(factories.students_of(hall.meeting.section)[0])
    token = json.dumps({"token": token_of(hall)}).encode()
    bodies = [b"{" * 2000, b"", b"\xff\xfe", b"[1]", iter([token[:5], token[5:]])]

    statuses = [post(own_servers[0], body, headers)[0] for body in bodies]

    assert statuses == [400, 400, 400, 400, 201]


@pytest.mark.parametrize("path", ["/api/v1/mark/", "/healthz", "/no/such/page"])
@pytest.mark.parametrize("chunked", [True, False])
def test_body_that_is_too_large_is_refused_before_it_is_read(own_servers, path, chunked):
    head = (
        "Content-Type: application/json\r\nTransfer-Encoding: chunked"
        if chunked
        else f"Content-Length: {300 * MAX_BODY_BYTES}"
    )
    with socket.create_connection(("127.0.0.1", own_servers[0].port), timeout=30) as client:
        client.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode())
        if chunked:
            piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
            # The server answers and closes while this sends.
            with suppress(OSError):
                for _ in range(64):
                    client.sendall(piece)
        answer = client.recv(1000)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code": "too_large"' in answer


def files_of(server: Server) -> int:
    """How many files and connections its processes have open. Fails if one is a file that takes a body."""
    processes = server.processes()
    for process in processes:
        assert [file.path for file in process.open_files() if "tmp" in Path(file.path).name] == []
    return sum(process.num_fds() for process in processes)


def test_body_of_a_client_that_left_leaves_no_file_open(own_servers):
    server = own_servers[0]
    before = files_of(server)

    for path in ("/healthz", "/no/such/page", "/api/v1/mark/") * 10:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MAX_BODY_BYTES}\r\n\r\n"
            client.sendall(head.encode() + b"x" * (MAX_BODY_BYTES // 2))

    # A database connection may have been opened meanwhile.
    wait_until(lambda: files_of(server) < before + 10)


@contextmanager
def slow_clients(server: Server, number: int) -> Iterator[None]:
    """Clients that stop in the middle of a body, and as many that ask for a large file and read nothing of it."""
    decoder = b"GET /static/vendor/zxing-wasm-3.1.4/zxing_reader.wasm HTTP/1.1\r\nHost: localhost\r\n\r\n"
    unfinished = b"POST /api/v1/mark/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
    with ExitStack() as clients:
        for request in (unfinished, decoder):
            for _ in range(number):
                client = socket.socket()
                # So small that the kernel does not take the file for the reader.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.settimeout(30)
                client.connect(("127.0.0.1", server.port))
                clients.enter_context(client)
                client.sendall(request)
        yield


def test_slow_clients_hold_no_threads(hall, own_servers):
    students = factories.students_of(hall.meeting.section)
    headers = [headers_of(student) for student in students]
    body = json.dumps({"token": token_of(hall)})
    half = len(headers) // 2

    def seconds_of(one: dict[str, str]) -> float:
        began = time.perf_counter()
        assert post(own_servers[0], body, one)[0] == 201
        return time.perf_counter() - began

    with ThreadPoolExecutor(8) as phones:
        alone = list(phones.map(seconds_of, headers[:half]))
        with slow_clients(own_servers[0], 40):
            beside = list(phones.map(seconds_of, headers[half:]))

    # Compared with one another, because this machine may be busy. bench/studies/full_hall.py has the p99.
    assert statistics.median(beside) < 5 * statistics.median(alone) + 0.1
    assert len(marked(hall)) == len(headers)
