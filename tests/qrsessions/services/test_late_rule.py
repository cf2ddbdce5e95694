"""The late rule: a scan that arrives a set number of minutes after the start of attendance is late."""

import datetime
import re

import pytest
from django.db import transaction
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attendance.models import AttendanceRecord, Method, RecordChange, Section, Status, Student
from qrsessions.codes import claims
from qrsessions.models import GroupSession, QRSession, SessionStatus
from qrsessions.queries.student_places import lock_places
from qrsessions.services import groups
from qrsessions.services.marking import MarkAtPlaces, write_marks_at_places
from tests.support import factories
from tests.support.classes import Class, code_of, open_page
from tests.support.live_sets import sets_of
from tests.support.pages import browser_of, held_by, shown, states_of

START = datetime.datetime(2026, 10, 5, 8, 0, 48, tzinfo=datetime.UTC)
MINUTES = 15
BOUNDARY = START + datetime.timedelta(minutes=MINUTES)
MICROSECOND = datetime.timedelta(microseconds=1)


def set_rule(section: Section, minutes: int | None) -> None:
    section.late_after_minutes = minutes
    section.save()


@pytest.fixture
def taking(taught_class, time_machine):
    """The class with a rule of 15 minutes. Attendance started at START, and all three students joined."""
    set_rule(taught_class.section, MINUTES)
    time_machine.move_to(START, tick=False)
    taught_class.session = taught_class.open()
    for number in range(3):
        taught_class.join(taught_class.session, number)
    taught_class.step(taught_class.session, "start")
    taught_class.session.refresh_from_db()
    return taught_class


def record_of(taught_class, number: int = 0) -> AttendanceRecord:
    return AttendanceRecord.objects.get(
        meeting=taught_class.session.meeting_id, student=taught_class.students[number]
    )


def judged(session: QRSession, student: Student, at: datetime.datetime) -> str:
    """The status of a scan that arrives at this time."""
    with transaction.atomic():
        places = lock_places(session_or_group=session, student=student)
        (marked,) = write_marks_at_places(
            [MarkAtPlaces(places, student, at=at, method=Method.QR, joins=True)]
        )
        return marked.status


# --- One session ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (START, "present"),
        (BOUNDARY - MICROSECOND, "present"),
        (BOUNDARY, "late"),
        (BOUNDARY + MICROSECOND, "late"),
    ],
)
def test_scan_is_late_from_exactly_the_set_minute(taking, time_machine, at, status):
    time_machine.move_to(at, tick=False)

    answer = taking.mark(taking.session)
    again = taking.mark(taking.session)

    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (201, "marked", status)
    assert (again.status_code, again.json()["code"], again.json()["status"]) == (
        200,
        "already_marked",
        status,
    )
    record = record_of(taking)
    assert (record.status, record.marked_at, record.method) == (status, at, Method.QR)
    assert not RecordChange.objects.exists()


def test_late_counts_as_present(taking, time_machine):
    time_machine.move_to(BOUNDARY, tick=False)

    stats = taking.mark(taking.session).json()["stats"]

    assert (stats["total_present"], stats["total_joined"]) == (1, 3)
    assert sets_of(taking.session)[1] == {"01"}


def test_typed_code_is_late_too(taking, time_machine):
    time_machine.move_to(BOUNDARY, tick=False)

    answer = taking.type_code(taking.session, code_of(taking.session))

    assert (answer.status_code, answer.json()["status"]) == (201, "late")
    assert record_of(taking).method == Method.CODE


@pytest.mark.parametrize("minutes", [None, 24 * 60])
def test_nobody_is_late_without_a_rule_or_before_its_time(taking, time_machine, minutes):
    set_rule(taking.section, minutes)
    time_machine.move_to(BOUNDARY, tick=False)
    assert taking.mark(taking.session).json()["status"] == "present"


def test_rule_of_no_minutes_makes_every_scan_late(taking):
    set_rule(taking.section, 0)
    assert taking.mark(taking.session).json()["status"] == "late"


@pytest.mark.parametrize("before_sign_in", [True, False])
@pytest.mark.parametrize(("arrived_at", "status"), [(BOUNDARY - MICROSECOND, "present"), (BOUNDARY, "late")])
def test_claim_counts_from_its_arrival(taking, time_machine, before_sign_in, arrived_at, status):
    phone = browser_of(taking.students[0])
    user = factories.user_of(taking.students[0])
    claim = claims.issue(
        public_id=taking.session.public_id,
        arrived_at=arrived_at,
        held_by=held_by(phone) if before_sign_in else claims.held_by_user(user),
    )
    time_machine.move_to(BOUNDARY + datetime.timedelta(seconds=50), tick=False)

    response = phone.post(reverse("qrsessions:claim"), {"claim": claim})

    assert response.status_code == 303
    assert (record_of(taking).status, record_of(taking).marked_at) == (status, arrived_at)


