"""Known faults of the previous system and of similar ones, by number. None of them may occur here."""

import datetime
import functools
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone
from django_redis import get_redis_connection

from attendance.models import AttendanceRecord, Enrolment, Meeting, MeetingGroup, Section
from qrsessions.models import GroupSession, QRSession
from tests.support import factories
from tests.support.classes import Class, client_of, token_of
from tests.support.live_sets import sets_of
from tests.support.postgres.database import everything_written
from tests.support.races import run_concurrently


def counts(answer: dict[str, Any]) -> tuple[int, int, int]:
    return answer["total_students"], answer["total_joined"], answer["total_present"]


def register(taught_class: Class, session: QRSession) -> list[tuple[bool, str | None, str | None]]:
    rows = taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/records/").json()
    return [(row["joined_at"] is not None, row["status"], row["method"]) for row in rows]


def taking(taught_class: Class, *, marked: int = 1) -> QRSession:
    """An active session that two students joined. The first ``marked`` of them are marked."""
    session = taught_class.open()
    taught_class.join(session, 0)
    taught_class.join(session, 1)
    taught_class.step(session, "start")
    for number in range(marked):
        assert taught_class.mark(session, number).status_code == 201
    return session


def other_section(taught_class: Class, **fields: Any) -> Section:
    return factories.make_section(teachers=[taught_class.teacher], **fields)


def open_group(taught_class: Class, *sections: Section) -> Any:
    body = {"sections": [section.pk for section in sections]}
    return taught_class.as_teacher.post("/api/v1/group-sessions/", body, format="json")


def group_of(answer: Any) -> GroupSession:
    assert answer.status_code == 201, answer.json()
    return GroupSession.objects.with_names().get(group__public_id=answer.json()["id"])


def group_step(taught_class: Class, group: GroupSession, step: str) -> Any:
    return taught_class.as_teacher.post(f"/api/v1/group-sessions/{group.public_id}/{step}/")


# --- Counts and the register ------------------------------------------------------------------------------


def test_fault_01_redis_down_shows_the_right_counts(taught_class, own_valkey):
    session = taking(taught_class)

    own_valkey.kill()

    shown = taught_class.stats(session)
    assert (counts(shown), shown["source"]) == ((3, 2, 1), "database")


def test_fault_02_an_end_while_redis_is_down_keeps_the_marks(taught_class, own_valkey):
    session = taking(taught_class)
    own_valkey.kill()

    ended = taught_class.step(session, "end")

    assert (ended.status_code, counts(ended.json()["stats"])) == (200, (3, 2, 1))
    assert register(taught_class, session) == [
        (True, "present", "qr"),
        (True, "absent", "end"),
        (False, "absent", "end"),
    ]


def test_fault_03_a_session_idle_for_hours_keeps_who_joined(taught_class, time_machine):
    session = taking(taught_class)
    live = get_redis_connection("live")
    assert [live.ttl(f"session:{session.public_id}:{name}") for name in ("joined", "attended")] == [-1, -1]
    time_machine.move_to(timezone.now() + datetime.timedelta(hours=5))

    assert taught_class.mark(session, 1).status_code == 201

    taught_class.step(session, "end")
    assert register(taught_class, session) == [
        (True, "present", "qr"),
        (True, "present", "qr"),
        (False, "absent", "end"),
    ]


def test_fault_04_final_counts_stay_after_the_end(taught_class, time_machine):
    session = taking(taught_class)

    taught_class.step(session, "end")

    assert counts(taught_class.stats(session)) == (3, 2, 1)
    assert [len(members) for members in sets_of(session)] == [2, 1]
    time_machine.move_to(timezone.now() + datetime.timedelta(days=30))
    assert counts(taught_class.stats(session)) == (3, 2, 1)


def test_fault_05_the_total_is_the_size_of_the_roster_and_roll_numbers_are_unique_in_it(taught_class):
    for roll_number in ("10", "2"):
        factories.make_enrolment(section=taught_class.section, roll_number=roll_number)
    with pytest.raises(IntegrityError):
        factories.make_enrolment(section=taught_class.section, roll_number="2")
    session = taught_class.open(total_students=500)

    ended = taught_class.step(session, "end")

    assert ended.json()["stats"]["total_students"] == 5
    rows = taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/records/").json()
    assert [(row["roll_number"], row["status"]) for row in rows] == [
        (number, "absent") for number in ("01", "02", "2", "03", "10")
    ]


def test_fault_06_a_repeated_scan_counts_once_and_is_reported_as_repeated(taught_class):
    session = taking(taught_class)

    again = [taught_class.mark(session, 0), taught_class.join(session, 0)]

    assert [answer.status_code for answer in again] == [200, 200]
    assert again[0].json()["code"] == "already_marked"
    assert [counts(answer.json()["stats"]) for answer in again] == [(3, 2, 1)] * 2


