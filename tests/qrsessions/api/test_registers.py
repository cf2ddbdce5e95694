"""Registers through the API: changes since a cursor, undo, bulk marks, and the arrivals curve."""

import datetime
import json
import sys
import threading
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone

from attendance.lib import advisory_locks
from attendance.models import AttendanceRecord, Method, RecordChange, Status, Student
from qrsessions.models import Action, QRSession, SessionEvent, SessionStatus
from qrsessions.queries.arrivals import POINTS, arrivals
from qrsessions.services import lifecycle
from tests.support import factories
from tests.support.classes import Class, client_of
from tests.support.live_sets import live_set
from tests.support.ports import free_port
from tests.support.postgres.database import a_backend_waits_for_a_lock
from tests.support.valkeys import caches_at
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime.datetime(2026, 10, 5, 9, 0, tzinfo=datetime.UTC)


@pytest.fixture
def taking(taught_class) -> QRSession:
    """An active session. The first student is present, and the second has joined."""
    session = taught_class.open()
    taught_class.join(session, 0)
    taught_class.join(session, 1)
    taught_class.step(session, "start")
    taught_class.mark(session, 0)
    return session


@pytest.fixture
def hall(transactional_db) -> tuple[Class, str, list[QRSession]]:
    """A group of two sections: Ada in the first, Cyd in the second, Both in both."""
    teacher = factories.make_teacher()
    ada, both, cyd = (factories.make_student(name=name) for name in ("Ada", "Both", "Cyd"))
    sections = [
        factories.make_section(students=students, teachers=[teacher], name=name)
        for name, students in (("A", [ada, both]), ("B", [both, cyd]))
    ]
    taught_class = Class(sections[0], teacher, [ada, both, cyd])
    body = {"sections": [section.pk for section in sections]}
    group = taught_class.as_teacher.post("/api/v1/group-sessions/", body, format="json").json()["id"]
    members = QRSession.objects.with_names().order_by("meeting__section__name")
    return taught_class, group, list(members)


def address(session: QRSession, rest: str = "") -> str:
    return f"/api/v1/sessions/{session.public_id}/{rest}"


def changes(client, url: str, cursor: str = "") -> dict[str, Any]:
    answer = client.get(url, {"since": cursor})
    assert answer.status_code == 200, answer.content
    return answer.json()


def names(rows) -> list[str]:
    return [row["student_id"] for row in rows]


