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


def register(klass: Class, session: QRSession) -> list[tuple[bool, str | None, str | None]]:
    rows = klass.as_teacher.get(f"/api/v1/sessions/{session.public_id}/records/").json()
    return [(row["joined_at"] is not None, row["status"], row["method"]) for row in rows]


def taking(klass: Class, *, marked: int = 1) -> QRSession:
    """An active session that two students joined. The first ``marked`` of them are marked."""
    session = klass.open()
    klass.join(session, 0)
    klass.join(session, 1)
    klass.step(session, "start")
    for number in range(marked):
        assert klass.mark(session, number).status_code == 201
    return session


def other_section(klass: Class, **fields: Any) -> Section:
    return factories.make_section(teachers=[klass.teacher], **fields)


def open_group(klass: Class, *sections: Section) -> Any:
    body = {"sections": [section.pk for section in sections]}
    return klass.as_teacher.post("/api/v1/group-sessions/", body, format="json")


def group_of(answer: Any) -> GroupSession:
    assert answer.status_code == 201, answer.json()
    return GroupSession.objects.with_names().get(group__public_id=answer.json()["id"])


def group_step(klass: Class, group: GroupSession, step: str) -> Any:
    return klass.as_teacher.post(f"/api/v1/group-sessions/{group.public_id}/{step}/")


# --- Counts and the register ------------------------------------------------------------------------------


def test_fault_01_redis_down_shows_the_right_counts(klass, own_valkey):
    session = taking(klass)

    own_valkey.kill()

    shown = klass.stats(session)
    assert (counts(shown), shown["source"]) == ((3, 2, 1), "database")


def test_fault_02_an_end_while_redis_is_down_keeps_the_marks(klass, own_valkey):
    session = taking(klass)
    own_valkey.kill()

    ended = klass.step(session, "end")

    assert (ended.status_code, counts(ended.json()["stats"])) == (200, (3, 2, 1))
    assert register(klass, session) == [
        (True, "present", "qr"),
        (True, "absent", "end"),
        (False, "absent", "end"),
    ]


def test_fault_03_a_session_idle_for_hours_keeps_who_joined(klass, time_machine):
    session = taking(klass)
    live = get_redis_connection("live")
    assert [live.ttl(f"session:{session.public_id}:{name}") for name in ("joined", "attended")] == [-1, -1]
    time_machine.move_to(timezone.now() + datetime.timedelta(hours=5))

    assert klass.mark(session, 1).status_code == 201

    klass.step(session, "end")
    assert register(klass, session) == [
        (True, "present", "qr"),
        (True, "present", "qr"),
        (False, "absent", "end"),
    ]


def test_fault_04_final_counts_stay_after_the_end(klass, time_machine):
    session = taking(klass)

    klass.step(session, "end")

    assert counts(klass.stats(session)) == (3, 2, 1)
    assert [len(members) for members in sets_of(session)] == [2, 1]
    time_machine.move_to(timezone.now() + datetime.timedelta(days=30))
    assert counts(klass.stats(session)) == (3, 2, 1)


def test_fault_05_the_total_is_the_size_of_the_roster_and_roll_numbers_are_unique_in_it(klass):
    for roll_number in ("10", "2"):
        factories.make_enrolment(section=klass.section, roll_number=roll_number)
    with pytest.raises(IntegrityError):
        factories.make_enrolment(section=klass.section, roll_number="2")
    session = klass.open(total_students=500)

    ended = klass.step(session, "end")

    assert ended.json()["stats"]["total_students"] == 5
    rows = klass.as_teacher.get(f"/api/v1/sessions/{session.public_id}/records/").json()
    assert [(row["roll_number"], row["status"]) for row in rows] == [
        (number, "absent") for number in ("01", "02", "2", "03", "10")
    ]


def test_fault_06_a_repeated_scan_counts_once_and_is_reported_as_repeated(klass):
    session = taking(klass)

    again = [klass.mark(session, 0), klass.join(session, 0)]

    assert [answer.status_code for answer in again] == [200, 200]
    assert again[0].json()["code"] == "already_marked"
    assert [counts(answer.json()["stats"]) for answer in again] == [(3, 2, 1)] * 2


def test_fault_07_a_section_listed_twice_is_refused_and_nothing_is_opened(klass):
    other = other_section(klass)

    answer = open_group(klass, klass.section, other, klass.section)

    assert (answer.status_code, answer.json()["code"]) == (400, "listed_twice")
    assert answer.json()["section"] == klass.section.pk
    assert (Meeting.objects.count(), MeetingGroup.objects.count()) == (0, 0)