def test_fault_07_a_section_listed_twice_is_refused_and_nothing_is_opened(taught_class):
    other = other_section(taught_class)

    answer = open_group(taught_class, taught_class.section, other, taught_class.section)

    assert (answer.status_code, answer.json()["code"]) == (400, "listed_twice")
    assert answer.json()["section"] == taught_class.section.pk
    assert (Meeting.objects.count(), MeetingGroup.objects.count()) == (0, 0)


def test_fault_08_lock_and_unlock_return_the_same_counts_as_stats(taught_class):
    session = taught_class.open()
    taught_class.join(session, 0)
    taught_class.join(session, 1)

    for step in ("lock", "unlock", "lock"):
        assert (
            counts(taught_class.step(session, step).json()["stats"])
            == counts(taught_class.stats(session))
            == (3, 2, 0)
        )


# --- Races and durability ---------------------------------------------------------------------------------


def test_fault_09_the_end_loses_no_acknowledged_mark(taught_class):
    for _ in range(5):
        session = taking(taught_class, marked=0)

        ended, *marked = run_concurrently(
            functools.partial(taught_class.step, session, "end"),
            *[functools.partial(taught_class.mark, session, number) for number in range(2)],
            spread_seconds=0.01,
        )

        assert ended.status_code == 200
        assert {answer.status_code for answer in marked} <= {201, 409}
        assert [status for _, status, _ in register(taught_class, session)] == [
            *("present" if answer.status_code == 201 else "absent" for answer in marked),
            "absent",
        ]


def test_fault_10_a_mark_needs_an_active_session_also_by_a_groups_token(taught_class):
    group = group_of(open_group(taught_class, taught_class.section, other_section(taught_class, students=1)))
    taught_class.as_student[0].post(f"/api/v1/group-sessions/{group.public_id}/join/")
    before_start = taught_class.as_student[0].post("/api/v1/mark/", {"token": token_of(group)}, format="json")
    group_step(taught_class, group, "start")
    group_step(taught_class, group, "end")

    after_end = taught_class.as_student[0].post("/api/v1/mark/", {"token": token_of(group)}, format="json")

    assert [(a.status_code, a.json()["code"]) for a in (before_start, after_end)] == [(409, "not_active")] * 2
    assert not AttendanceRecord.objects.exclude(method="end").exists()


def test_fault_11_a_lock_by_another_process_applies_immediately(taught_class):
    """Another process is simulated by a write to the database. ``races/test_two_processes`` has real ones."""
    session = taught_class.open()
    taught_class.join(session, 0)
    QRSession.objects.filter(pk=session.pk).update(status="locked", locked_at=timezone.now())

    refused = taught_class.join(session, 1)

    assert (refused.status_code, refused.json()["code"]) == (409, "locked")
    assert counts(taught_class.stats(session)) == (3, 1, 0)


def test_fault_12_the_code_keeps_changing_without_a_background_process(taught_class, time_machine):
    """Time moves here. ``races/test_restart`` kills a real server."""
    session = taking(taught_class, marked=0)
    shown = []
    for number in range(2):
        time_machine.move_to(timezone.now() + datetime.timedelta(hours=3))
        shown.append(
            taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/token/").json()["token"]
        )
        assert taught_class.mark(session, number, shown[-1]).status_code == 201
    assert shown[0] != shown[1]