def mark(
    taught_class: Class, session: QRSession, student: Student, status: str | None, note: str = ""
) -> dict[str, Any]:
    url = address(session, f"records/{student.student_id}/")
    answer = taught_class.as_teacher.put(url, {"status": status, "note": note}, format="json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def undo(taught_class: Class, session: QRSession, change: int):
    return taught_class.as_teacher.post(address(session, "undo/"), {"change": change}, format="json")


def bulk(taught_class: Class, url: str, of: str, status: str) -> dict[str, Any]:
    answer = taught_class.as_teacher.post(f"{url}records/bulk/", {"of": of, "status": status}, format="json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def statuses(session: QRSession) -> dict[str, str | None]:
    found = session.meeting.roster.order_by("roll_number")
    return dict(found.values_list("student__name", "record__status"))


# --- Changes ----------------------------------------------------------------------------------------------


def test_changes_begin_with_the_whole_register(taught_class, taking):
    url = address(taking, "records/")
    first = changes(taught_class.as_teacher, url)
    assert first["whole"]
    assert first["records"] == taught_class.as_teacher.get(url).json()
    again = changes(taught_class.as_teacher, url, first["cursor"])
    assert again == {"cursor": first["cursor"], "whole": False, "records": []}


def test_changes_are_the_rows_that_changed_and_add_up_to_the_register(taught_class, taking):
    url = address(taking, "records/")
    cursor = changes(taught_class.as_teacher, url)["cursor"]

    mark(taught_class, taking, taught_class.students[2], "late")
    returned = changes(taught_class.as_teacher, url, cursor)

    whole = taught_class.as_teacher.get(url).json()
    assert (returned["whole"], returned["records"]) == (False, [whole[2]])
    assert changes(taught_class.as_teacher, url, returned["cursor"])["records"] == []
    # The older cursor gets the same changes.
    assert changes(taught_class.as_teacher, url, cursor)["records"] == [whole[2]]


def test_changes_tell_of_a_name_and_of_a_record_that_was_deleted(taught_class, taking):
    url = address(taking, "records/")
    cursor = changes(taught_class.as_teacher, url)["cursor"]
    Student.objects.filter(pk=taught_class.students[1].pk).update(name="Another Name")
    AttendanceRecord.objects.filter(student=taught_class.students[0]).delete()
    returned = changes(taught_class.as_teacher, url, cursor)
    assert [(row["name"], row["status"]) for row in returned["records"]] == [
        (taught_class.students[0].name, None),
        ("Another Name", None),
    ]


def test_changes_include_records_flagged_by_another_mark(taught_class, taking):
    url = address(taking, "records/")
    AttendanceRecord.objects.filter(student=taught_class.students[0]).update(device="d" * 64)
    cursor = changes(taught_class.as_teacher, url)["cursor"]
    factories.make_record(
        meeting=taking.meeting, student=taught_class.students[2], status=Status.PRESENT, device="d" * 64
    )
    returned = changes(taught_class.as_teacher, url, cursor)["records"]
    assert names(returned) == [taught_class.students[0].student_id, taught_class.students[2].student_id]


@pytest.mark.parametrize("cursor", ["", "x", "\0", "0" * 32 + "-" + "f" * 32, "9" * 5000])
def test_unknown_cursor_returns_everything(taught_class, taking, cursor):
    returned = changes(taught_class.as_teacher, address(taking, "records/"), cursor)
    assert returned["whole"]
    assert len(returned["records"]) == 3


def test_changes_are_whole_where_the_roster_changed_or_the_cache_forgot(taught_class, taking):
    url = address(taking, "records/")
    cursor = changes(taught_class.as_teacher, url)["cursor"]
    factories.make_enrolment(section=taught_class.section, roll_number="00")
    returned = changes(taught_class.as_teacher, url, cursor)
    assert (returned["whole"], returned["records"][0]["roll_number"], len(returned["records"])) == (
        True,
        "00",
        4,
    )

    cache.clear()
    mark(taught_class, taking, taught_class.students[2], "late")
    assert changes(taught_class.as_teacher, url, returned["cursor"])["whole"]


def test_changes_are_whole_while_redis_is_away(taught_class, taking, settings):
    url = address(taking, "records/")
    cursor = changes(taught_class.as_teacher, url)["cursor"]

    settings.CACHES = caches_at(f"redis://127.0.0.1:{free_port()}")

    assert changes(taught_class.as_teacher, url, cursor)["whole"]


def test_changes_miss_no_transaction_that_commits_after_a_later_one(taught_class, taking):
    """The slow transaction writes first and commits last. Every reader still gets both changes."""
    url = address(taking, "records/")
    slow, quick = taught_class.students[1], taught_class.students[2]
    written, may_commit = threading.Event(), threading.Event()

    def mark_slowly() -> None:
        try:
            with transaction.atomic(), transaction.atomic():
                AttendanceRecord.objects.filter(student=slow).update(
                    status=Status.PRESENT, method=Method.QR, marked_at=AT
                )
                written.set()
                assert may_commit.wait(20)
        finally:
            connection.close()

    cursors = [changes(taught_class.as_teacher, url)["cursor"]]
    thread = threading.Thread(target=mark_slowly)
    thread.start()
    assert written.wait(20)
    cursors.append(changes(taught_class.as_teacher, url)["cursor"])
    mark(taught_class, taking, quick, "late")
    between = changes(taught_class.as_teacher, url, cursors[0])
    assert names(between["records"]) == [quick.student_id]
    cursors.append(between["cursor"])
    may_commit.set()
    thread.join()

    returned = [names(changes(taught_class.as_teacher, url, cursor)["records"]) for cursor in cursors]

    both = [slow.student_id, quick.student_id]
    assert returned == [both, both, [slow.student_id]]


def test_changes_read_while_many_mark_add_up_to_the_register(transactional_db):
    teacher = factories.make_teacher()
    section = factories.make_section(students=24, teachers=[teacher])
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    students = factories.students_of(section)
    client, url = client_of(teacher), address(session, "records/")

    def mark_some(number: int) -> None:
        try:
            for student in students[number::3]:
                factories.make_record(meeting=session.meeting, student=student, status=Status.PRESENT)
        finally:
            connection.close()

    threads = [threading.Thread(target=mark_some, args=(number,)) for number in range(3)]
    seen: dict[str, Any] = {}
    cursor = ""
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        returned = changes(client, url, cursor)
        cursor = returned["cursor"]
        seen |= {row["student_id"]: row for row in returned["records"]}
    returned = changes(client, url, cursor)
    seen |= {row["student_id"]: row for row in returned["records"]}

    assert sorted(seen.values(), key=str) == sorted(client.get(url).json(), key=str)
    assert {row["status"] for row in seen.values()} == {"present"}


def test_changes_of_a_group_have_each_student_once_and_the_session(hall):
    taught_class, group, members = hall
    url = f"/api/v1/group-sessions/{group}/records/"
    whole = taught_class.as_teacher.get(url).json()
    assert [(row["name"], row["session"]) for row in whole] == [
        ("Ada", members[0].public_id),
        ("Both", members[0].public_id),
        ("Cyd", members[1].public_id),
    ]
    first = changes(taught_class.as_teacher, url)
    assert first["records"] == whole
    mark(taught_class, members[1], taught_class.students[2], "excused")
    returned = changes(taught_class.as_teacher, url, first["cursor"])
    assert [(row["name"], row["status"]) for row in returned["records"]] == [("Cyd", "excused")]


def test_empty_changes_need_two_queries(taught_class, taking, django_assert_num_queries):
    url = address(taking, "records/")
    cursor = changes(taught_class.as_teacher, url)["cursor"]
    # the session; the version
    with django_assert_num_queries(2):
        changes(taught_class.as_teacher, url, cursor)


def test_changes_are_small(transactional_db, capsys):
    """600 students in 10 sections: the size of each update, with no changes and after 60 marks."""
    teacher = factories.make_teacher()
    sections = [factories.make_section(students=60, teachers=[teacher]) for _ in range(10)]
    group = factories.make_group_session(sections=sections, status=SessionStatus.ACTIVE, opened_by=teacher)
    client, url = client_of(teacher), f"/api/v1/group-sessions/{group.public_id}/records/"
    first = client.get(url, {"since": ""})
    quiet = client.get(url, {"since": first.json()["cursor"]})
    meeting = sections[3].meetings.get()
    for student in factories.students_of(sections[3]):
        factories.make_record(meeting=meeting, student=student, status=Status.PRESENT)
    busy = client.get(url, {"since": first.json()["cursor"]})

    sizes = {"whole": len(first.content), "at rest": len(quiet.content), "60 marked": len(busy.content)}
    with capsys.disabled():
        sys.stdout.write(f"\n  register of 600, bytes: {json.dumps(sizes)}\n")
    assert len(first.json()["records"]) == 600
    assert len(busy.json()["records"]) == 60
    assert max(sizes["at rest"], sizes["60 marked"]) < 30_000


# --- Notes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["excused", "late"])
def test_new_note_with_the_same_status_is_saved_shown_and_undone(taught_class, taking, status):
    student = taught_class.students[2]
    mark(taught_class, taking, student, status, "doctor")

    answer = mark(taught_class, taking, student, status, "doctor: certificate seen")

    assert answer["record"]["note"] == "doctor: certificate seen"
    kept = RecordChange.objects.order_by("pk").values_list("from_status", "to_status", "note")
    assert list(kept) == [(None, status, "doctor"), (status, status, "doctor: certificate seen")]

    undone = undo(taught_class, taking, answer["change"]).json()
    assert (undone["record"]["status"], undone["record"]["note"]) == (status, "doctor")


@pytest.mark.parametrize(
    ("status", "note"), [("excused", ""), ("excused", "doctor"), ("present", "personal QR code")]
)
def test_same_status_without_a_new_note_changes_nothing(taught_class, taking, status, note):
    student = taught_class.students[2]
    mark(taught_class, taking, student, status, "doctor")
    before = AttendanceRecord.objects.values().get(student=student)

    answer = mark(taught_class, taking, student, status, note)

    assert answer["change"] is None
    assert AttendanceRecord.objects.values().get(student=student) == before
    assert RecordChange.objects.count() == 1


# --- Undo -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["late", "excused", "absent", None])
def test_undo_restores_the_students_scan(taught_class, taking, status):
    student = taught_class.students[0]
    AttendanceRecord.objects.filter(student=student).update(device="d" * 64)
    before = AttendanceRecord.objects.filter(student=student).values().get()
    change = mark(taught_class, taking, student, status)["change"]

    answer = undo(taught_class, taking, change)

    assert answer.status_code == 200
    assert (answer.json()["record"]["status"], answer.json()["record"]["method"]) == ("present", "qr")
    assert answer.json()["stats"]["total_present"] == 1
    assert AttendanceRecord.objects.filter(student=student).values().get() == before
    kept = RecordChange.objects.order_by("pk").values_list("from_status", "to_status", "note", "changed_by")
    assert list(kept) == [
        ("present", status, "", taught_class.teacher.pk),
        (status, "present", "undone", taught_class.teacher.pk),
    ]
    assert live_set(taking, "attended") == {"01"}


def test_undo_puts_back_what_a_colleague_had_entered(taught_class, taking):
    colleague = factories.make_teacher()
    taught_class.section.teachers.add(colleague)
    student = taught_class.students[2]
    url = address(taking, f"records/{student.student_id}/")
    client_of(colleague).put(url, {"status": "excused", "note": "doctor"}, format="json")
    before = AttendanceRecord.objects.filter(student=student).values().get()

    undo(taught_class, taking, mark(taught_class, taking, student, "present")["change"])

    assert AttendanceRecord.objects.filter(student=student).values().get() == before


def test_undo_of_the_first_mark_leaves_no_mark(taught_class, taking):
    undo(taught_class, taking, mark(taught_class, taking, taught_class.students[1], "absent")["change"])
    record = AttendanceRecord.objects.get(student=taught_class.students[1])
    assert (record.status, record.method, record.marked_by, record.joined_at is None) == (
        None,
        None,
        None,
        False,
    )


def test_undo_of_a_mark_that_was_changed_again_is_refused(taught_class, taking):
    student = taught_class.students[0]
    change = mark(taught_class, taking, student, None)["change"]
    # The student scans again before the undo. That mark must stay.
    assert taught_class.mark(taking, 0).status_code == 201
    before = list(AttendanceRecord.objects.values())

    answer = undo(taught_class, taking, change)

    assert (answer.status_code, answer.json()["code"]) == (409, "changed_since")
    assert list(AttendanceRecord.objects.values()) == before
    assert RecordChange.objects.count() == 1


def test_undo_twice_is_refused(taught_class, taking):
    change = mark(taught_class, taking, taught_class.students[0], "late")["change"]
    assert undo(taught_class, taking, change).status_code == 200
    assert undo(taught_class, taking, change).status_code == 409


def test_undo_in_the_next_life_brings_no_absence_back(taught_class, taking):
    taught_class.step(taking, "end")
    change = mark(taught_class, taking, taught_class.students[2], "present")["change"]
    taught_class.step(taking, "reopen")
    undo(taught_class, taking, change)
    assert AttendanceRecord.objects.get(student=taught_class.students[2]).status is None


def test_undo_after_the_end_brings_the_absence_of_the_end_back(taught_class, taking):
    taught_class.step(taking, "end")
    undo(taught_class, taking, mark(taught_class, taking, taught_class.students[2], "present")["change"])
    record = AttendanceRecord.objects.get(student=taught_class.students[2])
    assert (record.status, record.method, record.marked_by) == ("absent", "end", None)


def test_undo_in_a_group_follows_in_the_registers_that_had_followed(hall):
    taught_class, _group, members = hall
    both = taught_class.students[1]
    change = mark(taught_class, members[0], both, "late")["change"]
    assert [statuses(member)["Both"] for member in members] == ["late", "late"]
    undo(taught_class, members[0], change)
    assert [statuses(member)["Both"] for member in members] == [None, None]


@pytest.mark.parametrize("body", [{}, {"change": "x"}, {"change": 0}, {"change": 2**70}, {"change": None}])
def test_undo_of_nonsense_is_refused(taught_class, taking, body):
    answer = taught_class.as_teacher.post(address(taking, "undo/"), body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_undo_of_another_sessions_change_is_not_found(taught_class, taking):
    other = factories.make_session(section=factories.make_section(teachers=[taught_class.teacher]))
    change = mark(taught_class, taking, taught_class.students[0], "late")["change"]
    assert undo(taught_class, other, change).status_code == 404
    assert undo(taught_class, taking, change + 1000).status_code == 404


def test_correction_without_a_change_cannot_be_undone(taught_class, taking):
    mark(taught_class, taking, taught_class.students[2], "late")
    assert mark(taught_class, taking, taught_class.students[2], "late")["change"] is None


# --- Many at once -----------------------------------------------------------------------------------------


def test_bulk_marks_all_who_joined_and_have_no_mark(taught_class, taking):
    mark(taught_class, taking, taught_class.students[2], "excused")
    answer = bulk(taught_class, address(taking), "joined", "present")
    assert (answer["changed"], answer["stats"]["total_present"]) == (1, 2)
    assert list(statuses(taking).values()) == ["present", "present", "excused"]
    marks = AttendanceRecord.objects.order_by("roll_number").values_list("method", "marked_by")
    assert list(marks) == [
        ("qr", None),
        ("manual", taught_class.teacher.pk),
        ("manual", taught_class.teacher.pk),
    ]
    change = RecordChange.objects.get(record__student=taught_class.students[1])
    assert (change.from_status, change.to_status, change.note) == (
        None,
        "present",
        "marked together with others",
    )
    event = SessionEvent.objects.get(action=Action.BULK)
    assert (event.meeting_id, event.done_by, event.detail) == (
        taking.pk,
        taught_class.teacher,
        "1 student: present",
    )
    assert live_set(taking, "attended") == {"01", "02"}


def test_bulk_marks_the_rest_once(taught_class, taking):
    assert bulk(taught_class, address(taking), "unmarked", "absent")["changed"] == 2
    assert list(statuses(taking).values()) == ["present", "absent", "absent"]
    before = list(AttendanceRecord.objects.values())
    assert bulk(taught_class, address(taking), "unmarked", "present")["changed"] == 0
    assert list(AttendanceRecord.objects.values()) == before
    assert SessionEvent.objects.filter(action=Action.BULK).count() == 1


def test_bulk_after_the_end_takes_the_absences_of_the_end_for_no_mark(taught_class, taking):
    taught_class.step(taking, "end")
    assert bulk(taught_class, address(taking), "joined", "present")["changed"] == 1
    assert list(statuses(taking).values()) == ["present", "present", "absent"]
    change = RecordChange.objects.get()
    assert (change.from_status, change.from_method, change.to_status) == ("absent", "end", "present")


def test_bulk_gives_a_reused_roll_number_the_student_id(taught_class, taking):
    leaver = factories.make_student()
    AttendanceRecord.objects.filter(student=taught_class.students[2]).delete()
    factories.make_record(meeting=taking.meeting, student=leaver, roll_number="03", joined_at=None)
    bulk(taught_class, address(taking), "unmarked", "absent")
    record = AttendanceRecord.objects.get(student=taught_class.students[2])
    assert (record.roll_number, record.status) == (taught_class.students[2].student_id, "absent")


def test_bulk_of_a_group_marks_each_student_in_all_registers(hall):
    taught_class, group, members = hall
    mark(taught_class, members[1], taught_class.students[2], "excused")
    url = f"/api/v1/group-sessions/{group}/"
    answer = bulk(taught_class, url, "unmarked", "absent")
    assert (answer["changed"], answer["stats"]["group"]) == (2, group)
    assert [statuses(member) for member in members] == [
        {"Ada": "absent", "Both": "absent"},
        {"Both": "absent", "Cyd": "excused"},
    ]
    assert SessionEvent.objects.filter(action=Action.BULK).count() == 2


def test_bulk_of_one_section_of_a_group_leaves_the_other_sections_students(hall):
    taught_class, _group, members = hall
    assert bulk(taught_class, address(members[0]), "unmarked", "late")["changed"] == 2
    assert [statuses(member) for member in members] == [
        {"Ada": "late", "Both": "late"},
        {"Both": "late", "Cyd": None},
    ]


def test_bulk_waits_for_a_mark_in_flight_and_keeps_it(taught_class, taking):
    answers = []

    def mark_the_rest() -> None:
        try:
            answers.append(bulk(taught_class, address(taking), "unmarked", "absent"))
        finally:
            connection.close()

    thread = threading.Thread(target=mark_the_rest)
    with transaction.atomic():
        advisory_locks.share([taking.pk])
        AttendanceRecord.objects.filter(student=taught_class.students[1]).update(
            status=Status.PRESENT, method=Method.QR, marked_at=AT
        )
        thread.start()
        wait_until(a_backend_waits_for_a_lock)
    thread.join()

    assert answers[0]["changed"] == 1
    assert list(statuses(taking).values()) == ["present", "present", "absent"]
    assert not RecordChange.objects.filter(record__student=taught_class.students[1]).exists()


@pytest.mark.parametrize(
    "body", [{}, {"of": "all", "status": "present"}, {"of": "joined", "status": None}, {"of": "joined"}, []]
)
def test_invalid_bulk_changes_nothing(taught_class, taking, body):
    before = list(AttendanceRecord.objects.values())
    answer = taught_class.as_teacher.post(address(taking, "records/bulk/"), body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert list(AttendanceRecord.objects.values()) == before


# --- The curve of arrivals --------------------------------------------------------------------------------


def test_curve_counts_joined_and_present_over_time(transactional_db):
    section = factories.make_section(students=4)
    session = factories.make_session(section=section, at=AT, status=SessionStatus.ACTIVE)
    first, second, third, fourth = factories.students_of(section)

    def after(minutes: int) -> datetime.datetime:
        return AT + datetime.timedelta(minutes=minutes)

    def record(student: Student, joined: int | None, marked: int | None, status: Status | None) -> None:
        factories.make_record(
            meeting=session.meeting,
            student=student,
            joined_at=None if joined is None else after(joined),
            status=status,
            **({} if marked is None else {"marked_at": after(marked)}),
        )

    record(first, 0, 5, Status.PRESENT)
    record(second, 5, 10, Status.LATE)
    record(third, 10, None, None)
    record(fourth, None, 8, Status.ABSENT)

    found = arrivals([session.meeting], opened_at=AT, ended_at=None)

    assert found is not None
    assert (found.began, found.until) == (AT, after(10))
    assert (len(found.joined), found.joined[0], found.joined[-1]) == (POINTS, 1, 3)
    assert (found.joined.index(2), found.joined.index(3)) == (POINTS // 2, POINTS - 1)
    assert (found.present.index(1), found.present.index(2)) == (POINTS // 2, POINTS - 1)
    assert (found.present[0], found.present[-1]) == (0, 2)
    assert found.half_present_at() == AT + found_half(found)


def found_half(found) -> datetime.timedelta:
    return (found.until - found.began) * (POINTS // 2) / (POINTS - 1)


def test_curve_ends_with_the_session_and_is_empty_before_the_first_arrival(transactional_db):
    section = factories.make_section(students=1)
    session = factories.make_session(section=section, at=AT)
    assert arrivals([session.meeting], opened_at=AT, ended_at=None) is None
    ended_at = AT + datetime.timedelta(hours=1)
    (student,) = factories.students_of(section)
    late = AT + datetime.timedelta(days=3)
    factories.make_record(
        meeting=session.meeting, student=student, joined_at=None, status=Status.PRESENT, marked_at=late
    )
    found = arrivals([session.meeting], opened_at=AT, ended_at=ended_at)
    assert found is not None
    assert (found.until, found.present[-1], found.present[0]) == (ended_at, 1, 0)


def test_curve_of_one_moment_is_a_step(transactional_db):
    section = factories.make_section(students=1)
    session = factories.make_session(section=section, at=AT)
    factories.make_record(meeting=session.meeting, student=factories.students_of(section)[0], joined_at=AT)
    found = arrivals([session.meeting], opened_at=AT, ended_at=None)
    assert found is not None
    assert found.joined[-1] == 1
    assert found.half_present_at() is None


def test_curve_over_the_api(taught_class, taking, hall):
    answer = taught_class.as_teacher.get(address(taking, "arrival-curve/")).json()
    assert (answer["joined"][-1], answer["present"][-1]) == (2, 1)
    taught_class, group, _members = hall
    empty = taught_class.as_teacher.get(f"/api/v1/group-sessions/{group}/arrival-curve/").json()
    assert empty == {"began": None, "until": None, "joined": [], "present": []}


# --- Rights -----------------------------------------------------------------------------------------------


def test_registers_are_closed_to_other_teachers_and_students(taught_class, taking, hall):
    _hall_class, group, _members = hall
    change = mark(taught_class, taking, taught_class.students[0], "late")["change"]
    before = list(AttendanceRecord.objects.order_by("pk").values())
    calls = [
        ("get", "records/", {"since": ""}),
        ("get", "arrival-curve/", None),
        ("post", "records/bulk/", {"of": "unmarked", "status": "absent"}),
    ]
    urls = [(address(taking), [*calls, ("post", "undo/", {"change": change})])]
    urls.append((f"/api/v1/group-sessions/{group}/", calls))
    student, other = taught_class.as_student[0], client_of(factories.make_teacher())
    for base, paths in urls:
        for method, path, body in paths:
            form = {} if method == "get" else {"format": "json"}
            for client, status in ((other, 404), (student, 403)):
                assert getattr(client, method)(base + path, body, **form).status_code == status, path
    assert list(AttendanceRecord.objects.order_by("pk").values()) == before


def test_teacher_of_one_section_may_not_mark_the_whole_group(hall):
    _taught_class, group, members = hall
    colleague = factories.make_teacher()
    members[1].meeting.section.teachers.add(colleague)
    body = {"of": "unmarked", "status": "absent"}
    client = client_of(colleague)
    refused = client.post(f"/api/v1/group-sessions/{group}/records/bulk/", body, format="json")
    assert refused.status_code == 404
    assert client.post(address(members[0], "records/bulk/"), body, format="json").status_code == 404
    assert not AttendanceRecord.objects.exists()
    assert client.post(address(members[1], "records/bulk/"), body, format="json").status_code == 200


def test_ended_session_keeps_its_register_readable(taught_class, taking):
    lifecycle.take_step(session=taking, step="end", by=taught_class.teacher, at=timezone.now())
    returned = changes(taught_class.as_teacher, address(taking, "records/"))
    assert [row["status"] for row in returned["records"]] == ["present", "absent", "absent"]