def test_claim_after_the_end_replaces_the_absence_by_late(taking, time_machine):
    phone = browser_of(taking.students[0])
    claim = claims.issue(public_id=taking.session.public_id, arrived_at=BOUNDARY, held_by=held_by(phone))
    time_machine.move_to(BOUNDARY + datetime.timedelta(seconds=5), tick=False)
    taking.step(taking.session, "end")

    phone.post(reverse("qrsessions:claim"), {"claim": claim})

    assert record_of(taking).status == Status.LATE
    change = RecordChange.objects.get()
    assert (change.from_status, change.from_method, change.to_status, change.to_method) == (
        "absent",
        "end",
        "late",
        "claim",
    )


def test_reopened_session_counts_from_its_first_start(taking, time_machine):
    time_machine.move_to(START + datetime.timedelta(minutes=5), tick=False)
    taking.step(taking.session, "end")
    time_machine.move_to(BOUNDARY - MICROSECOND, tick=False)
    taking.step(taking.session, "reopen")

    in_time = taking.mark(taking.session, 0).json()["status"]
    time_machine.move_to(BOUNDARY, tick=False)
    late = taking.mark(taking.session, 1).json()["status"]

    assert (in_time, late) == ("present", "late")


@pytest.mark.parametrize(("scanned_at", "status"), [(BOUNDARY - MICROSECOND, "present"), (BOUNDARY, "late")])
def test_admitted_scan_is_judged_by_its_arrival(taught_class, time_machine, scanned_at, status):
    set_rule(taught_class.section, MINUTES)
    time_machine.move_to(START, tick=False)
    taught_class.session = taught_class.open()
    taught_class.step(taught_class.session, "start")
    time_machine.move_to(scanned_at, tick=False)
    assert taught_class.mark(taught_class.session).json()["code"] == "not_joined"
    time_machine.move_to(BOUNDARY + datetime.timedelta(minutes=30), tick=False)

    taught_class.as_teacher.post(
        f"/api/v1/sessions/{taught_class.session.public_id}/waiting/", {}, format="json"
    )

    record = record_of(taught_class)
    assert (record.status, record.marked_at) == (status, scanned_at)
    change = RecordChange.objects.get()
    assert (change.from_status, change.to_status, change.to_method, change.changed_by) == (
        None,
        status,
        "qr",
        taught_class.teacher,
    )


def test_scan_never_makes_late_whom_a_teacher_entered(taking, time_machine):
    path = f"/api/v1/sessions/{taking.session.public_id}/records/{taking.students[0].student_id}/"
    taking.as_teacher.put(path, {"status": "present"}, format="json")
    time_machine.move_to(BOUNDARY, tick=False)

    answer = taking.mark(taking.session)

    assert (answer.status_code, answer.json()["status"]) == (200, "present")
    assert (record_of(taking).status, record_of(taking).method) == ("present", "manual")


def test_rule_is_shown_to_teacher_and_student(taking):
    session = taking.as_teacher.get(f"/api/v1/sessions/{taking.session.public_id}/").json()
    token = taking.as_teacher.get(f"/api/v1/sessions/{taking.session.public_id}/token/").json()
    (own,) = taking.as_student[0].get("/api/v1/me/session/").json()["sessions"]

    returned = [datetime.datetime.fromisoformat(answer["late_from"]) for answer in (session, token, own)]
    assert returned == [BOUNDARY] * 3


@pytest.mark.parametrize(("minutes", "start"), [(None, True), (MINUTES, False)])
def test_late_from_is_none_without_a_rule_or_before_the_start(taught_class, minutes, start):
    set_rule(taught_class.section, minutes)
    session = taught_class.open()
    if start:
        taught_class.step(session, "start")

    returned = taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/").json()["late_from"]
    (own,) = taught_class.as_student[0].get("/api/v1/me/session/").json()["sessions"]

    assert (returned, own["late_from"]) == (None, None)


# --- Pages ------------------------------------------------------------------------------------------------


def rule_on(page: str) -> str:
    """The element of the screen that shows the rule."""
    found = re.search(r"<p class=\"late\".*?</p>", page)
    assert found
    return found[0]


def screen_of(taught_class) -> str:
    page = taught_class.as_teacher.get(
        f"/teach/sessions/{taught_class.session.public_id}/screen/"
    ).content.decode()
    return rule_on(page)


def test_pages_say_from_when_on_a_scan_is_late(taking):
    assert "Scans from 08:15:48 onwards count as late." in shown(open_page(taking))
    assert shown(screen_of(taking)) == "Late from 08:15:48"
    assert " hidden" not in screen_of(taking)


def test_pages_show_nothing_without_a_rule(taking):
    set_rule(taking.section, None)
    assert re.search(r"<p [^>]*data-late hidden", open_page(taking))
    assert " hidden" in screen_of(taking)


