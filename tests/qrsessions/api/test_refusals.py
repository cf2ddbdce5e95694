"""Every refusal of the API has its code and writes nothing."""

import datetime
import json
import logging

import pytest
import time_machine
from django.utils import timezone

from attendance import stats
from attendance.models import AttendanceRecord
from qrsessions.codes import tokens
from qrsessions.models import QRSession
from tests.support import factories
from tests.support.classes import client_of, token_of
from tests.support.live_sets import sets_of
from tests.support.postgres.database import everything_written
from tests.support.valkeys import OwnValkey, caches_at

ALWAYS_FORBIDDEN = {"detail", "code"}


@pytest.fixture
def active(taught_class):
    """An active session that the first student has joined."""
    session = taught_class.open()
    taught_class.join(session, 0)
    taught_class.step(session, "start")
    return QRSession.objects.with_names().get(pk=session.pk)


def assert_refused(answer, status, code, before):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.json()
    assert answer.json()["detail"]
    assert everything_written() == before


def flipped(token: str) -> str:
    return token[:-1] + ("0" if token[-1] != "0" else "1")


@pytest.mark.parametrize(
    "token",
    [
        "",
        " ",
        "x",
        "A" * 19,
        "A" * 21,
        "ÅÄÖ" * 7,
        "\x00" * 20,
        "🎓" * 20,
        "'; DROP TABLE users; --",
        "A" * 100,
        "A" * 101,
    ],
)
def test_garbage_token_is_invalid(taught_class, active, token):
    before = everything_written()

    answer = taught_class.as_student[0].post("/api/v1/mark/", {"token": token}, format="json")

    assert answer.status_code == 400
    assert answer.json()["code"] in ("token_invalid", "invalid")
    assert everything_written() == before


def test_token_with_one_wrong_character_is_invalid(taught_class, active):
    before = everything_written()
    assert_refused(taught_class.mark(active, token=flipped(token_of(active))), 400, "token_invalid", before)


def test_cut_token_is_invalid(taught_class, active):
    before = everything_written()
    assert_refused(taught_class.mark(active, token=token_of(active)[:-1]), 400, "token_invalid", before)


def test_token_of_a_future_step_is_invalid(taught_class, active):
    before = everything_written()
    assert_refused(
        taught_class.mark(active, token=token_of(active, steps_ago=-2)), 400, "token_invalid", before
    )


def test_token_is_accepted_in_its_step_and_the_next_and_then_expired(taught_class, active):
    start = datetime.datetime.fromtimestamp(timezone.now().timestamp() // 5 * 5 + 5, tz=datetime.UTC)
    with time_machine.travel(start, tick=False):
        token = token_of(active)
    before = everything_written()
    with time_machine.travel(start + datetime.timedelta(seconds=10), tick=False):
        assert_refused(taught_class.mark(active, token=token), 409, "token_expired", before)
    with time_machine.travel(start + datetime.timedelta(seconds=9.9), tick=False):
        assert taught_class.mark(active, token=token).status_code == 201


def test_token_of_another_session_is_of_no_use_here(taught_class, active):
    other = factories.make_session(status="active")
    before = everything_written()
    mixed = active.public_id + token_of(other)[8:]
    assert_refused(taught_class.mark(active, token=mixed), 400, "token_invalid", before)
    assert_refused(taught_class.mark(active, token=token_of(other)), 403, "not_enrolled", before)


def test_token_in_small_letters_and_read_by_eye_is_the_same(taught_class, active):
    token = token_of(active).lower().replace("0", "o").replace("1", "l")
    assert taught_class.mark(active, token=token).status_code == 201


def test_mark_before_start_is_refused(taught_class):
    session = taught_class.open()
    taught_class.join(session)
    before = everything_written()
    assert_refused(taught_class.mark(session), 409, "not_active", before)
    taught_class.step(session, "lock")
    before = everything_written()
    assert_refused(taught_class.mark(session), 409, "not_active", before)


def test_mark_after_the_end_is_refused(taught_class, active):
    taught_class.step(active, "end")
    before = everything_written()
    assert_refused(taught_class.mark(active), 409, "not_active", before)
    assert sets_of(active)[1] == set()


def test_mark_without_joining_is_refused_and_only_the_scan_is_kept(taught_class, active):
    records = list(AttendanceRecord.objects.values_list())
    answer = taught_class.mark(active, 1)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_joined")
    assert list(AttendanceRecord.objects.values_list()) == records
    assert sets_of(active)[1] == set()


def test_mark_without_enrolment_is_refused(taught_class, active):
    stranger = factories.make_student()
    before = everything_written()
    answer = client_of(stranger.user).post("/api/v1/mark/", {"token": token_of(active)}, format="json")
    assert_refused(answer, 403, "not_enrolled", before)


def test_repeated_mark_is_already_marked_whatever_happened_since(taught_class, active):
    token = token_of(active)
    taught_class.mark(active, token=token)
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=2)):
        assert taught_class.mark(active, token=token).json()["code"] == "already_marked"
        taught_class.step(active, "end")
        assert taught_class.mark(active, token=token).json()["code"] == "already_marked"