def test_fault_08_lock_and_unlock_return_the_same_counts_as_stats(klass):
    session = klass.open()
    klass.join(session, 0)
    klass.join(session, 1)

    for step in ("lock", "unlock", "lock"):
        assert counts(klass.step(session, step).json()["stats"]) == counts(klass.stats(session)) == (3, 2, 0)


# --- Races and durability ---------------------------------------------------------------------------------


def test_fault_09_the_end_loses_no_acknowledged_mark(klass):
    for _ in range(5):
        session = taking(klass, marked=0)

        ended, *marked = run_concurrently(
            functools.partial(klass.step, session, "end"),
            *[functools.partial(klass.mark, session, number) for number in range(2)],
            spread_seconds=0.01,
        )

        assert ended.status_code == 200
        assert {answer.status_code for answer in marked} <= {201, 409}
        assert [status for _, status, _ in register(klass, session)] == [
            *("present" if answer.status_code == 201 else "absent" for answer in marked),
            "absent",
        ]


def test_fault_10_a_mark_needs_an_active_session_also_by_a_groups_token(klass):
    group = group_of(open_group(klass, klass.section, other_section(klass, students=1)))
    klass.as_student[0].post(f"/api/v1/group-sessions/{group.public_id}/join/")
    before_start = klass.as_student[0].post("/api/v1/mark/", {"token": token_of(group)}, format="json")
    group_step(klass, group, "start")
    group_step(klass, group, "end")

    after_end = klass.as_student[0].post("/api/v1/mark/", {"token": token_of(group)}, format="json")

    assert [(a.status_code, a.json()["code"]) for a in (before_start, after_end)] == [(409, "not_active")] * 2
    assert not AttendanceRecord.objects.exclude(method="end").exists()


def test_fault_11_a_lock_by_another_process_applies_immediately(klass):
    """Another process is simulated by a write to the database. ``races/test_two_processes`` has real ones."""
    session = klass.open()
    klass.join(session, 0)
    QRSession.objects.filter(pk=session.pk).update(status="locked", locked_at=timezone.now())

    refused = klass.join(session, 1)

    assert (refused.status_code, refused.json()["code"]) == (409, "locked")
    assert counts(klass.stats(session)) == (3, 1, 0)


def test_fault_12_the_code_keeps_changing_without_a_background_process(klass, time_machine):
    """Time moves here. ``races/test_restart`` kills a real server."""
    session = taking(klass, marked=0)
    shown = []
    for number in range(2):
        time_machine.move_to(timezone.now() + datetime.timedelta(hours=3))
        shown.append(klass.as_teacher.get(f"/api/v1/sessions/{session.public_id}/token/").json()["token"])
        assert klass.mark(session, number, shown[-1]).status_code == 201
    assert shown[0] != shown[1]