def test_late_student_sees_that_the_mark_counts(taking, time_machine):
    time_machine.move_to(BOUNDARY, tick=False)
    taking.mark(taking.session)

    page = open_page(taking)

    assert states_of(page) == ["late"]
    assert "You are marked late, which counts as present." in shown(page)


# --- Groups -----------------------------------------------------------------------------------------------


@pytest.fixture
def hall(transactional_db, time_machine) -> tuple[Class, GroupSession, list[Section]]:
    """One student in three sections with the rules 5 minutes, 15 minutes and none; attendance started at START."""
    teacher, student = factories.make_teacher(), factories.make_student()
    sections = [
        factories.make_section(students=[student], teachers=[teacher], late_after_minutes=minutes)
        for minutes in (5, MINUTES, None)
    ]
    taught_class = Class(sections[0], teacher, [student])
    time_machine.move_to(START, tick=False)
    body = {"sections": [section.pk for section in sections], "join_policy": "open"}
    group = taught_class.as_teacher.post("/api/v1/group-sessions/", body, format="json").json()["id"]
    taught_class.as_teacher.post(f"/api/v1/group-sessions/{group}/start/")
    return taught_class, GroupSession.objects.with_names().get(group__public_id=group), sections


def statuses_of(sections) -> list[str | None]:
    found = dict(AttendanceRecord.objects.values_list("meeting__section", "status"))
    return [found[section.pk] for section in sections]


@pytest.mark.parametrize(
    ("minutes", "statuses"),
    [
        (0, ["present", "present", "present"]),
        (5, ["late", "present", "present"]),
        (14, ["late", "present", "present"]),
        (15, ["late", "late", "present"]),
    ],
)
def test_each_register_of_a_group_follows_its_own_sections_rule(hall, time_machine, minutes, statuses):
    taught_class, group, sections = hall
    time_machine.move_to(START + datetime.timedelta(minutes=minutes), tick=False)

    answer = taught_class.mark(group)

    assert (answer.status_code, answer.json()["status"]) == (201, statuses[0])
    assert statuses_of(sections) == statuses


def test_mark_by_hand_applies_where_sections_judged_the_scan_differently(hall, time_machine):
    taught_class, group, sections = hall
    time_machine.move_to(START + datetime.timedelta(minutes=10), tick=False)
    taught_class.mark(group)
    session = QRSession.objects.with_names().get(meeting__section=sections[0])
    path = f"/api/v1/sessions/{session.public_id}/records/{taught_class.students[0].student_id}/"

    taught_class.as_teacher.put(path, {"status": None}, format="json")

    assert statuses_of(sections) == [None, None, None]


def test_section_added_later_follows_its_own_rule(hall, time_machine):
    taught_class, group, sections = hall
    time_machine.move_to(START + datetime.timedelta(minutes=10), tick=False)
    taught_class.mark(group)
    added = factories.make_section(
        students=taught_class.students, teachers=[taught_class.teacher], late_after_minutes=5
    )
    time_machine.move_to(START + datetime.timedelta(minutes=20), tick=False)

    groups.add_section(
        group_session=group, section=added, by=taught_class.teacher, at=START + datetime.timedelta(minutes=20)
    )

    assert statuses_of([sections[0], added]) == ["late", "present"]
    marks = AttendanceRecord.objects.values_list("method", "marked_at").distinct()
    assert list(marks) == [("qr", START + datetime.timedelta(minutes=10))]


def test_screen_of_a_group_shows_the_earliest_late_time(hall):
    taught_class, group, sections = hall
    path = f"/teach/groups/{group.public_id}/screen/"

    differs = taught_class.as_teacher.get(path).content.decode()
    for section in sections:
        set_rule(section, MINUTES)
    same = taught_class.as_teacher.get(path).content.decode()
    token = taught_class.as_teacher.get(f"/api/v1/group-sessions/{group.public_id}/token/").json()

    rules = [shown(rule_on(page)) for page in (differs, same)]
    assert rules == ["Late from 08:05:48 in some sections", "Late from 08:15:48"]
    assert datetime.datetime.fromisoformat(token["late_from"]) == BOUNDARY


# --- Any rule, any moment ---------------------------------------------------------------------------------


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(minutes=st.one_of(st.none(), st.integers(0, 24 * 60)), offset=st.integers(-3_000_000, 3_000_000))
def test_status_is_late_exactly_from_the_time_shown(minutes, offset):
    """``offset``: microseconds between the boundary and the scan; without a rule, the start is the boundary."""
    section = factories.make_section(students=1, late_after_minutes=minutes)
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE, at=START)
    at = START + datetime.timedelta(minutes=minutes or 0, microseconds=offset)
    student = factories.students_of(section)[0]
    session = QRSession.objects.with_names().get(pk=session.pk)
    assert judged(session, student, at) == ("late" if minutes is not None and offset >= 0 else "present")
    assert session.late_from == (None if minutes is None else START + datetime.timedelta(minutes=minutes))
