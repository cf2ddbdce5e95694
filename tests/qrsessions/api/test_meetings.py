"""The API of meetings that are not now."""

import datetime

import pytest
import time_machine
from django_redis import get_redis_connection

from attendance.models import AttendanceRecord, Meeting, MeetingState, Method, Status
from attendance.records import session_end
from qrsessions.models import QRSession, SessionEvent
from qrsessions.services import auto_end
from tests.support import factories
from tests.support.classes import client_of
from tests.support.factories import make_planned, user_of
from tests.support.postgres.database import everything_written

NOON = datetime.datetime(2026, 10, 5, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


def post(taught_class, path: str, **body):
    return taught_class.as_teacher.post(f"/api/v1/{path}", body, format="json")


def act(taught_class, meeting: Meeting, action: str, **body):
    return post(taught_class, f"meetings/{meeting.public_id}/{action}/", **body)


def listed(taught_class, **query) -> list[tuple[str, str]]:
    found = taught_class.as_teacher.get(f"/api/v1/sections/{taught_class.section.pk}/meetings/", query).json()
    return [(one["starts_at"], one["state"]) for one in found]


def enter(taught_class, meeting: Meeting, number: int, status: str | None, note: str = ""):
    student = taught_class.students[number].student_id
    return taught_class.as_teacher.put(
        f"/api/v1/sessions/{meeting.public_id}/records/{student}/",
        {"status": status, "note": note},
        format="json",
    )


def register(taught_class, meeting: Meeting) -> list[tuple[str | None, str | None, str]]:
    """Status, method and note of each student."""
    rows = taught_class.as_teacher.get(f"/api/v1/sessions/{meeting.public_id}/records/").json()
    return [(row["status"], row["method"], row["note"]) for row in rows]


def state_of(meeting: Meeting) -> tuple[str, int]:
    meeting.refresh_from_db()
    return meeting.state, meeting.sequence


# --- Adding and listing -----------------------------------------------------------------------------------


def test_meetings_are_added_in_the_past_and_in_the_future(taught_class):
    new = {"ends_at": "2026-10-01T11:00:00Z", "room": "H1", "title": "Extra"}

    past = post(
        taught_class, f"sections/{taught_class.section.pk}/meetings/", starts_at="2026-10-01T10:00:00Z", **new
    )
    future = post(
        taught_class,
        f"sections/{taught_class.section.pk}/meetings/",
        starts_at="2026-12-01T10:00:00Z",
        ends_at="2026-12-01T11:00:00Z",
    )

    assert (past.status_code, future.status_code) == (201, 201)
    assert past.json() == {
        "id": past.json()["id"],
        "section": taught_class.section.pk,
        "state": "planned",
        "starts_at": "2026-10-01T10:00:00Z",
        "ends_at": "2026-10-01T11:00:00Z",
        "room": "H1",
        "title": "Extra",
        "cancel_reason": "",
        "makes_up": None,
        "total_students": 3,
        "total_present": 0,
        "present_percentage": 0.0,
    }
    assert listed(taught_class) == [("2026-10-01T10:00:00Z", "planned"), ("2026-12-01T10:00:00Z", "planned")]
    assert listed(taught_class, **{"from": "2026-10-02"}) == [("2026-12-01T10:00:00Z", "planned")]
    assert listed(taught_class, to="2026-10-02", state="planned") == [("2026-10-01T10:00:00Z", "planned")]
    assert listed(taught_class, state="held") == []


@pytest.mark.parametrize("ends_at", ["2026-10-01T10:00:00Z", "2026-10-01T09:00:00Z", "2026-10-02T10:00:01Z"])
def test_meeting_must_end_after_it_begins_and_within_a_day(taught_class, ends_at):
    answer = post(
        taught_class,
        f"sections/{taught_class.section.pk}/meetings/",
        starts_at="2026-10-01T10:00:00Z",
        ends_at=ends_at,
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not Meeting.objects.exists()


@pytest.mark.parametrize("query", [{"from": "yesterday"}, {"state": "lost"}])
def test_wrong_filters_are_refused(taught_class, query):
    answer = taught_class.as_teacher.get(f"/api/v1/sections/{taught_class.section.pk}/meetings/", query)

    assert answer.status_code == 400


# --- Cancelling, restoring, moving ------------------------------------------------------------------------


def test_planned_meeting_is_cancelled_and_restored(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON + DAY)

    cancelled = act(taught_class, meeting, "cancel", reason="The teacher is ill")
    assert cancelled.json()["state"] == "cancelled"
    assert cancelled.json()["cancel_reason"] == "The teacher is ill"
    assert state_of(meeting) == ("cancelled", 1)

    restored = act(taught_class, meeting, "restore")
    assert (restored.json()["state"], restored.json()["cancel_reason"]) == ("planned", "")
    assert state_of(meeting) == ("planned", 2)
    assert list(SessionEvent.objects.order_by("pk").values_list("action", "done_by", "detail")) == [
        ("cancel", taught_class.teacher.pk, "The teacher is ill"),
        ("restore", taught_class.teacher.pk, ""),
    ]


def test_held_meeting_that_is_cancelled_keeps_its_records_and_counts_nowhere(taught_class):
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    taught_class.mark(session)
    taught_class.step(session, "end")
    records = list(AttendanceRecord.objects.order_by("pk").values())

    act(taught_class, session.meeting, "cancel", reason="Fire alarm")
    own = taught_class.as_student[0].get("/api/v1/me/records/").json()
    assert own == []
    assert list(AttendanceRecord.objects.order_by("pk").values()) == records

    act(taught_class, session.meeting, "restore")
    (own,) = taught_class.as_student[0].get("/api/v1/me/records/").json()
    assert (own["total_meetings"], own["present_percentage"]) == (1, 100.0)
    assert state_of(session.meeting)[0] == "held"
    assert list(AttendanceRecord.objects.order_by("pk").values()) == records


def test_open_meeting_is_neither_cancelled_nor_moved(taught_class):
    session = taught_class.open()

    answers = [
        act(taught_class, session.meeting, "cancel", reason="x"),
        act(taught_class, session.meeting, "move", starts_at=NOON + DAY, ends_at=NOON + DAY + HOUR),
        act(taught_class, session.meeting, "finish", rest="absent"),
    ]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(409, "meeting_open")] * 3
    assert state_of(session.meeting) == ("open", 0)


def test_cancelling_needs_a_reason(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON + DAY)

    assert act(taught_class, meeting, "cancel").status_code == 400
    assert act(taught_class, meeting, "cancel", reason="").status_code == 400
    assert state_of(meeting) == ("planned", 0)


def test_meeting_moves_to_another_day(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON + DAY)

    answer = act(taught_class, meeting, "move", starts_at=NOON + 2 * DAY, ends_at=NOON + 2 * DAY + HOUR)

    assert answer.json()["starts_at"] == "2026-10-07T12:00:00Z"
    meeting.refresh_from_db()
    assert (meeting.date, meeting.edited, meeting.sequence) == ((NOON + 2 * DAY).date(), True, 1)


def test_meeting_whose_excuse_was_taken_back_is_moved(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON + DAY)
    excuse(taught_class, meeting)
    to = {"starts_at": (NOON + 2 * DAY).isoformat(), "ends_at": (NOON + 2 * DAY + HOUR).isoformat()}
    assert act(taught_class, meeting, "move", **to).json()["code"] == "has_records"

    enter(taught_class, meeting, 0, None)

    assert act(taught_class, meeting, "move", **to).status_code == 200


@pytest.mark.parametrize("day", ["0001-01-01", "1800-05-05", "9999-12-31"])
def test_year_that_makes_no_sense_is_refused(taught_class, day):
    meeting = make_planned(section=taught_class.section, starts_at=NOON + DAY)
    times = {"starts_at": f"{day}T10:00:00Z", "ends_at": f"{day}T11:00:00Z"}

    answers = [
        post(taught_class, f"sections/{taught_class.section.pk}/meetings/", **times),
        act(taught_class, meeting, "move", **times),
    ]

    assert [(answer.status_code, answer.json()["detail"]) for answer in answers] == [
        (400, "Check the year.")
    ] * 2


def test_meeting_with_a_record_is_not_moved(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON - DAY)
    enter(taught_class, meeting, 0, "present")

    answer = act(taught_class, meeting, "move", starts_at=NOON + DAY, ends_at=NOON + DAY + HOUR)

    assert (answer.status_code, answer.json()["code"]) == (409, "has_records")
    meeting.refresh_from_db()
    assert meeting.date == (NOON - DAY).date()


@pytest.mark.parametrize(
    ("state", "action", "body"),
    [
        ("cancelled", "cancel", {"reason": "again"}),
        ("planned", "restore", {}),
        ("held", "restore", {}),
        ("held", "finish", {"rest": "absent"}),
        ("cancelled", "finish", {"rest": "absent"}),
        ("held", "move", {"starts_at": NOON, "ends_at": NOON + HOUR}),
        ("cancelled", "move", {"starts_at": NOON, "ends_at": NOON + HOUR}),
    ],
)
def test_wrong_steps_change_nothing(taught_class, state, action, body):
    held = {"ended_at": NOON, "roster_fixed_at": NOON} if state == "held" else {}
    meeting = make_planned(section=taught_class.section, starts_at=NOON - DAY, state=state, **held)
    before = Meeting.objects.values().get(pk=meeting.pk)

    answer = act(taught_class, meeting, action, **body)

    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert Meeting.objects.values().get(pk=meeting.pk) == before
    assert not SessionEvent.objects.exists()


# --- Registers typed after the class ----------------------------------------------------------------------


def test_register_of_a_past_meeting_is_typed_and_saved(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON - DAY)

    answer = enter(taught_class, meeting, 0, "present")
    enter(taught_class, meeting, 1, "late")

    assert answer.status_code == 200
    assert (answer.json()["record"]["status"], answer.json()["record"]["method"]) == ("present", "manual")
    assert answer.json()["stats"]["total_present"] == 1
    assert state_of(meeting)[0] == "planned"
    # It counts nowhere yet.
    assert taught_class.as_student[0].get("/api/v1/me/records/").json() == []

    incomplete = act(taught_class, meeting, "finish")
    assert (incomplete.status_code, incomplete.json()["code"]) == (409, "incomplete")
    assert incomplete.json()["total"] == 1
    assert state_of(meeting)[0] == "planned"

    finished = act(taught_class, meeting, "finish", rest="absent").json()
    assert (finished["state"], finished["total_students"], finished["total_present"]) == ("held", 3, 2)
    register = taught_class.as_teacher.get(f"/api/v1/sessions/{meeting.public_id}/records/").json()
    assert [(row["status"], row["method"]) for row in register] == [
        ("present", "manual"),
        ("late", "manual"),
        ("absent", "end"),
    ]
    (own,) = taught_class.as_student[0].get("/api/v1/me/records/").json()
    assert (own["total_meetings"], own["present_percentage"]) == (1, 100.0)


def test_teacher_until_the_end_of_the_term_may_still_save_its_register(taught_class):
    section, term = taught_class.section, taught_class.section.term
    term.last_day = NOON.date() - DAY
    term.save()
    section.assignments.update(to_date=NOON.date())
    meeting = make_planned(section=section, starts_at=NOON - 2 * DAY)

    assert act(taught_class, meeting, "finish", rest="absent").status_code == 200
    assert act(taught_class, meeting, "cancel", reason="ill").status_code == 403


def test_typed_register_is_corrected_after_it_was_saved(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON - DAY)
    act(taught_class, meeting, "finish", rest="absent")

    enter(taught_class, meeting, 2, "excused")

    record = AttendanceRecord.objects.get(meeting=meeting, student=taught_class.students[2])
    assert (record.status, record.method, record.marked_by) == (
        Status.EXCUSED,
        Method.MANUAL,
        taught_class.teacher,
    )


def test_typed_register_never_touches_redis(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON - DAY)
    redis = get_redis_connection("live")
    redis.flushdb()

    enter(taught_class, meeting, 0, "present")
    act(taught_class, meeting, "finish", rest="absent")
    enter(taught_class, meeting, 1, "present")
    listed(taught_class)

    assert redis.keys("session:*") == []


def test_nobody_can_scan_into_a_typed_register(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON - HOUR)

    answers = [
        taught_class.as_teacher.get(f"/api/v1/sessions/{meeting.public_id}/stats/"),
        taught_class.as_teacher.get(f"/api/v1/sessions/{meeting.public_id}/token/"),
        taught_class.as_teacher.post(f"/api/v1/sessions/{meeting.public_id}/start/"),
        taught_class.as_student[0].post(f"/api/v1/sessions/{meeting.public_id}/join/"),
    ]
    typed = taught_class.as_student[0].post(
        "/api/v1/mark/", {"session": meeting.public_id, "code": "12345678"}, format="json"
    )

    assert [one.status_code for one in answers] == [404] * 4
    assert (typed.status_code, typed.json()["code"]) == (400, "token_invalid")
    assert not AttendanceRecord.objects.exists()


def test_roster_of_a_typed_register_is_that_of_its_date(taught_class):
    left = taught_class.section.enrolments.get(student=taught_class.students[0])
    left.to_date = (NOON - 2 * DAY).date()
    left.save()
    late = factories.make_enrolment(section=taught_class.section, roll_number="99", from_date=NOON.date())
    meeting = make_planned(section=taught_class.section, starts_at=NOON - DAY)

    register = taught_class.as_teacher.get(f"/api/v1/sessions/{meeting.public_id}/records/").json()

    assert [row["student_id"] for row in register] == [one.student_id for one in taught_class.students[1:]]
    assert enter(taught_class, meeting, 0, "present").status_code == 404
    assert late.student.student_id not in {row["student_id"] for row in register}


def test_register_of_a_meeting_to_come_is_not_saved(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON + HOUR)

    answer = act(taught_class, meeting, "finish", rest="absent")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_begun")
    assert not AttendanceRecord.objects.exists()


def test_cancelled_meeting_takes_no_marks(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON - DAY)
    act(taught_class, meeting, "cancel", reason="Holiday")
    before = everything_written()

    answer = enter(taught_class, meeting, 0, "present")

    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert everything_written() == before


# --- Excuses before the class -----------------------------------------------------------------------------


def excuse(taught_class, meeting: Meeting, note: str = ""):
    """Excuse the first student, the day before."""
    with time_machine.travel(NOON - DAY, tick=False):
        return enter(taught_class, meeting, 0, "excused", note)


def test_excuse_before_the_class_is_kept_by_its_session(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON + HOUR / 6)
    answer = excuse(taught_class, meeting, "chess tournament")
    assert (answer.status_code, answer.json()["record"]["status"]) == (200, "excused")
    # Nothing is counted before the class.
    assert taught_class.as_student[0].get("/api/v1/me/records/").json() == []

    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    assert session.public_id == meeting.public_id
    scanned = taught_class.mark(session)
    taught_class.mark(session, 1)
    taught_class.step(session, "end")

    # A scan never changes what a teacher entered by hand.
    assert (scanned.status_code, scanned.json()["status"]) == (200, "excused")
    assert register(taught_class, meeting) == [
        ("excused", "manual", "chess tournament"),
        ("present", "qr", ""),
        ("absent", "end", ""),
    ]
    (own,) = taught_class.as_student[0].get("/api/v1/me/records/").json()
    assert [one["status"] for one in own["meetings"]] == ["excused"]


def test_excuse_before_the_class_is_in_the_typed_register(taught_class, time_machine):
    time_machine.move_to(NOON, tick=False)
    meeting = make_planned(section=taught_class.section, starts_at=NOON + DAY)
    enter(taught_class, meeting, 1, "excused", "ill")
    time_machine.move_to(NOON + 2 * DAY, tick=False)

    assert act(taught_class, meeting, "finish").json()["total"] == 2
    act(taught_class, meeting, "finish", rest="absent")

    assert register(taught_class, meeting) == [
        ("absent", "end", ""),
        ("excused", "manual", "ill"),
        ("absent", "end", ""),
    ]


@pytest.mark.parametrize("status", ["present", "late", "absent"])
def test_only_excuses_are_entered_before_the_class(taught_class, status):
    meeting = make_planned(section=taught_class.section, starts_at=NOON + DAY)
    before = everything_written()

    answer = enter(taught_class, meeting, 0, status)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_begun")
    assert everything_written() == before


def test_excuse_is_taken_back_before_the_class(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON + HOUR / 6)
    excuse(taught_class, meeting)

    assert enter(taught_class, meeting, 0, None).status_code == 200

    assert register(taught_class, meeting)[0] == (None, None, "")
    assert taught_class.open().public_id == meeting.public_id


def test_excused_student_does_not_keep_a_session_from_being_discarded(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON + HOUR / 6)
    excuse(taught_class, meeting, "ill")
    session = taught_class.open()
    taught_class.join(session, 1)
    taught_class.step(session, "start")
    taught_class.step(session, "end")

    assert taught_class.step(session, "discard").status_code == 204

    assert state_of(meeting)[0] == "planned"
    assert register(taught_class, meeting) == [
        ("excused", "manual", "ill"),
        (None, None, ""),
        (None, None, ""),
    ]


@pytest.mark.parametrize("someone_joins", [False, True])
def test_forgotten_session_with_nobody_but_an_excused_student_makes_nobody_absent(
    taught_class, someone_joins
):
    meeting = make_planned(section=taught_class.section, starts_at=NOON + HOUR / 6)
    excuse(taught_class, meeting, "ill")
    session = taught_class.open()
    if someone_joins:
        taught_class.join(session, 1)

    auto_end.end_forgotten(at=NOON + DAY, after=6 * HOUR)

    assert state_of(meeting)[0] == ("held" if someone_joins else "planned")
    assert register(taught_class, meeting) == [
        ("excused", "manual", "ill"),
        (None, None, ""),
        (None, None, ""),
    ]
    assert QRSession.objects.without_marks().count() == someone_joins
    assert session_end.are_held_without_statuses([meeting]) == someone_joins


# --- Registers not taken ----------------------------------------------------------------------------------


def test_missing_registers_are_planned_meetings_that_are_over(taught_class):
    over = make_planned(section=taught_class.section, starts_at=NOON - 2 * HOUR)
    make_planned(section=taught_class.section, starts_at=NOON - HOUR / 2)  # now
    make_planned(section=taught_class.section, starts_at=NOON + DAY)
    make_planned(section=taught_class.section, starts_at=NOON - DAY, state=MeetingState.CANCELLED)
    factories.make_meeting(section=taught_class.section, starts_at=NOON - DAY, ended_at=NOON - DAY + HOUR)
    other = factories.make_section(teachers=[factories.make_teacher()])
    of_others = make_planned(section=other, starts_at=NOON - 2 * HOUR)

    def missing(client, **query) -> set[str]:
        return {one["id"] for one in client.get("/api/v1/meetings/missing/", query).json()}

    assert missing(taught_class.as_teacher) == {over.public_id}
    assert missing(taught_class.as_teacher, to="2026-10-04") == set()
    assert missing(client_of(factories.make_admin())) == {over.public_id, of_others.public_id}


# --- Opening ----------------------------------------------------------------------------------------------


def test_session_is_opened_at_the_meeting_that_is_planned_now(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON + HOUR / 6, room="H1")

    session = taught_class.open()

    assert session.public_id == meeting.public_id
    meeting.refresh_from_db()
    assert (meeting.state, meeting.opened_at) == (MeetingState.OPEN, NOON)
    assert meeting.starts_at == NOON + HOUR / 6
    assert Meeting.objects.count() == 1
    # It may end before its planned start: nothing compares them.
    assert taught_class.step(session, "end").status_code == 200


@pytest.mark.parametrize("minutes", [-61, 16])
def test_session_is_opened_at_a_new_meeting_if_none_is_planned_now(taught_class, minutes):
    make_planned(section=taught_class.section, starts_at=NOON + datetime.timedelta(minutes=minutes))

    session = taught_class.open()

    assert (session.meeting.starts_at, session.meeting.ends_at) == (NOON, None)
    assert Meeting.objects.count() == 2


def test_of_several_planned_meetings_the_nearest_start_without_a_register_is_taken(taught_class):
    first = make_planned(section=taught_class.section, starts_at=NOON - HOUR / 2, hours=2)
    nearest = make_planned(section=taught_class.section, starts_at=NOON + HOUR / 6)
    typed = make_planned(section=taught_class.section, starts_at=NOON)
    enter(taught_class, typed, 0, "present")

    session = taught_class.open()

    assert session.public_id == nearest.public_id
    assert state_of(first)[0] == "planned"


def test_discarded_session_leaves_its_meeting_planned(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON)
    session = taught_class.open()
    taught_class.step(session, "start")
    taught_class.step(session, "end")

    assert taught_class.step(session, "discard").status_code == 204

    meeting.refresh_from_db()
    assert (meeting.state, meeting.opened_at, meeting.ended_at) == (MeetingState.PLANNED, None, None)
    assert not QRSession.objects.exists()
    # The roster is that of the date again.
    again = taught_class.open()
    assert again.public_id == meeting.public_id
    assert taught_class.stats(again)["total_students"] == 3


def test_group_is_opened_at_the_planned_meeting_of_each_section(taught_class):
    other = factories.make_section(students=1, teachers=[taught_class.teacher])
    meeting = make_planned(section=taught_class.section, starts_at=NOON)

    answer = post(taught_class, "group-sessions/", sections=[taught_class.section.pk, other.pk])

    assert answer.status_code == 201
    ids = {one["section"]: one["id"] for one in answer.json()["sessions"]}
    assert ids[taught_class.section.pk] == meeting.public_id
    assert Meeting.objects.count() == 2


# --- Rights -----------------------------------------------------------------------------------------------


def test_meetings_are_for_the_section_s_teachers(taught_class):
    meeting = make_planned(section=taught_class.section, starts_at=NOON - DAY)
    before = Meeting.objects.values().get()
    calls = [
        ("get", f"sections/{taught_class.section.pk}/meetings/", None),
        (
            "post",
            f"sections/{taught_class.section.pk}/meetings/",
            {"starts_at": NOON, "ends_at": NOON + HOUR},
        ),
        ("post", f"meetings/{meeting.public_id}/cancel/", {"reason": "x"}),
        ("post", f"meetings/{meeting.public_id}/restore/", {}),
        ("post", f"meetings/{meeting.public_id}/move/", {"starts_at": NOON, "ends_at": NOON + HOUR}),
        ("post", f"meetings/{meeting.public_id}/finish/", {"rest": "absent"}),
    ]
    for user, status in (
        (factories.make_teacher(), 404),
        (user_of(taught_class.students[0]), 403),
    ):
        client = client_of(user)
        for verb, path, body in calls:
            answer = getattr(client, verb)(f"/api/v1/{path}", body, format="json")
            assert answer.status_code == status, path
    assert Meeting.objects.values().get() == before
