"""A whole class through the API, from opening to the register, with counts from the sets."""

import datetime
import threading

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from attendance.models import AttendanceRecord, Enrolment, RecordChange
from qrsessions.models import QRSession, RefusedScan
from tests.support import factories
from tests.support.classes import client_of, token_of
from tests.support.live_sets import sets_of
from tests.support.postgres.database import everything_written


def test_class_from_opening_to_the_register(taught_class):
    session = taught_class.open()
    first, second, third = taught_class.students

    assert taught_class.join(session, 0).status_code == 201
    assert taught_class.join(session, 1).status_code == 201
    assert taught_class.step(session, "lock").json()["stats"]["total_joined"] == 2
    assert taught_class.step(session, "start").json()["status"] == "active"
    marked = taught_class.mark(session, 0)

    assert marked.status_code == 201
    answer = marked.json()
    assert answer["code"] == "marked"
    assert answer["session"] == session.public_id
    assert answer["status"] == "present"
    expected = {
        "session": session.public_id,
        "status": "active",
        "total_students": 3,
        "total_joined": 2,
        "total_present": 1,
        "present_percentage": 33.3,
        "source": "redis",
    }
    assert {key: answer["stats"][key] for key in expected} == expected
    assert sets_of(session) == ({first.student_id, second.student_id}, {"01"})

    ended = taught_class.step(session, "end").json()
    assert ended["status"] == "ended"
    assert ended["stats"]["total_present"] == 1
    records = taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/records/").json()
    assert [(r["roll_number"], r["student_id"], r["status"], r["method"]) for r in records] == [
        ("01", first.student_id, "present", "qr"),
        ("02", second.student_id, "absent", "end"),
        ("03", third.student_id, "absent", "end"),
    ]


def test_counts_are_the_cardinalities_of_the_sets(taught_class):
    session = taught_class.open()
    taught_class.join(session, 0)
    taught_class.stats(session)

    from django_redis import get_redis_connection  # noqa: PLC0415 - as an operator would

    get_redis_connection("live").sadd(f"session:{session.public_id}:joined", "somebody else")

    # The set was verified a moment ago, so its size is the count.
    assert taught_class.stats(session)["total_joined"] == 2


def test_join_twice_counts_once(taught_class):
    session = taught_class.open()

    answers = [taught_class.join(session).status_code for _ in range(2)]

    assert answers == [201, 200]
    assert taught_class.stats(session)["total_joined"] == 1


def test_second_mark_is_already_marked_and_changes_nothing(taught_class):
    session = start_with_first_joined(taught_class)
    first = taught_class.mark(session).json()
    before = everything_written()

    again = taught_class.mark(session)

    assert again.status_code == 200
    assert again.json()["code"] == "already_marked"
    assert again.json()["marked_at"] == first["marked_at"]
    assert again.json()["stats"]["total_present"] == 1
    assert everything_written() == before