def test_fault_13_concurrent_creates_open_one_session(klass):
    body = {"section": klass.section.pk}
    teachers = [client_of(klass.teacher) for _ in range(2)]

    answers = run_concurrently(
        *[functools.partial(one.post, "/api/v1/sessions/", body, format="json") for one in teachers]
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert Meeting.objects.filter(section=klass.section).open().count() == 1


def test_fault_14_opening_again_keeps_the_running_session(klass):
    session = taking(klass)
    before = everything_written()

    again = klass.as_teacher.post("/api/v1/sessions/", {"section": klass.section.pk}, format="json")
    with_others = open_group(klass, other_section(klass), klass.section)

    assert (again.status_code, again.json()["code"], again.json()["session"]) == (
        409,
        "session_open",
        session.public_id,
    )
    assert with_others.status_code == 409
    assert everything_written() == before
    assert klass.mark(session, 1).status_code == 201


def test_fault_15_a_group_action_is_done_for_all_sections_or_for_none(klass):
    others = [other_section(klass, students=1) for _ in range(2)]
    group = group_of(open_group(klass, klass.section, *others))
    group_step(klass, group, "end")
    standing = klass.as_teacher.post("/api/v1/sessions/", {"section": others[0].pk}, format="json")
    before = everything_written()

    refused = group_step(klass, group, "reopen")

    assert (refused.status_code, refused.json()["code"]) == (409, "session_open")
    assert everything_written() == before
    klass.as_teacher.post(f"/api/v1/sessions/{standing.json()['id']}/end/")
    assert group_step(klass, group, "reopen").status_code == 200
    assert group_step(klass, group, "end").status_code == 200


def test_fault_16_students_see_open_sessions_immediately(klass):
    def own() -> list[str]:
        return [one["id"] for one in klass.as_student[0].get("/api/v1/me/session/").json()["sessions"]]

    assert own() == []
    first = klass.open()
    assert own() == [first.public_id]
    klass.step(first, "end")
    assert own() == []
    second = klass.open()
    assert own() == [second.public_id]


# --- Authority --------------------------------------------------------------------------------------------


def test_fault_17_nobody_opens_or_ends_a_session_of_a_colleagues_section(klass):
    session = taking(klass)
    stranger = client_of(factories.make_teacher())
    before = everything_written()

    answers = [
        stranger.post("/api/v1/sessions/", {"section": klass.section.pk}, format="json"),
        stranger.post("/api/v1/group-sessions/", {"sections": [klass.section.pk]}, format="json"),
        stranger.post(f"/api/v1/sessions/{session.public_id}/end/"),
        stranger.post(f"/api/v1/sessions/{session.public_id}/leave/"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert everything_written() == before


def test_fault_18_a_token_is_for_its_teacher_and_a_register_for_no_student(klass):
    session = taking(klass)
    group = group_of(open_group(klass, other_section(klass, students=1), other_section(klass)))
    group_step(klass, group, "start")
    stranger = client_of(factories.make_teacher())
    paths = [f"sessions/{session.public_id}/{name}/" for name in ("token", "records", "stats", "waiting")]
    paths += [f"group-sessions/{group.public_id}/{name}/" for name in ("token", "stats", "waiting")]

    for path in paths:
        assert stranger.get(f"/api/v1/{path}").status_code == 404
        assert klass.as_student[0].get(f"/api/v1/{path}").status_code == 403


# --- From peers -------------------------------------------------------------------------------------------


def test_fault_25_a_second_projector_or_a_reload_leaves_every_code_valid(klass, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    session = taking(klass, marked=0)
    screens = [client_of(klass.teacher) for _ in range(2)]

    first, second, reloaded = (
        screen.get(f"/api/v1/sessions/{session.public_id}/token/").json() for screen in (*screens, screens[0])
    )

    assert first == second == reloaded
    assert klass.mark(session, 0, first["token"]).status_code == 201
    assert klass.mark(session, 1, reloaded["token"]).status_code == 201


def test_fault_29_nobody_is_marked_for_a_session_that_has_not_begun(klass):
    session = klass.open()
    klass.join(session, 0)
    before = everything_written()

    early = klass.mark(session, 0)
    of_the_future = klass.mark(session, 0, token_of(session, steps_ago=-2))
    assert everything_written() == before
    klass.step(session, "start")
    of_the_future_then = klass.mark(session, 0, token_of(session, steps_ago=-2))

    assert (early.status_code, early.json()["code"]) == (409, "not_active")
    assert (of_the_future.status_code, of_the_future.json()["code"]) == (409, "not_active")
    assert (of_the_future_then.status_code, of_the_future_then.json()["code"]) == (400, "token_invalid")
    assert klass.stats(session)["total_present"] == 0


def test_fault_31_a_scan_for_a_group_without_the_student_is_refused(klass):
    others = [other_section(klass, students=1) for _ in range(2)]
    group = group_of(open_group(klass, *others))
    group_step(klass, group, "start")
    before = everything_written()

    answers = [
        klass.as_student[0].post("/api/v1/mark/", {"token": token_of(group)}, format="json"),
        klass.as_student[0].post(f"/api/v1/group-sessions/{group.public_id}/join/"),
    ]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [(403, "not_enrolled")] * 2
    assert everything_written() == before


def test_fault_32_a_student_who_changes_section_keeps_the_history(klass):
    session = taking(klass)
    klass.step(session, "end")
    moved, today = klass.students[0], timezone.localdate()
    Enrolment.objects.filter(student=moved).update(to_date=today)
    factories.make_enrolment(section=other_section(klass), student=moved, from_date=today)

    assert register(klass, session)[0] == (True, "present", "qr")
    assert counts(klass.stats(session)) == (3, 2, 1)
    history = klass.as_student[0].get("/api/v1/me/records/").json()
    of_the_old = next(one for one in history if one["section"] == klass.section.pk)
    assert [(one["session"], one["status"]) for one in of_the_old["meetings"]] == [
        (session.public_id, "present")
    ]
