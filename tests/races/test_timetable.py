"""Teachers open, type, cancel and move planned meetings while the timetable is planned again: the result fits some order.

Whatever happens, a section has one open session at most, no meeting is planned twice, and no entry is lost.
"""

import datetime
import functools
import random
import time
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.test import Client

from attendance.models import AttendanceRecord, Meeting, MeetingState, RecordChange, Section, User
from attendance.timetable.planning import replan
from qrsessions.models import Action, QRSession, SessionEvent, SessionStatus
from tests.support import factories
from tests.support.races import Call, run_concurrently, token_client

# A Monday, ten minutes before the class.
NOW = datetime.datetime(2026, 10, 5, 8, 50, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
AT_ELEVEN = {"weekday": 0, "start": "11:00", "end": "12:00"}


@pytest.fixture(autouse=True)
def _monday(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    with time_machine.travel(NOW):
        yield


@pytest.fixture
def teachers() -> list[User]:
    return [factories.make_teacher() for _ in range(2)]


def make_section(teachers: list[User]) -> Section:
    """A section that meets on four Mondays at 11:00, in ten minutes for the first time."""
    term = factories.make_term(name="October", first_day=NOW.date() - 7 * DAY, last_day=NOW.date() + 21 * DAY)
    section = factories.make_section(term=term, students=4, teachers=teachers)
    factories.make_pattern(section=section, start=datetime.time(11), end=datetime.time(12))
    replan([section.pk], at=NOW)
    return section


def first_meeting(section: Section) -> Meeting:
    return section.meetings.earliest("starts_at")


def post(user: User, path: str, **body: Any) -> Call:
    return functools.partial(token_client(user).post, f"/api/v1/{path}", body, format="json")


def opening(user: User, section: Section) -> Call:
    return post(user, "sessions/", section=section.pk)


def act(user: User, meeting: Meeting, action: str, **body: Any) -> Call:
    return post(user, f"meetings/{meeting.public_id}/{action}/", **body)


def step(user: User, meeting: Meeting, name: str) -> Call:
    return post(user, f"sessions/{meeting.public_id}/{name}/")


def put_classes(user: User, section: Section, *rows: dict[str, Any]) -> Call:
    path = f"/api/v1/sections/{section.pk}/patterns/"
    return functools.partial(token_client(user).put, path, list(rows), format="json")


def entering(user: User, meeting: Meeting, number: int, status: str | None) -> Call:
    student = factories.students_of(meeting.section)[number]
    path = f"/api/v1/sessions/{meeting.public_id}/records/{student.student_id}/"
    return functools.partial(token_client(user).put, path, {"status": status}, format="json")


def run_while_held(meeting: Meeting, *calls: Call) -> list[Any]:
    """Make the calls at once, in any order, while somebody holds the row of the meeting for a moment.

    So each of them has read the meeting before one of them changes it.
    """

    def hold() -> None:
        with transaction.atomic():
            list(Meeting.objects.select_for_update().filter(pk=meeting.pk))
            time.sleep(0.15)

    def soon(call: Call) -> Any:
        time.sleep(random.uniform(0.02, 0.06))
        return call()

    return run_concurrently(*[functools.partial(soon, call) for call in calls], hold)[:-1]


def code_of(answer: Any) -> str | int:
    return answer.status_code if answer.status_code < 300 else str(answer.json()["code"])


def assert_sound(section: Section) -> None:
    meetings = section.meetings.exclude(state=MeetingState.DISCARDED)
    assert meetings.filter(state=MeetingState.OPEN).count() <= 1
    planned = [one.starts_at for one in meetings if one.is_planned]
    assert len(planned) == len(set(planned)), "a meeting is planned twice"
    for session in QRSession.objects.filter(meeting__section=section).select_related("meeting"):
        assert (session.status == SessionStatus.ENDED) == (session.meeting.state != MeetingState.OPEN)


# --- Opening ----------------------------------------------------------------------------------------------


def test_two_teachers_who_open_a_planned_meeting_share_one_session(teachers, rounds):
    for _ in range(rounds):
        section = make_section(teachers)
        meeting = first_meeting(section)

        answers = run_concurrently(*[opening(teachers[n % 2], section) for n in range(4)])

        assert sorted(str(code_of(one)) for one in answers) == ["201", *["session_open"] * 3]
        assert {one.json().get("session") or one.json()["id"] for one in answers} == {meeting.public_id}
        assert section.meetings.count() == 4
        assert_sound(section)


def test_two_teachers_who_press_the_button_of_a_meeting_reach_the_same_session(teachers, rounds):
    pages = [Client() for _ in teachers]
    for page, teacher in zip(pages, teachers, strict=True):
        page.force_login(teacher)
    for _ in range(rounds):
        section = make_section(teachers)
        meeting = first_meeting(section)
        body = {"meeting": meeting.public_id}

        answers = run_concurrently(
            *[functools.partial(page.post, f"/teach/sections/{section.pk}/open/", body) for page in pages]
        )

        assert {one.headers["Location"] for one in answers} == {f"/teach/sessions/{meeting.public_id}/"}
        assert section.meetings.count() == 4
        assert_sound(section)


def cancelled(user: User, section: Section) -> Call:
    return act(user, first_meeting(section), "cancel", reason="ill")


def moved(user: User, section: Section) -> Call:
    return act(user, first_meeting(section), "move", starts_at=NOW + DAY, ends_at=NOW + DAY + HOUR)


def removed(user: User, section: Section) -> Call:
    return put_classes(user, section)


def changed(user: User, section: Section) -> Call:
    return put_classes(user, section, AT_ELEVEN | {"start": "15:00", "end": "16:00"})


@pytest.mark.parametrize("change", [cancelled, moved, removed, changed])
def test_meeting_is_opened_before_it_changes_or_not_at_all(teachers, change, rounds):
    for _ in range(rounds):
        section = make_section(teachers)
        meeting = first_meeting(section)

        opened, other = run_while_held(
            meeting,
            opening(teachers[0], section),
            change(teachers[1], section),
        )

        assert opened.status_code == 201
        assert code_of(other) in (200, "meeting_open")
        now = Meeting.objects.filter(pk=meeting.pk).first()
        if opened.json()["id"] == meeting.public_id:
            # It is held at its own time, on its own day.
            assert now
            assert (now.state, now.starts_at) == (MeetingState.OPEN, meeting.starts_at)
        else:
            # The session is not on the timetable, and the meeting has changed.
            assert other.status_code == 200
            assert now is None or now.state == MeetingState.CANCELLED or now.starts_at > meeting.starts_at
        assert_sound(section)


def test_meeting_is_opened_or_its_register_saved(teachers, rounds):
    for _ in range(rounds):
        section = make_section(teachers)
        section.meetings.all().delete()
        meeting = factories.make_planned(section=section, starts_at=NOW - HOUR / 2)

        opened, saved = run_while_held(
            meeting,
            opening(teachers[0], section),
            act(teachers[1], meeting, "finish", rest="absent"),
        )

        assert opened.status_code == 201
        assert code_of(saved) in (200, "meeting_open")
        meeting.refresh_from_db()
        is_saved = saved.status_code == 200
        assert meeting.state == (MeetingState.HELD if is_saved else MeetingState.OPEN)
        assert is_saved == (opened.json()["id"] != meeting.public_id)
        if is_saved:
            assert meeting.records.filter(status="absent").count() == 4
        assert_sound(section)


def test_entry_of_a_register_comes_before_the_session_or_is_refused(teachers, rounds):
    for _ in range(rounds):
        section = make_section(teachers)
        section.meetings.all().delete()
        meeting = factories.make_planned(section=section, starts_at=NOW - HOUR / 2)

        opened, entered = run_while_held(
            meeting, opening(teachers[0], section), entering(teachers[1], meeting, 0, "present")
        )

        assert opened.status_code == 201
        if entered.status_code == 200 and opened.json()["id"] == meeting.public_id:
            # The entry reached the open session as a correction.
            stats = token_client(teachers[0]).get(f"/api/v1/sessions/{meeting.public_id}/stats/").json()
            assert stats["total_present"] == 1
        else:
            assert code_of(entered) in (200, "meeting_open")
        assert AttendanceRecord.objects.filter(meeting=meeting, status="present").count() == (
            entered.status_code == 200
        )
        assert_sound(section)


# --- The timetable ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [removed, changed])
def test_excuse_keeps_its_meeting_or_finds_it_gone(teachers, change, rounds):
    for _ in range(rounds):
        section = make_section(teachers)
        meeting = section.meetings.latest("starts_at")

        excused, planned = run_while_held(
            meeting,
            entering(teachers[0], meeting, 0, "excused"),
            change(teachers[1], section),
        )

        assert planned.status_code == 200
        assert excused.status_code in (200, 404)
        assert AttendanceRecord.objects.filter(meeting__section=section, status="excused").count() == (
            excused.status_code == 200
        )
        if excused.status_code == 404:
            assert not Meeting.objects.filter(pk=meeting.pk).exists()
        assert_sound(section)


def test_two_changes_of_the_timetable_leave_exactly_one_of_them(teachers, rounds):
    early, late = AT_ELEVEN | {"start": "14:00", "end": "15:00"}, AT_ELEVEN | {"weekday": 2}
    for _ in range(rounds):
        section = make_section(teachers)

        answers = run_concurrently(
            put_classes(teachers[0], section, AT_ELEVEN, early),
            put_classes(teachers[1], section, late),
            functools.partial(replan, [section.pk], at=NOW),
        )

        assert [one.status_code for one in answers[:2]] == [200, 200]
        classes = sorted(section.patterns.values_list("weekday", "start__hour"))
        # Two on each of four Mondays, or one on each of three Wednesdays.
        assert (classes, section.meetings.count()) in [([(0, 11), (0, 14)], 8), ([(2, 11)], 3)]
        assert replan([section.pk], at=NOW).is_empty
        assert_sound(section)


def test_planning_twice_at_once_plans_each_meeting_once(teachers, rounds):
    for _ in range(rounds):
        section = make_section(teachers)
        section.meetings.all().delete()

        run_concurrently(*[functools.partial(replan, [section.pk], at=NOW)] * 3)

        assert section.meetings.count() == 4
        assert_sound(section)


def test_choosing_another_class_while_the_timetable_changes_keeps_both_plans(teachers, rounds):
    for _ in range(rounds):
        section = make_section(teachers)
        other = factories.make_planned(section=section, starts_at=NOW - HOUR / 2, room="lab", edited=True)
        session = opening(teachers[0], section)().json()["id"]
        choose = Client()
        choose.force_login(teachers[0])
        nearest = Meeting.objects.get(public_id=session)
        assert nearest.starts_at == NOW + HOUR / 6

        answers = run_while_held(
            nearest,
            functools.partial(choose.post, f"/teach/sessions/{session}/class/", {"meeting": other.public_id}),
            put_classes(teachers[1], section),
            functools.partial(replan, [section.pk], at=NOW),
        )

        assert [one.status_code for one in answers[:2]] == [302, 200]
        nearest.refresh_from_db()
        assert (nearest.state, nearest.room) == (MeetingState.OPEN, "lab")
        assert_sound(section)


# --- Registers and cancelled classes ----------------------------------------------------------------------


def test_register_that_is_saved_twice_at_once_is_saved_once(teachers, rounds):
    for _ in range(rounds):
        section = make_section(teachers)
        meeting = factories.make_planned(section=section, starts_at=NOW - DAY)
        entering(teachers[0], meeting, 0, "late")()

        answers = run_while_held(
            meeting, *[act(teacher, meeting, "finish", rest="absent") for teacher in teachers]
        )

        assert sorted(str(code_of(one)) for one in answers) == ["200", "wrong_state"]
        assert sorted(meeting.records.values_list("status", flat=True)) == ["absent"] * 3 + ["late"]
        assert SessionEvent.objects.filter(meeting=meeting, action=Action.FINISH).count() == 1


def test_entry_during_saving_is_kept(teachers, rounds):
    for _ in range(rounds):
        section = make_section(teachers)
        meeting = factories.make_planned(section=section, starts_at=NOW - DAY)

        saved, *entered = run_while_held(
            meeting,
            act(teachers[0], meeting, "finish", rest="absent"),
            *[entering(teachers[1], meeting, number, "late") for number in range(3)],
        )

        assert [one.status_code for one in (saved, *entered)] == [200] * 4
        assert sorted(meeting.records.values_list("status", flat=True)) == ["absent"] + ["late"] * 3
        assert RecordChange.objects.filter(record__meeting=meeting).count() == 3


def test_cancelled_class_is_restored_while_a_session_is_opened(teachers, rounds):
    for _ in range(rounds):
        section = make_section(teachers)
        meeting = first_meeting(section)
        act(teachers[0], meeting, "cancel", reason="ill")()

        restored, opened = run_while_held(
            meeting, act(teachers[0], meeting, "restore"), opening(teachers[1], section)
        )

        assert (restored.status_code, opened.status_code) == (200, 201)
        meeting.refresh_from_db()
        at_it = opened.json()["id"] == meeting.public_id
        assert meeting.state == (MeetingState.OPEN if at_it else MeetingState.PLANNED)
        assert_sound(section)


@pytest.mark.parametrize("other", ["reopen", "discard"])
def test_ended_session_is_cancelled_or_goes_on(teachers, other, rounds):
    for _ in range(rounds):
        section = make_section(teachers)
        meeting = first_meeting(section)
        opening(teachers[0], section)()
        step(teachers[0], meeting, "end")()

        cancelling, stepped = run_while_held(
            meeting,
            act(teachers[0], meeting, "cancel", reason="ill"),
            step(teachers[1], meeting, other),
        )

        meeting.refresh_from_db()
        outcome = code_of(cancelling), code_of(stepped), meeting.state
        assert outcome in {
            (200, "wrong_state", "cancelled"),
            ("meeting_open", 200, "open"),
            # Discarded first, so that it was planned again.
            (200, 204, "cancelled"),
        }
        assert_sound(section)