def test_mark_20_times_at_once_marks_once(taught_class):
    session = start_with_first_joined(taught_class)
    token = token_of(session)
    answers = []

    def press():
        client = client_of(taught_class.students[0].user)
        answers.append(client.post("/api/v1/mark/", {"token": token}, format="json").status_code)
        connection.close()

    threads = [threading.Thread(target=press) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [200] * 19 + [201]
    assert AttendanceRecord.objects.filter(status="present").count() == 1
    assert taught_class.stats(session)["total_present"] == 1


def test_typed_code_marks_with_its_method(taught_class):
    session = start_with_first_joined(taught_class)
    code = taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/token/").json()["code"]

    answer = taught_class.type_code(session, f"{code[:4]} {code[4:]}")

    assert answer.status_code == 201
    assert AttendanceRecord.objects.get(status="present").method == "code"


def test_typed_codes_can_be_guessed_five_times_a_minute(taught_class):
    session = start_with_first_joined(taught_class)

    answers = [taught_class.type_code(session, "00000000") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [400] * 5 + [429]
    assert int(answers[-1]["Retry-After"]) > 0


def test_typed_code_switched_off_is_refused(taught_class):
    session = start_with_first_joined(taught_class)
    code = taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/token/").json()["code"]
    QRSession.objects.update(code_enabled=False)

    assert taught_class.type_code(session, code).json()["code"] == "token_invalid"
    assert taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/token/").json()["code"] is None


def test_token_answer_follows_the_server_clock(taught_class):
    session = start_with_first_joined(taught_class)
    with time_machine.travel(datetime.datetime(2026, 11, 23, 10, 0, 2, tzinfo=datetime.UTC), tick=False):
        answer = taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/token/").json()
        token = token_of(session)

    assert {key: answer[key] for key in ("token", "url", "valid_until", "next_at", "server_time")} == {
        "token": token,
        "url": f"HTTP://TESTSERVER/A/{token}",
        "valid_until": "2026-11-23T10:00:10Z",
        "next_at": "2026-11-23T10:00:05Z",
        "server_time": "2026-11-23T10:00:02Z",
    }


def test_open_policy_joins_and_marks_at_once(taught_class):
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")

    assert taught_class.mark(session, 2).status_code == 201
    assert taught_class.stats(session)["total_joined"] == 1
    assert sets_of(session) == ({taught_class.students[2].student_id}, {"03"})


def test_unlock_lets_join_again(taught_class):
    session = taught_class.open()
    taught_class.step(session, "lock")
    assert taught_class.join(session).status_code == 409

    assert taught_class.step(session, "unlock").json()["status"] == "created"

    assert taught_class.join(session).status_code == 201


def test_scan_without_joining_can_be_admitted_with_its_time_of_arrival(taught_class):
    session = start_with_first_joined(taught_class)
    scanned_at = timezone.now().replace(microsecond=0)
    with time_machine.travel(scanned_at, tick=False):
        refused = taught_class.mark(session, 1)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_joined")
    assert taught_class.stats(session)["total_present"] == 0
    waiting = taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/waiting/").json()
    assert [scan["student_id"] for scan in waiting] == [taught_class.students[1].student_id]

    admitted = taught_class.as_teacher.post(
        f"/api/v1/sessions/{session.public_id}/waiting/", {}, format="json"
    )

    assert admitted.json()["admitted"] == 1
    assert admitted.json()["stats"]["total_present"] == 1
    record = AttendanceRecord.objects.get(student=taught_class.students[1])
    assert (record.status, record.marked_at, record.marked_by) == (
        "present",
        scanned_at,
        taught_class.teacher,
    )
    assert RecordChange.objects.get(record=record).changed_by == taught_class.teacher
    assert not RefusedScan.objects.exists()
    assert sets_of(session)[1] == {"02"}


def test_reopen_clears_only_the_absences_of_the_end(taught_class):
    session = start_with_first_joined(taught_class)
    taught_class.mark(session, 0)
    correct(taught_class, session, 1, "absent")
    taught_class.step(session, "end")

    reopened = taught_class.step(session, "reopen").json()

    assert reopened["status"] == "active"
    assert reopened["ended_at"] is None
    records = taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/records/").json()
    assert [(r["status"], r["method"]) for r in records] == [
        ("present", "qr"),
        ("absent", "manual"),
        (None, None),
    ]
    assert reopened["stats"]["total_present"] == 1


def test_reopen_is_refused_while_another_session_is_open(taught_class):
    first = taught_class.open()
    taught_class.step(first, "end")
    second = taught_class.open()
    before = everything_written()

    answer = taught_class.step(first, "reopen")

    assert answer.status_code == 409
    assert answer.json()["code"] == "session_open"
    assert answer.json()["session"] == second.public_id
    assert everything_written() == before


def test_opening_a_second_session_is_refused_with_the_id_of_the_first(taught_class):
    session = taught_class.open()

    answer = taught_class.as_teacher.post(
        "/api/v1/sessions/", {"section": taught_class.section.pk}, format="json"
    )

    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["session"]) == ("session_open", session.public_id)
    assert QRSession.objects.get().status == "created"


def correct(taught_class, session, number, status, note=""):
    student_id = taught_class.students[number].student_id
    return taught_class.as_teacher.put(
        f"/api/v1/sessions/{session.public_id}/records/{student_id}/",
        {"status": status, "note": note},
        format="json",
    )


def test_correction_is_counted_and_kept_with_its_author(taught_class):
    session = start_with_first_joined(taught_class)
    taught_class.mark(session, 0)

    late = correct(taught_class, session, 1, "late", "bus")
    taken_back = correct(taught_class, session, 0, None, "left the room")

    assert late.json()["record"]["status"] == "late"
    assert late.json()["record"]["joined_at"] is None
    assert late.json()["stats"]["total_present"] == 2
    assert taken_back.json()["record"]["status"] is None
    assert taken_back.json()["stats"]["total_present"] == 1
    assert sets_of(session) == ({taught_class.students[0].student_id}, {"02"})
    changes = RecordChange.objects.order_by("id")
    assert [(c.changed_by, c.from_status, c.to_status, c.note) for c in changes] == [
        (taught_class.teacher, None, "late", "bus"),
        (taught_class.teacher, "present", None, "left the room"),
    ]


def test_scan_never_changes_what_a_teacher_entered(taught_class):
    session = start_with_first_joined(taught_class)
    correct(taught_class, session, 0, "excused")

    answer = taught_class.mark(session, 0)

    assert answer.status_code == 200
    assert (answer.json()["code"], answer.json()["status"]) == ("already_marked", "excused")


def test_correction_after_the_end(taught_class):
    session = start_with_first_joined(taught_class)
    taught_class.step(session, "end")

    answer = correct(taught_class, session, 0, "present")

    assert answer.json()["stats"]["total_present"] == 1
    assert sets_of(session)[1] == {"01"}


def test_student_sessions_list_what_can_be_done(taught_class):
    session = taught_class.open()

    def mine(number=0):
        (own,) = taught_class.as_student[number].get("/api/v1/me/session/").json()["sessions"]
        return own["status"], own["can_join"], own["can_scan"], own["mark"]

    assert mine() == ("created", True, False, None)
    taught_class.join(session)
    assert mine() == ("created", False, False, None)
    taught_class.step(session, "start")
    assert mine() == ("active", False, True, None)
    assert mine(1) == ("active", False, False, None)
    taught_class.mark(session)
    assert mine() == ("active", False, False, "present")
    taught_class.step(session, "end")
    assert taught_class.as_student[0].get("/api/v1/me/session/").json()["sessions"] == []


def test_reopening_takes_back_the_absences_of_the_end_and_no_others(taught_class):
    session = start_with_first_joined(taught_class)
    records = f"/api/v1/sessions/{session.public_id}/records/"
    last = taught_class.students[2].student_id
    taught_class.as_teacher.put(f"{records}{last}/", {"status": "absent", "note": "left"}, format="json")
    taught_class.step(session, "end")

    def statuses():
        return [(one["status"], one["method"]) for one in taught_class.as_teacher.get(records).json()]

    assert statuses() == [("absent", "end"), ("absent", "end"), ("absent", "manual")]
    taught_class.step(session, "reopen")
    # The first student had joined, so the record stays. The second student's record is gone.
    assert statuses() == [(None, None), (None, None), ("absent", "manual")]


def test_student_history_has_percentages(taught_class):
    session = start_with_first_joined(taught_class)
    taught_class.mark(session)
    taught_class.step(session, "end")

    (mine,) = taught_class.as_student[0].get("/api/v1/me/records/").json()
    (other,) = taught_class.as_student[1].get("/api/v1/me/records/").json()

    assert (mine["total_meetings"], mine["total_present"], mine["present_percentage"]) == (1, 1, 100.0)
    assert (other["total_present"], other["meetings"][0]["status"]) == (0, "absent")


def test_total_follows_the_roster_of_the_day(taught_class):
    session = taught_class.open()
    today = timezone.localdate()
    assert taught_class.stats(session)["total_students"] == 3
    enrolment = Enrolment.objects.get(student=taught_class.students[2])
    enrolment.to_date = today
    enrolment.save()

    assert taught_class.stats(session)["total_students"] == 2


def test_empty_section_has_zero_percent(taught_class):
    empty = factories.make_section(teachers=[taught_class.teacher])
    answer = taught_class.as_teacher.post("/api/v1/sessions/", {"section": empty.pk}, format="json").json()

    assert answer["stats"]["total_students"] == 0
    assert answer["stats"]["present_percentage"] == 0
    assert taught_class.as_teacher.post(f"/api/v1/sessions/{answer['id']}/end/").status_code == 200


@pytest.mark.parametrize("rows", [1, 3])
def test_lists_ask_the_same_number_of_queries(taught_class, django_assert_max_num_queries, rows):
    for _ in range(rows):
        section = factories.make_section(students=1, teachers=[taught_class.teacher])
        taught_class.as_teacher.post("/api/v1/sessions/", {"section": section.pk}, format="json")

    with django_assert_max_num_queries(6):
        taught_class.as_teacher.get("/api/v1/sessions/")
    with django_assert_max_num_queries(4):
        taught_class.as_teacher.get("/api/v1/sections/")


def start_with_first_joined(taught_class) -> QRSession:
    session = taught_class.open()
    taught_class.join(session, 0)
    taught_class.step(session, "start")
    return session