def test_fault_13_concurrent_creates_open_one_session(taught_class):
    body = {"section": taught_class.section.pk}
    teachers = [client_of(taught_class.teacher) for _ in range(2)]

    answers = run_concurrently(
        *[functools.partial(one.post, "/api/v1/sessions/", body, format="json") for one in teachers]
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert Meeting.objects.filter(section=taught_class.section).open().count() == 1


def test_fault_14_opening_again_keeps_the_running_session(taught_class):
    session = taking(taught_class)
    before = everything_written()

    again = taught_class.as_teacher.post(
        "/api/v1/sessions/", {"section": taught_class.section.pk}, format="json"
    )
    with_others = open_group(taught_class, other_section(taught_class), taught_class.section)

    assert (again.status_code, again.json()["code"], again.json()["session"]) == (
        409,
        "session_open",
        session.public_id,
    )
    assert with_others.status_code == 409
    assert everything_written() == before
    assert taught_class.mark(session, 1).status_code == 201


def test_fault_15_a_group_action_is_done_for_all_sections_or_for_none(taught_class):
    others = [other_section(taught_class, students=1) for _ in range(2)]
    group = group_of(open_group(taught_class, taught_class.section, *others))
    group_step(taught_class, group, "end")
    standing = taught_class.as_teacher.post("/api/v1/sessions/", {"section": others[0].pk}, format="json")
    before = everything_written()

    refused = group_step(taught_class, group, "reopen")

    assert (refused.status_code, refused.json()["code"]) == (409, "session_open")
    assert everything_written() == before
    taught_class.as_teacher.post(f"/api/v1/sessions/{standing.json()['id']}/end/")
    assert group_step(taught_class, group, "reopen").status_code == 200
    assert group_step(taught_class, group, "end").status_code == 200


def test_fault_16_students_see_open_sessions_immediately(taught_class):
    def own() -> list[str]:
        return [one["id"] for one in taught_class.as_student[0].get("/api/v1/me/session/").json()["sessions"]]

    assert own() == []
    first = taught_class.open()
    assert own() == [first.public_id]
    taught_class.step(first, "end")
    assert own() == []
    second = taught_class.open()
    assert own() == [second.public_id]


# --- Authority --------------------------------------------------------------------------------------------


def test_fault_17_nobody_opens_or_ends_a_session_of_a_colleagues_section(taught_class):
    session = taking(taught_class)
    stranger = client_of(factories.make_teacher())
    before = everything_written()

    answers = [
        stranger.post("/api/v1/sessions/", {"section": taught_class.section.pk}, format="json"),
        stranger.post("/api/v1/group-sessions/", {"sections": [taught_class.section.pk]}, format="json"),
        stranger.post(f"/api/v1/sessions/{session.public_id}/end/"),
        stranger.post(f"/api/v1/sessions/{session.public_id}/leave/"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert everything_written() == before


def test_fault_18_a_token_is_for_its_teacher_and_a_register_for_no_student(taught_class):
    session = taking(taught_class)
    group = group_of(
        open_group(taught_class, other_section(taught_class, students=1), other_section(taught_class))
    )
    group_step(taught_class, group, "start")
    stranger = client_of(factories.make_teacher())
    paths = [f"sessions/{session.public_id}/{name}/" for name in ("token", "records", "stats", "waiting")]
    paths += [f"group-sessions/{group.public_id}/{name}/" for name in ("token", "stats", "waiting")]

    for path in paths:
        assert stranger.get(f"/api/v1/{path}").status_code == 404
        assert taught_class.as_student[0].get(f"/api/v1/{path}").status_code == 403


# --- From peers -------------------------------------------------------------------------------------------


def test_fault_25_a_second_projector_or_a_reload_leaves_every_code_valid(taught_class, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    session = taking(taught_class, marked=0)
    screens = [client_of(taught_class.teacher) for _ in range(2)]

    first, second, reloaded = (
        screen.get(f"/api/v1/sessions/{session.public_id}/token/").json() for screen in (*screens, screens[0])
    )

    assert first == second == reloaded
    assert taught_class.mark(session, 0, first["token"]).status_code == 201
    assert taught_class.mark(session, 1, reloaded["token"]).status_code == 201


def test_fault_29_nobody_is_marked_for_a_session_that_has_not_begun(taught_class):
    session = taught_class.open()
    taught_class.join(session, 0)
    before = everything_written()

    early = taught_class.mark(session, 0)
    of_the_future = taught_class.mark(session, 0, token_of(session, steps_ago=-2))
    assert everything_written() == before
    taught_class.step(session, "start")
    of_the_future_then = taught_class.mark(session, 0, token_of(session, steps_ago=-2))

    assert (early.status_code, early.json()["code"]) == (409, "not_active")
    assert (of_the_future.status_code, of_the_future.json()["code"]) == (409, "not_active")
    assert (of_the_future_then.status_code, of_the_future_then.json()["code"]) == (400, "token_invalid")
    assert taught_class.stats(session)["total_present"] == 0


def test_fault_31_a_scan_for_a_group_without_the_student_is_refused(taught_class):
    others = [other_section(taught_class, students=1) for _ in range(2)]
    group = group_of(open_group(taught_class, *others))
    group_step(taught_class, group, "start")
    before = everything_written()

    answers = [
        taught_class.as_student[0].post("/api/v1/mark/", {"token": token_of(group)}, format="json"),
        taught_class.as_student[0].post(f"/api/v1/group-sessions/{group.public_id}/join/"),
    ]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [(403, "not_enrolled")] * 2
    assert everything_written() == before


def test_fault_32_a_student_who_changes_section_keeps_the_history(taught_class):
    session = taking(taught_class)
    taught_class.step(session, "end")
    moved, today = taught_class.students[0], timezone.localdate()
    Enrolment.objects.filter(student=moved).update(to_date=today)
    factories.make_enrolment(section=other_section(taught_class), student=moved, from_date=today)

    assert register(taught_class, session)[0] == (True, "present", "qr")
    assert counts(taught_class.stats(session)) == (3, 2, 1)
    history = taught_class.as_student[0].get("/api/v1/me/records/").json()
    of_the_old = next(one for one in history if one["section"] == taught_class.section.pk)
    assert [(one["session"], one["status"]) for one in of_the_old["meetings"]] == [
        (session.public_id, "present")
    ]