def test_refused_mark_logs_one_line_without_the_token(taught_class, active, caplog):
    token = flipped(token_of(active))
    with caplog.at_level(logging.INFO, logger="rollcall.marks"):
        taught_class.mark(active, token=token)
    (record,) = [record for record in caplog.records if record.name == "rollcall.marks"]
    assert (record.message, record.reason, record.student) == (
        "mark_refused",
        "token_invalid",
        taught_class.students[0].student_id,
    )
    assert token not in str(vars(record))


def test_join_when_locked_is_refused(taught_class):
    session = taught_class.open()
    taught_class.step(session, "lock")
    before = everything_written()
    assert_refused(taught_class.join(session), 409, "locked", before)


def test_join_after_the_end_is_refused(taught_class):
    session = taught_class.open()
    taught_class.step(session, "end")
    before = everything_written()
    assert_refused(taught_class.join(session), 409, "wrong_state", before)


def test_join_without_enrolment_is_refused(taught_class):
    session = taught_class.open()
    before = everything_written()
    answer = client_of(factories.make_student().user).post(f"/api/v1/sessions/{session.public_id}/join/")
    assert_refused(answer, 403, "not_enrolled", before)


WRONG_STEPS = {
    "created": ["unlock", "reopen"],
    "locked": ["lock", "reopen"],
    "active": ["lock", "unlock", "start", "reopen"],
    "ended": ["lock", "unlock", "start", "end"],
}


@pytest.mark.parametrize(
    ("status", "step"), [(s, step) for s, steps in WRONG_STEPS.items() for step in steps]
)
def test_wrong_step_is_refused(taught_class, status, step):
    session = factories.make_session(section=taught_class.section, status=status)
    before = everything_written()
    assert_refused(taught_class.step(session, step), 409, "wrong_state", before)


# --- Rights -----------------------------------------------------------------------------------------------

OWN_CALLS = [
    ("get", ""),
    ("get", "stats/"),
    ("get", "records/"),
    ("get", "token/"),
    ("get", "waiting/"),
    ("post", "waiting/"),
    ("post", "lock/"),
    ("post", "start/"),
    ("post", "end/"),
    ("post", "reopen/"),
]


@pytest.mark.parametrize(("method", "path"), OWN_CALLS)
def test_another_teachers_session_is_not_found(taught_class, active, method, path):
    colleague = client_of(factories.make_teacher())
    before = everything_written()
    answer = getattr(colleague, method)(f"/api/v1/sessions/{active.public_id}/{path}", format="json")
    assert_refused(answer, 404, "not_found", before)
    assert taught_class.section.name not in answer.content.decode()


@pytest.mark.parametrize(("method", "path"), OWN_CALLS)
def test_students_may_not_use_the_teachers_calls(taught_class, active, method, path):
    before = everything_written()
    answer = getattr(taught_class.as_student[0], method)(
        f"/api/v1/sessions/{active.public_id}/{path}", format="json"
    )
    assert_refused(answer, 403, "wrong_role", before)


def test_another_teachers_section_is_not_found(taught_class):
    colleague = client_of(factories.make_teacher())
    before = everything_written()
    answer = colleague.post("/api/v1/sessions/", {"section": taught_class.section.pk}, format="json")
    assert_refused(answer, 404, "not_found", before)


def test_teachers_may_not_use_the_students_calls(taught_class, active):
    before = everything_written()
    for method, path in [("post", "mark/"), ("get", "me/session/"), ("get", "me/records/")]:
        answer = getattr(taught_class.as_teacher, method)(
            f"/api/v1/{path}", {"token": token_of(active)}, format="json"
        )
        assert_refused(answer, 403, "wrong_role", before)


def test_lists_hold_only_the_teachers_own(taught_class, active):
    colleague = client_of(factories.make_teacher())
    assert colleague.get("/api/v1/sessions/").json() == []
    assert colleague.get("/api/v1/sections/").json() == []
    admin = client_of(factories.make_admin())
    assert [session["id"] for session in admin.get("/api/v1/sessions/").json()] == [active.public_id]


@pytest.mark.parametrize(
    "path", ["sections/", "sessions/", "sessions/7GK2QM9X/stats/", "me/session/", "me/records/"]
)
def test_without_sign_in_is_401(transactional_db, client, path):
    answer = client.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_wrong_token_is_401(transactional_db, client):
    answer = client.get("/api/v1/sections/", headers={"Authorization": "Token nonsense"})
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")


def test_session_cookie_without_csrf_token_changes_nothing(taught_class):
    from rest_framework.test import APIClient  # noqa: PLC0415 - the one client that checks CSRF

    client = APIClient(enforce_csrf_checks=True)
    client.force_login(taught_class.teacher)
    before = everything_written()
    answer = client.post("/api/v1/sessions/", {"section": taught_class.section.pk}, format="json")
    assert answer.status_code == 403
    assert everything_written() == before


# --- Malformed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"token": 1e999}', b'{"token": {}}']
)
def test_body_that_is_no_json_object_is_400(taught_class, active, body):
    before = everything_written()
    for path in ("mark/", "sessions/"):
        client = taught_class.as_student[0] if path == "mark/" else taught_class.as_teacher
        answer = client.generic("POST", f"/api/v1/{path}", body, content_type="application/json")
        assert answer.status_code == 400
        assert set(answer.json()) >= ALWAYS_FORBIDDEN
    assert everything_written() == before


def test_other_content_type_is_415(taught_class, active):
    answer = taught_class.as_student[0].generic(
        "POST", "/api/v1/mark/", b"token=x", content_type="text/plain"
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"token": "A" * 20, "code": "1"},
        {"session": "7GK2QM9X"},
        {"code": "12345678"},
        {"token": None},
        {"token": []},
    ],
)
def test_mark_needs_a_token_or_a_session_and_code(taught_class, active, body):
    answer = taught_class.as_student[0].post("/api/v1/mark/", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert "errors" in answer.json()


@pytest.mark.parametrize("section", [0, -1, 2**63, 2**70, "x", None, 1.5, [], {}, True, "\x00"])
def test_section_of_any_shape(taught_class, section):
    before = everything_written()
    answer = taught_class.as_teacher.post("/api/v1/sessions/", {"section": section}, format="json")
    assert answer.status_code in (400, 404)
    assert everything_written() == before


@pytest.mark.parametrize(
    "public_id", ["x", "0" * 8, "7GK2QM9XX", "%00", "..%2f..", "é" * 8, "-" * 8, "G" * 8, "99999999"]
)
def test_session_id_of_any_shape_is_not_found(taught_class, public_id):
    for client in (taught_class.as_teacher, taught_class.as_student[0]):
        for path in ("", "stats/", "join/"):
            method = client.post if path == "join/" else client.get
            assert method(f"/api/v1/sessions/{public_id}/{path}").status_code in (403, 404)


@pytest.mark.parametrize("student_id", ["nobody", "%00", "a/b", "..", "é", "%ff", "x" * 500])
def test_student_id_of_any_shape_is_not_found(taught_class, active, student_id):
    before = everything_written()
    answer = taught_class.as_teacher.put(
        f"/api/v1/sessions/{active.public_id}/records/{student_id}/", {"status": "present"}, format="json"
    )
    assert answer.status_code == 404
    assert everything_written() == before


def test_student_id_with_slashes_and_blanks_is_found(taught_class):
    student = factories.make_student(student_id="2026/CS 7/01")
    factories.make_enrolment(section=taught_class.section, student=student)
    session = taught_class.open()
    answer = taught_class.as_teacher.put(
        f"/api/v1/sessions/{session.public_id}/records/2026/CS%207/01/", {"status": "late"}, format="json"
    )
    assert answer.json()["record"]["status"] == "late"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "here"},
        {"status": 1},
        {"status": "late", "note": "x" * 501},
        {"status": "late", "note": "\x00"},
    ],
)
def test_bad_correction_is_400(taught_class, active, body):
    before = everything_written()
    answer = taught_class.as_teacher.put(
        f"/api/v1/sessions/{active.public_id}/records/{taught_class.students[0].student_id}/",
        body,
        format="json",
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert everything_written() == before


def test_correction_of_a_student_outside_the_roster_is_not_found(taught_class, active):
    stranger = factories.make_student()
    before = everything_written()
    answer = taught_class.as_teacher.put(
        f"/api/v1/sessions/{active.public_id}/records/{stranger.student_id}/",
        {"status": "present"},
        format="json",
    )
    assert_refused(answer, 404, "not_found", before)


def test_unknown_status_in_the_list_is_400(taught_class):
    assert taught_class.as_teacher.get("/api/v1/sessions/?status=x").status_code == 400


def test_big_body_is_refused(taught_class, active):
    body = json.dumps({"token": "A" * 3_000_000})
    answer = taught_class.as_student[0].generic(
        "POST", "/api/v1/mark/", body, content_type="application/json"
    )
    assert answer.status_code in (400, 413)


def test_student_may_mark_60_times_a_minute(taught_class, active):
    answers = {
        taught_class.mark(active, 0, token=tokens.make(public_id="0" * 8, secret=b"", step=0)).status_code
        for _ in range(60)
    }
    refused = taught_class.mark(active, 0)
    assert answers == {400}
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0


@pytest.fixture
def paused_redis(settings):
    valkey = OwnValkey()
    settings.CACHES = caches_at(valkey.url)
    valkey.pause()
    yield
    valkey.close()
    stats.breaker.succeeded()


def test_only_60_of_90_forged_tokens_are_checked_while_redis_hangs(taught_class, active, paused_redis):
    forged = tokens.make(public_id=active.public_id, secret=b"forged", step=tokens.step_at(timezone.now()))

    statuses = [taught_class.mark(active, 0, token=forged).status_code for _ in range(90)]

    assert statuses == [400] * 60 + [429] * 30
    assert not AttendanceRecord.objects.filter(marked_at__isnull=False).exists()
